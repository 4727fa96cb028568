"""Whatever part of the logs is lost, one after the other: no good pipeline is accused, and no broken one passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from taskguard.evidence.logs import seal
from taskguard.evidence.logs.from_logs import LOCAL
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    RecordObserved,
)
from taskguard.judging.grading import grade
from taskguard.judging.verdict import Outcome

from tests.thoroughness import examples, some
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    THIRD_TRY,
    all_hold,
    altered,
    changed,
    run,
    the,
    without,
)
from tests.unit.taskguard.conftest import Clock
from tests.unit.taskguard.fake_aws import Queues, package
from tests.unit.taskguard.log_run import LoggedRun, run_of
from tests.unit.taskguard.log_story import Logged

GOOD = run(FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD)
# What a dead letter's log says is what is judged, not what it is judged by.
LINES = [each.what for each in run_of(GOOD).lines]
STREAMS = sorted({each.line.stream for each in run_of(GOOD).lines})


@pytest.fixture(autouse=True)
def our_package(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    archive = package()
    # What is lost does not come, however long it is waited for.
    monkeypatch.setattr("taskguard.evidence.logs.from_logs.LOCAL", replace(LOCAL, quiet_seconds=0.1, late_seconds=0.3))
    monkeypatch.setattr(seal, "download", lambda *_: archive)


def outcome(logged: LoggedRun) -> Outcome:
    """That of the grade; a pass, too, where there was nothing but occasions that nothing gave."""
    graded = grade(logged.history(), EXPECTED)
    return Outcome.PASS if all_hold(graded.verdicts) else graded.outcome


def line(lost: Logged) -> Callable[[Logged], bool]:
    return lambda each: each is lost


def invocation(stream: str) -> Callable[[Logged], bool]:
    return lambda each: each.line.stream == stream


def failed(logged: LoggedRun) -> set[str]:
    return {v.check for v in grade(logged.history(), EXPECTED).verdicts if v.outcome is Outcome.FAIL}


@pytest.mark.parametrize("index", [n for n, what in enumerate(LINES) if what != "LOG"])
def test_one_line_less_accuses_nobody(index: int) -> None:
    logged = run_of(GOOD)
    lost = logged.lines[index]
    expected = {Outcome.PASS} if lost.what in ("START", "END") else {Outcome.PASS, Outcome.UNKNOWN}
    if lost.what in ("RECEIVED", "ANSWERED", "CALL"):
        expected = {Outcome.UNKNOWN}
    assert outcome(logged.without(line(lost))) in expected


@pytest.mark.parametrize("stream", STREAMS)
def test_one_invocation_less_is_unknown(stream: str) -> None:
    assert outcome(run_of(GOOD).without(invocation(stream))) is Outcome.UNKNOWN


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("kept", [1, 2, 3])
def test_an_invocation_that_breaks_off_accuses_nobody(stream: str, kept: int) -> None:
    logged = run_of(GOOD)
    rest = [each for each in logged.lines if each.line.stream == stream][kept:]
    assert outcome(logged.without(lambda each: any(each is one for one in rest))) is not Outcome.FAIL


@pytest.mark.parametrize("share", range(0, 100, 7))
def test_logs_that_break_off_accuse_nobody(share: int) -> None:
    logged = run_of(GOOD)
    kept = logged.lines[: len(logged.lines) * share // 100]
    assert outcome(LoggedRun(logged.events, kept, logged.items)) is Outcome.UNKNOWN


@settings(
    deadline=None,
    derandomize=True,
    max_examples=examples(40),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(lost=st.sets(st.sampled_from([n for n, what in enumerate(LINES) if what != "LOG"])))
def test_no_loss_at_all_accuses_anybody(lost: set[int]) -> None:
    logged = run_of(GOOD)
    kept = [each for number, each in enumerate(logged.lines) if number not in lost]
    assert outcome(LoggedRun(logged.events, kept, logged.items)) is not Outcome.FAIL


Break = Callable[[list[Event]], list[Event]]
TWO_RECEIVES = {"VisibilityTimeout": "90", "RedrivePolicy": '{"maxReceiveCount":2}'}


def _later(events: list[Event], after: Event, by_ms: float) -> list[Event]:
    """All that comes after an event of a task, so much later."""
    task_id = getattr(after, "task_id", None)
    moved: list[Event] = []
    for event in events:
        if getattr(event, "task_id", None) == task_id and event.at_ms > after.at_ms:
            answered = {"answered_ms": event.answered_ms + by_ms} if isinstance(event, BackoffRequested) else {}
            moved.append(altered(event, at_ms=event.at_ms + by_ms, **answered))
        else:
            moved.append(event)
    return moved


def _asks_for_a_second_less(events: list[Event]) -> list[Event]:
    asked = the(events, BackoffRequested)
    return changed(events, asked, delay_seconds=asked.delay_seconds - 1)


def _comes_back_early(events: list[Event]) -> list[Event]:
    return _later(events, the(events, AttemptFailed), -1000.0)


def _comes_back_late(events: list[Event]) -> list[Event]:
    return _later(events, the(events, BackoffRequested), 20_000.0)


def _asks_for_nothing(events: list[Event]) -> list[Event]:
    asked = the(events, BackoffRequested)
    return without(_later(events, asked, 90_000.0), asked)


def _is_done_twice(events: list[Event]) -> list[Event]:
    success = the(events, AttemptSucceeded)
    delivered = the(events, Delivered, 0, lambda e: e.delivery_id == success.delivery_id)
    again: dict[str, Any] = {"receive_count": success.receive_count + 1, "delivery_id": "again"}
    return [*events, *(altered(each, at_ms=each.at_ms + 90_000, **again) for each in (delivered, success))]


def _dies_after_two_receives(events: list[Event]) -> list[Event]:
    epitaph, death = the(events, DeadLetterLogged), the(events, DeadLettered)
    third = the(events, Delivered, 0, lambda e: e.task_id == death.task_id and e.receive_count == 3)
    record = the(events, RecordObserved, 0, lambda e: e.task_id == death.task_id)
    events = changed(events, epitaph, fields={**epitaph.fields, "attempts": 2, "lastError": "failure 2"})
    events = changed(events, record, attempts=record.attempts[:2], last_error="failure 2")
    return [event for event in events if getattr(event, "delivery_id", None) != third.delivery_id]


def _dies_with_another_payload(events: list[Event]) -> list[Event]:
    return changed(events, the(events, DeadLettered), payload={"another": 1})


def _is_logged_twice(events: list[Event]) -> list[Event]:
    logged = the(events, DeadLetterLogged)
    return [*events, altered(logged, at_ms=logged.at_ms + 1)]


def _is_logged_with_too_many_attempts(events: list[Event]) -> list[Event]:
    logged = the(events, DeadLetterLogged)
    return changed(events, logged, fields={**logged.fields, "attempts": 4})


def _is_not_logged(events: list[Event]) -> list[Event]:
    return without(events, the(events, DeadLetterLogged))


def _records_another_payload(events: list[Event]) -> list[Event]:
    return changed(events, the(events, RecordObserved), payload={"another": 1})


def _records_a_wrong_end(events: list[Event]) -> list[Event]:
    return changed(events, the(events, RecordObserved), status="PROCESSING")


def _records_another_backoff(events: list[Event]) -> list[Event]:
    record = the(events, RecordObserved, 0, lambda e: len(e.attempts) == 2)
    first, second = record.attempts
    return changed(events, record, attempts=(msgspec.structs.replace(first, backoff_seconds=6.0), second))


def _is_lost(events: list[Event]) -> list[Event]:
    lost = the(events, Delivered).task_id
    kept = [e for e in events if getattr(e, "task_id", None) != lost or type(e).__name__ == "TaskSubmitted"]
    record = the(events, RecordObserved, 0, lambda e: e.task_id == lost)
    return [*kept, altered(record, status="PENDING", attempts=())]


BROKEN: dict[str, tuple[Break, str]] = {
    "asks for a second less": (_asks_for_a_second_less, "backoff"),
    "comes back early": (_comes_back_early, "backoff"),
    "comes back late": (_comes_back_late, "backoff"),
    "asks for nothing": (_asks_for_nothing, "backoff"),
    "is done twice": (_is_done_twice, "effect"),
    "dies after two receives": (_dies_after_two_receives, "redrive"),
    "dies with another payload": (_dies_with_another_payload, "redrive"),
    "is logged twice": (_is_logged_twice, "dead_letter_log"),
    "is logged with too many attempts": (_is_logged_with_too_many_attempts, "dead_letter_log"),
    "is not logged": (_is_not_logged, "dead_letter_log"),
    "records another payload": (_records_another_payload, "record"),
    "records a wrong end": (_records_a_wrong_end, "record"),
    "records another backoff": (_records_another_backoff, "record"),
    "is lost": (_is_lost, "settlement"),
}


def broken_run(name: str) -> LoggedRun:
    """A run in which one task's story is broken so; its queue allows what happened in it."""
    spoil, _ = BROKEN[name]
    queues = Queues(TWO_RECEIVES if spoil is _dies_after_two_receives else None)
    return run_of(spoil(run(SECOND_TRY, DEAD)), queues=queues)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pipeline_is_caught_by_its_logs(name: str) -> None:
    assert BROKEN[name][1] in failed(broken_run(name))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pipeline_does_not_pass_with_any_line_less(name: str) -> None:
    logged = broken_run(name)
    # Each pipeline begins with another one.
    for lost in some(logged.lines, list(BROKEN).index(name)):
        # Where a log record is what is wrong, a loss of it leaves nothing wrong.
        if lost.what != "LOG":
            assert outcome(logged.without(line(lost))) is not Outcome.PASS, lost


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pipeline_does_not_pass_with_any_invocation_less(name: str) -> None:
    logged = broken_run(name)
    for stream in sorted({each.line.stream for each in logged.lines} - {"stream of again"}):
        assert outcome(logged.without(invocation(stream))) is not Outcome.PASS, stream


def test_a_delivery_after_the_last_that_anything_tells_of_cannot_be_missed() -> None:
    """Said here so that nobody believes otherwise: work that was done once more leaves no other trace."""
    logged = broken_run("is done twice")
    assert outcome(logged.without(invocation("stream of again"))) is Outcome.PASS
