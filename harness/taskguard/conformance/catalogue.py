"""All behaviours there are, in the order in which the table shows them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from taskguard.conformance.behaviour import Behaviour, registered
from taskguard.conformance.behaviours import (  # noqa: F401  # they register themselves
    answers,
    batches,
    bodies,
    dead_letters,
    fifo,
    filters,
    groups,
    receiving,
    refusals,
    sending,
)
from taskguard.errors import ConfigurationError

ALL = registered()


def chosen(ids: Sequence[str] = ()) -> tuple[Behaviour, ...]:
    """Those with these ids, or all.

    Raises:
        ConfigurationError: when there is none of that id.
    """
    known = {each.id: each for each in ALL}
    if unknown := [each for each in ids if each not in known]:
        near = get_close_matches(unknown[0], known, cutoff=0.3)
        raise ConfigurationError(
            f"--only {unknown[0]}: there is no such behaviour. The nearest are: {', '.join(near) or 'none'}."
        )
    return tuple(known[each] for each in ids) if ids else ALL
