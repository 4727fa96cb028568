"""All variants of a session, on a few engines: deployed, tried and taken away again, several at a time.

Without pytest-xdist the first test starts all that were selected, and each test waits for its own. Under pytest-xdist, where
no process knows what it will be given, each starts its own when it comes to it. It must not know what a trial should show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Semaphore
from types import TracebackType
from typing import Self

from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack

from tests.mutants.deploying import Deployer, Package
from tests.mutants.trial import Trial, put_on_trial
from tests.mutants.variants import Variant
from tests.places import PLACES

ENGINES = 8
"""With a faster clock each variant has an engine for itself while it is tried, since a clock runs fast only while nothing is at work.
A small variant needs a processor for 3 s of the 7 s that it takes: eight engines keep two processors busy."""

AT_ONCE_IN_REAL_TIME = 12
"""On one engine: there they mostly wait for their backoff."""

DEPLOYS_AT_ONCE = 3

STARTS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one variant at a time is tried."""

    endpoint: Endpoint
    deployer: Deployer


class Trials:
    """Tries variants on ``endpoint`` and, where its clock is faster than the machine's, on more engines like it. Use as a context
    manager: nothing is begun any more once it is left."""

    def __init__(self, endpoint: Endpoint, folder: Path) -> None:
        self._over = Event()
        self._package = Package(endpoint, folder, self._over)
        self._first = _Place(endpoint, Deployer(endpoint, self._package, self._over))
        self._folder = folder
        self._engines = ExitStack()
        self._at_once = AT_ONCE_IN_REAL_TIME if endpoint.clock.scale == 1 else ENGINES
        self._pool = ThreadPoolExecutor(self._at_once, thread_name_prefix="variant")
        self._starts = ThreadPoolExecutor(STARTS_AT_ONCE, thread_name_prefix="engine")
        self._places: SimpleQueue[Future[_Place]] = SimpleQueue()
        self._places.put(self._place(1))
        self._deploys = Semaphore(DEPLOYS_AT_ONCE)
        self._begun: Mapping[str, Future[Trial]] = {}

    def begin(self, variants: Iterable[Variant]) -> None:
        """Begin with all of these, those that take long first, and then those that are much work."""
        ordered = sorted(variants, key=lambda each: (not each.takes_long, not each.load.is_large))
        for number in range(2, min(self._at_once, len(ordered)) + 1):
            self._places.put(self._place(number))
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
        for pool in (self._pool, self._starts):
            pool.shutdown(wait=False, cancel_futures=True)
        self._over.set()
        self._engines.close()

    def _place(self, number: int) -> Future[_Place]:
        """The first, or one with an engine of its own, as soon as that is up."""
        endpoint = self._first.endpoint
        if number == 1 or endpoint.clock.scale == 1:
            first: Future[_Place] = Future()
            first.set_result(self._first)
            return first
        folder = self._folder / f"engine-{number}"
        target = LocalStack(folder, cache=PLACES.cache, region=endpoint.region, clock_scale=endpoint.clock.scale)
        engine = self._engines.enter_context(target)

        def start() -> _Place:
            another = engine.start()
            return _Place(another, Deployer(another, self._package, self._over))

        return self._starts.submit(start)

    def _try(self, variant: Variant) -> Trial:
        free, stage = self._places.get(), _stage(variant.name)
        try:
            place = free.result()
            with self._deploys:
                stack = place.deployer.deploy(stage, variant)
            try:
                return put_on_trial(place.endpoint, stack, variant.load, self._folder / variant.name)
            finally:
                place.deployer.remove(stack)
        finally:
            self._places.put(free)


def _stage(name: str) -> str:
    """A stage's name is part of names that AWS cuts short: letters, digits and hyphens."""
    return name.replace(".", "-")
