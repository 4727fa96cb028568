"""What a run's history says of the queues: two looks, apart, or that nothing can be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from taskguard.errors import SubmissionError
from taskguard.evidence.recorder.recording import Recording
from taskguard.evidence.sources import RecorderSource, source_at
from taskguard.history import EvidenceMissing, FaultInjected, History, QueueDepth, RunEnded, TaskSubmitted
from taskguard.ingress.load import plain_load
from taskguard.run.running import Run
from taskguard.service.stack import Stack
from taskguard.support.clocks import Clock

from tests.terms import our_terms
from tests.unit.taskguard import conftest
from tests.unit.taskguard.fake_aws import Fakes
from tests.unit.taskguard.recorder_lines import STACK, WORK_URL, ended, fault_injected, recording_of, started
from tests.unit.taskguard.recorder_lines import function as deployed_function

EXPECTED = our_terms(seed="a seed")


@dataclass
class Queues:
    """Answers each look at the work queue with the next of these numbers of messages in flight; the other is empty."""

    in_flight: list[int]
    looks: int = 0

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Mapping[str, Any]:  # noqa: N803
        counts = dict.fromkeys(AttributeNames, "0")
        if QueueUrl == WORK_URL:
            self.looks += 1
            counts["ApproximateNumberOfMessagesNotVisible"] = str(self.in_flight.pop(0) if self.in_flight else 0)
        return {"Attributes": counts}


@dataclass(frozen=True)
class OnTheClock(Clock):
    """Shows what the stand-in for ``time`` has, in milliseconds."""

    time: Any = field(default=None, compare=False)

    def now_ms(self) -> float:
        return float(self.time.now * 1000)


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> conftest.Clock:
    clock = conftest.Clock()
    for module in ("taskguard.run.running", "tenacity", "tenacity.nap"):
        monkeypatch.setattr(f"{module}.time", clock)
    # What else is read at the end of a run has tests of its own.
    monkeypatch.setattr("taskguard.run.running.Configuration.events", lambda _: [])
    monkeypatch.setattr("taskguard.run.running.Changes.of", lambda *_: [])
    return clock


@dataclass
class Recorded:
    """In place of a flight recorder's file."""

    read: Callable[[], Recording]


def run_on(endpoint: Fakes, stack: Stack = STACK, recording: Callable[[], Recording] = Recording) -> Run:
    source = RecorderSource(Recorded(recording), endpoint, stack)  # type: ignore[arg-type]
    return Run(endpoint=endpoint, stack=stack, terms=EXPECTED, source=source)


def history(seconds: conftest.Clock, *in_flight: int, shared: bool = False, **given: Any) -> History:
    endpoint = Fakes(queues=Queues(list(in_flight)), clock=OnTheClock(time=seconds))  # type: ignore[arg-type]
    run = run_on(endpoint)
    return run.history([], deadline_reached=False, only=frozenset({"mine"}) if shared else None, **given)


def test_whoever_notes_tasks_hears_of_all_that_the_client_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    def client_of(*given: Any) -> None:
        given[-1](["a"])
        raise SubmissionError("the API is gone")

    monkeypatch.setattr("taskguard.run.running.client_of", client_of)
    noted: list[str] = []
    source = RecorderSource(Recorded(Recording), Fakes(), STACK)  # type: ignore[arg-type]
    run = Run(endpoint=Fakes(), stack=STACK, terms=EXPECTED, source=source, note=noted.extend)
    with pytest.raises(SubmissionError):
        run.submit_and_watch(plain_load("s", 1))
    assert noted == ["a"]


def depths(history: History) -> list[int]:
    return [event.total for event in history.of_kind(QueueDepth) if event.queue == "work"]


def test_the_queues_are_looked_at_twice_so_far_apart_as_is_expected(seconds: conftest.Clock) -> None:
    found = history(seconds)
    first, last = (event for event in found.of_kind(QueueDepth) if event.queue == "work")
    assert last.at_ms - first.at_ms >= EXPECTED.tolerances.empty_for_seconds * 1000
    assert sum(seconds.waited) < EXPECTED.tolerances.empty_for_seconds + 0.05
    assert isinstance(found[-1], RunEnded)


def test_an_earlier_look_is_used_and_not_waited_for_again(seconds: conftest.Clock) -> None:
    earlier = [
        QueueDepth(at_ms=seconds.now * 1000 - 400, queue=queue, visible=0, in_flight=0, delayed=0)
        for queue in ("work", "dead-letter")
    ]
    found = history(seconds, depths=earlier)
    assert sum(seconds.waited) == 0
    assert set(earlier) < set(found.of_kind(QueueDepth))


