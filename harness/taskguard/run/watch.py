"""Watches a run until its tasks have settled or time is up.

It decides only when to stop looking. A record that says "done" is not believed as long as a queue still holds a message:
a pipeline that claims too early is watched to its real end. Where no record tells of a task's end, the run is over when the queues
are empty and no function is at work.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from taskguard.contract.terms import Terms
from taskguard.evidence.queues import Queues
from taskguard.evidence.records import Records
from taskguard.history import QueueDepth
from taskguard.history.values import QueueName
from taskguard.support.clocks import Clock
from taskguard.support.waiting import WaitedInVain, wait_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a run is looked at: every so often; and when both queues have been empty for ``quiet_seconds``, nothing more
    will happen to a task that is not settled by then."""

    look_every_seconds: float
    quiet_seconds: float


LOCAL = Pace(look_every_seconds=0.05, quiet_seconds=6.0)
_ON_ITS_WAY_SECONDS = 0.08
"""By then a message that left one queue has arrived in the other."""
_READ_RECORDS_EVERY_SECONDS = 0.25
"""As long as queues are not empty: the engine has use for its processor."""
_CRASHES_OF_DEAD_LETTERS = 3
"""How often in a row their consumer is given time to crash."""

ON_AWS = Pace(look_every_seconds=2.0, quiet_seconds=90.0)
"""A queue's approximate numbers there reach consistency within a minute:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/confirm-queue-is-empty.html."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One look at a run. ``seconds_left`` is the most that it will still be watched."""

    settled: int
    total: int
    depths: tuple[QueueDepth, ...]
    seconds_left: float

    @property
    def held(self) -> list[int]:
        """How much each queue held."""
        return [depth.total for depth in self.depths]


def all_empty(depths: Iterable[QueueDepth], but: Collection[QueueName] = ()) -> bool:
    """Whether no queue holds a message, in whatever state; ``but`` these, which nobody empties."""
    return all(depth.total == 0 for depth in depths if depth.queue not in but)


def longest_run_seconds(terms: Terms, tasks: int) -> float:
    """How long a run of ``tasks`` is watched at most after the last submission: the whole schedule with each delay as
    late as it may be, and time to work through the queue."""
    delays = terms.contract.waits
    return sum(delays) + len(delays) * terms.tolerances.late_seconds + 20.0 + 0.25 * tasks


def longest_run_under_faults_seconds(
    terms: Terms, tasks: int, visibility_timeout_seconds: float, lasting_seconds: float = 0.0
) -> float:
    """The same, by the pipeline's clock, when faults are injected: each receive may be lost to a crash, and comes back after the
    visibility timeout; so may a few of the dead letters; and what is switched off for a while, at last after
    ``lasting_seconds``, is not at work meanwhile."""
    crashes = (terms.contract.attempts.highest or 0) + _CRASHES_OF_DEAD_LETTERS
    return longest_run_seconds(terms, tasks) + crashes * visibility_timeout_seconds + lasting_seconds


def longest_on(
    queues: Queues, terms: Terms, tasks: int, pace: Pace, clock_scale: float, *, faults_lasting: float | None
) -> float:
    """For how many seconds a run of ``tasks`` on these queues is watched in this pace: by the machine's clock, or under faults, of which
    the last one is over after ``faults_lasting`` seconds, by the pipeline's."""
    if faults_lasting is not None:
        longest = longest_run_under_faults_seconds(terms, tasks, queues.visibility_timeout_seconds(), faults_lasting)
        return longest + pace.quiet_seconds * clock_scale
    longest = longest_run_seconds(terms, tasks) + pace.quiet_seconds
    if terms.contract.waiting.exact_seconds(1) is None:
        # How long a task takes is then what the stack says.
        longest += queues.receives_before_death() * queues.visibility_timeout_seconds()
    return longest


