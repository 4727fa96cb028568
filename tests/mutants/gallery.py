"""All variants of a session on one engine: deployed, tried and taken away again, several at a time.

Without pytest-xdist the first test starts all that were selected, and each test waits for its own. Under pytest-xdist, where
no process knows what it will be given, each starts its own when it comes to it. It must not know what a trial should show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore
from types import TracebackType
from typing import Self

from harness.deployment import stop_the_cli
from harness.targets.base import Endpoint
from tests.mutants.deploying import Deployer
from tests.mutants.trial import Trial, put_on_trial
from tests.mutants.variants import Variant

AT_ONCE = 5
"""Beside one with a large load. With more, an engine on two processors keeps functions waiting for longer than they wait."""

AT_ONCE_IN_REAL_TIME = 12
"""There they mostly wait for their backoff."""

DEPLOYS_AT_ONCE = 2


class Gallery:
    """Tries variants on ``endpoint``. Use as a context manager: nothing is begun any more once it is left."""

    def __init__(self, endpoint: Endpoint, folder: Path) -> None:
        self._endpoint = endpoint
        self._folder = folder
        self._deployer = Deployer(endpoint, folder)
        at_once = AT_ONCE_IN_REAL_TIME if endpoint.clock.scale == 1 else AT_ONCE
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="variant")
        self._large = ThreadPoolExecutor(1, thread_name_prefix="large-variant")
        self._deploys = Semaphore(DEPLOYS_AT_ONCE)
        self._begun: Mapping[str, Future[Trial]] = {}

    def begin(self, variants: Iterable[Variant]) -> None:
        """Begin with all of these, those that take long first."""
        ordered = sorted(variants, key=lambda each: not each.takes_long)
        self._begun = {
            each.name: (self._large if each.load.is_large else self._pool).submit(self._try, each) for each in ordered
        }

    def trial(self, variant: Variant) -> Trial:
        """How this one was graded, once it has been."""
        begun = self._begun.get(variant.name)
        return begun.result() if begun is not None else self._try(variant)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Whatever is under way, after an interrupt, ends with the engine.
        for pool in (self._pool, self._large):
            pool.shutdown(wait=False, cancel_futures=True)
        stop_the_cli()

    def _try(self, variant: Variant) -> Trial:
        stage = _stage(variant.name)
        with self._deploys:
            if variant.changes_code_only:
                stack = self._deployer.without_the_cli(stage, variant.changed_files())
            else:
                stack = self._deployer.with_the_cli(stage, variant)
        try:
            return put_on_trial(self._endpoint, stack, variant.load, self._folder / variant.name)
        finally:
            self._deployer.remove(stack)


def _stage(name: str) -> str:
    """A stage's name is part of names that AWS cuts short: letters, digits and hyphens."""
    return name.replace(".", "-")
