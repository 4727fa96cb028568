"""When a run is no longer watched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from taskguard.evidence.queues import Queues
from taskguard.evidence.records import Records
from taskguard.history import QueueDepth
from taskguard.history.values import QueueName
from taskguard.run.watch import LOCAL, Looks, Progress, longest_run_seconds, longest_run_under_faults_seconds, watch
from taskguard.support.clocks import Clock as PipelineClock

from tests.terms import our_terms
from tests.unit.taskguard.conftest import Clock

EXPECTED = our_terms()
DEAD: tuple[QueueName, ...] = ("dead-letter",)
EMPTY, IN_FLIGHT, VISIBLE, DELAYED = (0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, 1)


class Reader:
    """Answers one look after another; the last answer stays. A look is the work queue's depth, and the tasks' statuses."""

    def __init__(self, *looks: tuple[dict[str, str], tuple[int, int, int]], dead: Sequence[int] = EMPTY) -> None:
        self._looks = list(looks)
        self._dead = dead
        self.asked: list[set[str]] = []
        self.looks = 0

    def statuses(self, task_ids: Iterable[str]) -> dict[str, str]:
        self.asked.append(set(task_ids))
        return {task_id: status for task_id, status in self._now[0].items() if task_id in self.asked[-1]}

    def queue_depths(self) -> list[QueueDepth]:
        if self.looks and len(self._looks) > 1:
            self._looks.pop(0)
        self.looks += 1
        return [_depth("work", self._now[1]), _depth("dead-letter", self._dead)]

    @property
    def _now(self) -> tuple[dict[str, str], tuple[int, int, int]]:
        return self._looks[0]


def _depth(queue: Any, counts: Sequence[int]) -> QueueDepth:
    visible, in_flight, delayed = counts
    return QueueDepth(at_ms=0.0, queue=queue, visible=visible, in_flight=in_flight, delayed=delayed)


def watched(reader: Reader, *task_ids: str, seconds: float = 30.0, **more: Any) -> bool:
    return watch(cast(Records, reader), cast(Queues, reader), task_ids, EXPECTED, seconds=seconds, **more)


def test_it_stops_when_all_have_settled_and_both_queues_are_empty(clock: Clock) -> None:
    reader = Reader(
        ({"a": "PENDING", "b": "PROCESSING"}, VISIBLE),
        ({"a": "COMPLETED", "b": "RETRYING"}, DELAYED),
        ({"a": "COMPLETED", "b": "DEAD_LETTER"}, EMPTY),
    )
    assert watched(reader, "a", "b") is True
    assert reader.looks == 5
    assert sum(clock.waited) < 1.0


def test_a_settled_task_is_not_asked_for_again(clock: Clock) -> None:
    reader = Reader(({"a": "COMPLETED"}, VISIBLE), ({"b": "COMPLETED"}, EMPTY))
    watched(reader, "a", "b")
    assert reader.asked == [{"a", "b"}, {"b"}]


def test_records_are_read_seldom_while_there_are_messages(clock: Clock) -> None:
    reader = Reader(({}, VISIBLE))
    watched(reader, "a", seconds=10.0)
    assert 30 < len(reader.asked) < 42
    assert reader.looks > 190


def test_queues_must_stay_empty_for_a_while(clock: Clock) -> None:
    done = {"a": "COMPLETED"}
    reader = Reader((done, EMPTY), (done, IN_FLIGHT), (done, EMPTY), (done, EMPTY))
    assert watched(reader, "a") is True
    assert reader.looks == 5


@pytest.mark.parametrize("depth", [IN_FLIGHT, VISIBLE, DELAYED])
def test_a_record_that_claims_completion_while_a_message_is_left_is_not_believed(
    clock: Clock, depth: tuple[int, int, int]
) -> None:
    assert watched(Reader(({"a": "COMPLETED"}, depth)), "a", seconds=10.0) is False
    assert sum(clock.waited) >= 10.0


def test_a_message_in_the_dead_letter_queue_is_waited_for(clock: Clock) -> None:
    assert watched(Reader(({"a": "DEAD_LETTER"}, EMPTY), dead=VISIBLE), "a", seconds=10.0) is False


def test_at_the_deadline_it_says_so(clock: Clock) -> None:
    assert watched(Reader(({"a": "RETRYING"}, DELAYED)), "a", seconds=12.0) is False
    assert 12.0 <= sum(clock.waited) < 13.0


@pytest.mark.parametrize("status", [{}, {"a": "PROCESSING"}])
def test_a_lost_task_is_given_up_after_the_queues_were_quiet(clock: Clock, status: dict[str, str]) -> None:
    assert watched(Reader((status, VISIBLE), (status, EMPTY)), "a", seconds=60.0) is True
    assert LOCAL.quiet_seconds < sum(clock.waited) < LOCAL.quiet_seconds + 1.0


@pytest.mark.parametrize(("asked_before", "looks"), [(0, 3), (2, 4), (1, 4)], ids=["never", "between", "in a look"])
def test_a_while_follows_what_is_handed_in_again(clock: Clock, asked_before: int, looks: int) -> None:
    """It is asked before a look and after it: here it is told of before the second, or after the first."""
    told = iter([()] * asked_before + [("a",)] * bool(asked_before))
    reader = Reader(({"a": "COMPLETED"}, EMPTY))
    ended = watch(
        cast(Records, reader),
        cast(Queues, reader),
        ("a",),
        EXPECTED,
        seconds=30.0,
        handed_in=lambda: next(told, ()),
    )
    assert (ended, reader.looks) == (True, looks)


def test_quiet_begins_anew_when_a_message_comes_back(clock: Clock) -> None:
    waiting: list[Any] = [({}, EMPTY)] * 20
    reader = Reader(*waiting, ({}, VISIBLE), ({"a": "COMPLETED"}, EMPTY))
    assert watched(reader, "a", seconds=60.0) is True
    assert reader.looks == 24


def test_without_tasks_only_the_queues_are_looked_at(clock: Clock) -> None:
    reader = Reader(({}, EMPTY))
    assert watched(reader) is True
    assert reader.asked == []


def test_each_look_is_told(clock: Clock) -> None:
    told: list[Progress] = []
    reader = Reader(({"a": "COMPLETED"}, VISIBLE), ({"a": "COMPLETED", "b": "COMPLETED"}, EMPTY))
    watched(reader, "a", "b", seconds=30.0, tell=told.append)
    assert [(p.settled, p.total) for p in told] == [(1, 2), (2, 2), (2, 2), (2, 2)]
    assert told[0].depths[0].visible == 1
    assert told[0].seconds_left == 30.0
    assert told[0].seconds_left > told[1].seconds_left > told[2].seconds_left


def test_what_is_only_waited_for_is_found_once(clock: Clock) -> None:
    found: list[bool] = []

    def told(_: Progress) -> None:
        found.append(looks.found_nothing_new())

    looks = Looks(told)
    reader = Reader(({}, (0, 2, 0)), ({}, IN_FLIGHT), ({}, DELAYED), ({}, IN_FLIGHT), ({"a": "COMPLETED"}, EMPTY))
    watched(reader, "a", tell=looks)
    assert found[:5] == [False, False, True, False, False]


def test_of_looks_the_first_that_found_as_much_as_the_last_is_kept() -> None:
    looks = Looks(lambda _: None)
    assert not looks.depths_before
    for held, seconds_left, at_first in (
        (2, 9.0, 9.0),
        (1, 8.0, 9.0),
        (1, 7.0, 8.0),
        (1, 6.0, 8.0),
        (0, 5.0, 6.0),
        (0, 4.0, 5.0),
    ):
        depth = QueueDepth(at_ms=seconds_left, queue="work", visible=held, in_flight=0, delayed=0)
        looks(Progress(settled=0, total=2, depths=(depth,), seconds_left=seconds_left))
        assert [each.at_ms for each in looks.depths_before] == [at_first]


def test_a_run_is_watched_for_the_whole_schedule_and_longer_with_more_tasks() -> None:
    late = 3 * EXPECTED.tolerances.late_seconds
    assert longest_run_seconds(EXPECTED, 1) > 5 + 10 + 20 + late
    assert longest_run_seconds(EXPECTED, 1000) > longest_run_seconds(EXPECTED, 1)


def test_under_faults_there_is_time_for_a_crash_of_each_attempt_and_for_what_is_switched_off() -> None:
    usual = longest_run_seconds(EXPECTED, 10)
    crashes = longest_run_under_faults_seconds(EXPECTED, 10, visibility_timeout_seconds=90.0, lasting_seconds=55.0)
    assert crashes >= usual + 3 * 90 + 55


@dataclass(frozen=True)
class Fast(PipelineClock):
    """A clock that runs so many times as fast as the stand-in for ``time``."""

    seconds: Clock = field(default_factory=Clock)
    times: float = 60.0

    def now_ms(self) -> float:
        return self.seconds.now * 1000 * self.times


def test_a_deadline_may_be_of_the_pipeline_s_clock(clock: Clock) -> None:
    reader, fast = Reader(({}, VISIBLE)), Fast(seconds=clock)
    over = watch(cast(Records, reader), cast(Queues, reader), ["a"], EXPECTED, seconds=60.0, clock=fast)
    assert over is False
    assert 1.0 <= sum(clock.waited) < 2.0


def test_what_settles_at_the_very_deadline_has_settled(clock: Clock) -> None:
    reader, fast = Reader(({"a": "COMPLETED"}, EMPTY)), Fast(seconds=clock, times=1000.0)
    assert watch(cast(Records, reader), cast(Queues, reader), ["a"], EXPECTED, seconds=150.0, clock=fast) is True


def test_without_a_record_it_stops_when_the_queues_are_empty_and_nothing_is_at_work(clock: Clock) -> None:
    reader, at_rest, told = (
        Reader(({}, VISIBLE), ({}, IN_FLIGHT), ({}, EMPTY)),
        iter([False, True, True, True]),
        list[Progress](),
    )
    assert watch(
        cast(Records, reader),
        cast(Queues, reader),
        ["a", "b"],
        EXPECTED,
        seconds=30.0,
        tell=told.append,
        at_rest=lambda: next(at_rest),
    )
    assert reader.looks == 6, (
        "two in which there was a message, one in which a function was at work, and three of quiet"
    )
    assert [look.settled for look in told] == [1, 1, 2, 2, 2, 2]
    assert sum(clock.waited) < LOCAL.quiet_seconds


def test_dead_letters_that_nobody_consumes_have_come_to_their_end(clock: Clock) -> None:
    reader = Reader(({}, EMPTY), dead=(3, 0, 0))
    looked = (cast(Records, reader), cast(Queues, reader), ["a"], EXPECTED)
    assert watch(*looked, seconds=30.0, stays_filled=DEAD, at_rest=lambda: True)
    assert reader.looks == 3
    assert not watch(*looked, seconds=5.0, at_rest=lambda: True)