def test_what_is_left_is_told_from_either_look(seconds: conftest.Clock) -> None:
    assert depths(history(seconds, 1, 2)) == [1, 2]


@pytest.mark.parametrize("in_flight", [(1, 0), (0, 1)])
def test_what_may_be_the_messages_of_others_tells_nothing(seconds: conftest.Clock, in_flight: tuple[int, int]) -> None:
    found = history(seconds, *in_flight, shared=True)
    assert depths(found) == []
    [missing] = found.of_kind(EvidenceMissing)
    assert missing.affects == ("QueueDepth",)


def test_empty_queues_that_others_use_too_are_empty_of_everybodys(seconds: conftest.Clock) -> None:
    assert depths(history(seconds, shared=True)) == [0, 0]


@pytest.mark.parametrize(("function", "waits"), [("TaskGuard-dev-processTask", True), ("another-stage's", False)])
def test_what_is_still_at_work_is_waited_for_and_not_what_is_anothers(
    seconds: conftest.Clock, tmp_path: Path, function: str, waits: bool
) -> None:
    def recording() -> Recording:
        return recording_of(tmp_path, started("r1"), *([ended("r1")] if seconds.now >= 1003 else []))

    stack = replace(STACK, functions=(deployed_function(function),))
    run_on(Fakes(clock=OnTheClock(time=seconds)), stack, recording).wait_until_at_rest()
    assert bool(seconds.waited) == waits
    assert (seconds.now >= 1003) == waits


def test_what_never_ends_is_not_waited_for_for_ever(seconds: conftest.Clock, tmp_path: Path) -> None:
    stack = replace(STACK, functions=(deployed_function("TaskGuard-dev-processTask"),))
    endpoint = Fakes(clock=OnTheClock(time=seconds))
    run_on(endpoint, stack, lambda: recording_of(tmp_path, started("r1"))).wait_until_at_rest()
    assert 15 < seconds.now - 1000 < 30


def told_of(seconds: conftest.Clock, folder: Path, only: frozenset[str] | None) -> list[Any]:
    """The tasks of each fault that a run is told of which began when 1003 ms had passed."""
    lines = [
        fault_injected("before", at=1002),
        fault_injected("mine", "another's"),
        fault_injected("another's"),
        fault_injected(at=1004),
    ]
    recording = recording_of(folder, *lines)
    endpoint = Fakes(queues=Queues([]), clock=OnTheClock(time=seconds))  # type: ignore[arg-type]
    run = run_on(endpoint, recording=lambda: recording)
    submitted = TaskSubmitted(at_ms=1003, answered_ms=1003, task_id="mine", payload={}, accepted=True, status_code=202)
    found = run.history([submitted], deadline_reached=False, only=only)
    return [event.task_ids for event in found.of_kind(FaultInjected)]


def test_a_run_is_told_of_the_faults_since_its_beginning(seconds: conftest.Clock, tmp_path: Path) -> None:
    assert told_of(seconds, tmp_path, None) == [("mine", "another's"), ("another's",), ()]


def test_a_run_among_others_is_told_of_the_faults_that_may_have_struck_its_tasks(
    seconds: conftest.Clock, tmp_path: Path
) -> None:
    assert told_of(seconds, tmp_path, frozenset({"mine"})) == [("mine", "another's"), ()]


def test_a_run_reads_its_engine_s_recording_from_where_it_began(tmp_path: Path) -> None:
    day_ms = 86_400_000
    lines = [
        line for n in range(8_000) for line in (started(f"r{n}", at=n * 10_000.0), ended(f"r{n}", at=n * 10_000.0 + 9))
    ]
    recording_of(tmp_path, *lines, started("mine", at=day_ms + 1))
    endpoint = Fakes(recording=tmp_path / "flight-recorder.jsonl")
    recording = source_at(endpoint, STACK, since_ms=day_ms).recording()
    assert recording is not None
    assert "mine" in recording.invocations
    assert len(recording.invocations) < 1000


def test_whether_anything_is_at_work_counts_only_where_no_record_tells(seconds: conftest.Clock) -> None:
    there = Fakes()
    assert run_on(there)._at_rest_if_untold() is None
    at_rest = run_on(there, replace(STACK, table=None))._at_rest_if_untold()
    assert at_rest is not None
    assert at_rest()


def test_what_lies_in_a_dead_letter_queue_that_nobody_consumes_is_of_no_matter(seconds: conftest.Clock) -> None:
    assert STACK.dead_letter_queue is not None
    assert STACK.stays_filled == ()
    assert replace(STACK, dead_letter_queue=replace(STACK.dead_letter_queue, consumers=())).stays_filled == (
        "dead-letter",
    )
    assert replace(STACK, dead_letter_queue=None).stays_filled == ()
