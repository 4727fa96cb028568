"""Waiting for a condition: the one way in which anything here waits for something else to happen."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_exponential

T = TypeVar("T")


class WaitedInVain(Exception):
    """The condition did not come to hold before the deadline."""


def wait_for(look: Callable[[], T], *, seconds: float, every: float = 0.05, at_most_every: float = 0.25) -> T:
    """Call ``look`` until it returns something true, and return that.

    ``seconds`` is the deadline; the pauses grow from ``every`` to ``at_most_every`` seconds. What ``look`` raises passes
    through.

    Raises:
        WaitedInVain: at the deadline. The caller knows what was missing and says so.
    """
    retrying = Retrying(
        retry=retry_if_result(lambda found: not found),
        stop=stop_after_delay(seconds),
        wait=wait_exponential(multiplier=every, max=at_most_every, exp_base=1.5),
    )
    try:
        return retrying(look)
    except RetryError as error:
        raise WaitedInVain(f"nothing after {seconds:.0f} s") from error