def watch(
    records: Records,
    queues: Queues,
    task_ids: Iterable[str],
    terms: Terms,
    *,
    seconds: float,
    pace: Pace = LOCAL,
    tell: Callable[[Progress], None] = lambda _: None,
    clock: Clock | None = None,
    stays_filled: Collection[QueueName] = (),
    at_rest: Callable[[], bool] | None = None,
    handed_in: Callable[[], Iterable[str]] = tuple,
    are_empty_beside: Callable[[], bool] = lambda: True,
    in_vain: Callable[[int], bool] = lambda _: False,
) -> bool:
    """Return when nothing more will happen; False when ``seconds`` passed before that, by ``clock`` if one is given and else by
    the machine's. Nobody empties the queues of ``stays_filled``. Where no record tells of tasks, ``at_rest`` is whether nothing is at
    work. ``handed_in`` are tasks that were handed in since it was asked last: it is not over before a while after them, nor while the stack's
    other queues are not empty, of which ``are_empty_beside`` tells. Where nothing but so many dead letters are left, ``in_vain`` is whether their
    consumer will never finish them: they are not waited for, as if time had passed."""

    def since_seconds() -> float:
        return time.monotonic() if clock is None else clock.now_ms() / 1000

    open_ids, deadline = set(task_ids), since_seconds() + seconds
    total, final = len(open_ids), set(terms.dialect.finals)
    empty_since: float | None = None
    read_at, in_time = -math.inf, True

    def is_over() -> bool:
        nonlocal empty_since, read_at, in_time
        now, left = time.monotonic(), deadline - since_seconds()
        in_time = left > 0
        if [*handed_in()]:
            # It was taken: this look finds what came of it, and so does the next one.
            empty_since = None
        depths = tuple(queues.queue_depths())
        is_empty = all_empty(depths, stays_filled) and (at_rest is None or at_rest()) and not [*handed_in()]
        is_empty = is_empty and are_empty_beside()
        if open_ids and (is_empty or now >= read_at + _READ_RECORDS_EVERY_SECONDS):
            read_at = now
            open_ids.difference_update(i for i, status in records.statuses(open_ids).items() if status in final)
        empty_since = (empty_since or now) if is_empty else None
        left_on_queues = sum(depth.total for depth in depths if depth.queue not in stays_filled)
        dead = sum(depth.total for depth in depths if depth.queue == "dead-letter")
        unsettled = len(open_ids) if at_rest is None else min(total, left_on_queues)
        tell(Progress(settled=total - unsettled, total=total, depths=depths, seconds_left=max(0.0, left)))
        quiet_for = now - empty_since if empty_since is not None else 0.0
        is_quiet = quiet_for > (pace.quiet_seconds if open_ids and at_rest is None else _ON_ITS_WAY_SECONDS)
        if is_quiet:
            in_time = True
        elif 0 < dead == left_on_queues and are_empty_beside() and in_vain(dead):
            in_time = False
        return is_quiet or not in_time

    try:
        wait_for(is_over, seconds=seconds, every=pace.look_every_seconds, at_most_every=pace.look_every_seconds)
    except WaitedInVain:
        return False
    return in_time


class Looks:
    """Tells of each look at the stack, and keeps the last one with an earlier one: the first since when the queues hold as much, else the one
    before."""

    def __init__(self, tell: Callable[[Progress], None]) -> None:
        self._tell = tell
        self._before: Progress | None = None
        self._last: Progress | None = None
        self._alike = 0

    def __call__(self, progress: Progress) -> None:
        is_alike = self._last is not None and self._last.held == progress.held
        self._alike = self._alike + 1 if is_alike else 0
        if self._alike < 2:
            self._before = self._last
        self._last = progress
        self._tell(progress)

    def found_nothing_new(self) -> bool:
        """Whether the last look was the first one to find as much in the queues as the look before."""
        return self._alike == 1

    @property
    def depths_before(self) -> Sequence[QueueDepth]:
        """As they were at the earlier look; at the only one, if there was no other."""
        earlier = self._before or self._last
        return () if earlier is None else earlier.depths
