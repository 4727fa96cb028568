"""All variants of a session, on a few engines: deployed, tried and taken away again, several at a time.

Without pytest-xdist the first test starts all that were selected, and each test waits for its own. Under pytest-xdist, where
no process knows what it will be given, each starts its own when it comes to it. It must not know what a trial should show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Semaphore
from types import TracebackType
from typing import Self

from harness.deployment import stop_the_cli
from harness.targets.base import Endpoint
from harness.targets.localstack import LocalStack
from tests.mutants.deploying import Deployer
from tests.mutants.trial import Trial, put_on_trial
from tests.mutants.variants import Variant

ENGINES = 3
"""With a faster clock each variant has an engine for itself while it is tried, since a clock hurries only while nothing is at work."""

AT_ONCE_IN_REAL_TIME = 12
"""On one engine: there they mostly wait for their backoff."""

DEPLOYS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one variant at a time is tried."""

    endpoint: Endpoint
    deployer: Deployer


class Gallery:
    """Tries variants on ``endpoint`` and, where its clock is faster than the machine's, on more engines like it. Use as a context
    manager: nothing is begun any more once it is left."""

    def __init__(self, endpoint: Endpoint, folder: Path) -> None:
        self._folder = folder
        self._engines = ExitStack()
        self._places: SimpleQueue[_Place] = SimpleQueue()
        at_once = AT_ONCE_IN_REAL_TIME if endpoint.clock.scale == 1 else ENGINES
        for place in self._make_places(endpoint, at_once):
            self._places.put(place)
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="variant")
        self._deploys = Semaphore(DEPLOYS_AT_ONCE)
        self._begun: Mapping[str, Future[Trial]] = {}

    def begin(self, variants: Iterable[Variant]) -> None:
        """Begin with all of these, those that take long first."""
        ordered = sorted(variants, key=lambda each: not each.takes_long)
        self._begun = {each.name: self._pool.submit(self._try, each) for each in ordered}

    def trial(self, variant: Variant) -> Trial:
        """How this one was graded, once it has been."""
        begun = self._begun.get(variant.name)
        return begun.result() if begun is not None else self._try(variant)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Whatever is under way, after an interrupt, ends with its engine.
        self._pool.shutdown(wait=False, cancel_futures=True)
        stop_the_cli()
        self._engines.close()

    def _make_places(self, endpoint: Endpoint, count: int) -> Iterator[_Place]:
        first = _Place(endpoint, Deployer(endpoint, self._folder))
        if endpoint.clock.scale == 1:
            yield from [first] * count
            return
        yield first
        for number in range(2, count + 1):
            folder = self._folder / f"engine-{number}"
            engine = LocalStack(folder, region=endpoint.region, clock_scale=endpoint.clock.scale)
            another = self._engines.enter_context(engine).start()
            yield _Place(another, Deployer(another, folder))

    def _try(self, variant: Variant) -> Trial:
        place, stage = self._places.get(), _stage(variant.name)
        try:
            with self._deploys:
                if variant.changes_code_only:
                    stack = place.deployer.without_the_cli(stage, variant.changed_files())
                else:
                    stack = place.deployer.with_the_cli(stage, variant)
            try:
                return put_on_trial(place.endpoint, stack, variant.load, self._folder / variant.name)
            finally:
                place.deployer.remove(stack)
        finally:
            self._places.put(place)


def _stage(name: str) -> str:
    """A stage's name is part of names that AWS cuts short: letters, digits and hyphens."""
    return name.replace(".", "-")
