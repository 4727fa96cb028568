"""After each failed attempt the message stays away for the scheduled delay."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from taskguard.history import (
    AttemptFailed,
    BackoffRequested,
    ConsumersOff,
    DeadLettered,
    Delivered,
    Event,
    HeldUp,
    RunEnded,
)
from taskguard.history.values import QueueName
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import DEAD, THIRD_TRY, changed, judge, missing, run, the, without

EVENTS = run(DEAD)
TASK = the(EVENTS, DeadLettered).task_id


def first_message(events: list[Event], outcome: Outcome = Outcome.FAIL) -> str:
    verdict = judge("backoff", events)
    assert verdict.outcome is outcome
    return verdict.findings[0].message


@pytest.mark.parametrize(("number", "delay"), [(1, 5), (2, 10), (3, 20)])
def test_a_wrong_delay_fails_and_no_missing_evidence_excuses_it(number: int, delay: int) -> None:
    request = the(EVENTS, BackoffRequested, number - 1)
    events = [*changed(EVENTS, request, delay_seconds=4.0), missing("BackoffRequested", "Delivered")]
    assert first_message(events) == f"task {TASK}: attempt {number} asked for 4 s, expected {delay} s"


def test_no_backoff_fails_unless_the_request_may_have_gone_unseen() -> None:
    events = without(EVENTS, the(EVENTS, BackoffRequested, 1))
    assert first_message(events) == f"task {TASK}: attempt 2 asked for no backoff, expected 10 s"
    assert judge("backoff", [*events, missing("BackoffRequested")]).outcome is Outcome.UNKNOWN


def test_a_refused_backoff_fails() -> None:
    events = changed(EVENTS, the(EVENTS, BackoffRequested), accepted=False)
    assert first_message(events) == f"task {TASK}: attempt 1 asked for 5 s and was refused, expected 5 s"


def test_a_refused_backoff_that_was_asked_for_again_passes() -> None:
    request = the(EVENTS, BackoffRequested)
    refused = replace(request, at_ms=request.at_ms - 1, accepted=False)
    assert judge("backoff", [*EVENTS, refused]).outcome is Outcome.PASS


def test_coming_back_early_fails_by_any_measurable_time() -> None:
    request, back = the(EVENTS, BackoffRequested), the(EVENTS, Delivered, 1)
    events = changed(EVENTS, back, at_ms=request.at_ms + 3100)
    assert first_message([*events, missing("Delivered")]) == (
        f"task {TASK}: attempt 1 came back after 3.1 s, 1.9 s too early"
    )
    assert judge("backoff", changed(EVENTS, back, at_ms=request.at_ms + 4999.5)).outcome is Outcome.FAIL


def test_early_is_measured_from_the_request_and_late_from_its_answer() -> None:
    request, back = the(EVENTS, BackoffRequested), the(EVENTS, Delivered, 1)
    slow = changed(EVENTS, request, answered_ms=request.at_ms + 1000)
    slow_request = the(slow, BackoffRequested)
    for at_ms, outcome in (
        (slow_request.at_ms + 5000, Outcome.PASS),
        (slow_request.answered_ms + 7000, Outcome.PASS),
        (slow_request.answered_ms + 7001, Outcome.FAIL),
    ):
        assert judge("backoff", changed(slow, back, at_ms=at_ms)).outcome is outcome


def test_arriving_late_in_the_dead_letter_queue_fails_and_says_so() -> None:
    dead, request = the(EVENTS, DeadLettered), the(EVENTS, BackoffRequested, 2)
    events = changed(EVENTS, dead, at_ms=request.answered_ms + 23_000)
    assert "attempt 3 reached the dead-letter queue after 23.003 s, 1 s beyond the 22 s allowed" in first_message(
        events
    )
    assert judge("backoff", [*events, missing("Delivered")]).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(("held_ms", "outcome"), [(499.0, Outcome.FAIL), (500.0, Outcome.UNKNOWN)])
def test_what_is_late_by_no_more_than_the_engine_was_held_up_is_no_fault_of_the_pipeline(
    held_ms: float, outcome: Outcome
) -> None:
    request, dead = the(EVENTS, BackoffRequested, 2), the(EVENTS, DeadLettered)
    due_ms = request.answered_ms + 20_000
    events = changed(EVENTS, dead, at_ms=due_ms + 2500)
    stalls = [
        # Before it was due nothing was late.
        HeldUp(at_ms=due_ms - 5000, until_ms=due_ms + 200),
        HeldUp(at_ms=due_ms + 1000, until_ms=due_ms + 1000 + held_ms - 200),
    ]
    assert first_message([*events, *stalls], outcome).startswith(
        f"task {TASK}: attempt 3 reached the dead-letter queue"
    )


@pytest.mark.parametrize(
    ("number", "queue", "outcome"),
    [
        (1, "work", Outcome.UNKNOWN),
        (1, "dead-letter", Outcome.FAIL),
        (3, "work", Outcome.UNKNOWN),
        (3, "dead-letter", Outcome.UNKNOWN),
    ],
)
def test_what_is_late_while_there_was_no_room_for_a_batch_of_its_queue_is_no_fault_of_the_pipeline(
    number: int, queue: QueueName, outcome: Outcome
) -> None:
    request = the(EVENTS, BackoffRequested, number - 1)
    back: Event = the(EVENTS, DeadLettered) if number == 3 else the(EVENTS, Delivered, number)
    due_ms = request.answered_ms + request.delay_seconds * 1000
    late = changed(EVENTS, back, at_ms=due_ms + 2600)
    full = HeldUp(at_ms=due_ms, until_ms=due_ms + 600, queue=queue)
    message = first_message([*late, full], outcome)
    assert ("the engine had no room for another batch of the queue" in message) == (outcome is Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("start_ms", "end_ms"),
    [pytest.param(-9000, 590, id="before it was due"), pytest.param(2010, 9000, id="after it had come")],
)
def test_a_full_queue_excuses_nothing_outside_of_that_time(start_ms: float, end_ms: float) -> None:
    request, back = the(EVENTS, BackoffRequested), the(EVENTS, Delivered, 1)
    due_ms = request.answered_ms + 5000
    events = changed(EVENTS, back, at_ms=due_ms + 2600)
    full = HeldUp(at_ms=due_ms + start_ms, until_ms=due_ms + end_ms, queue="work")
    assert "beyond the 7 s allowed" in first_message([*events, full])


def test_no_moment_excuses_twice() -> None:
    request, back = the(EVENTS, BackoffRequested), the(EVENTS, Delivered, 1)
    due_ms = request.answered_ms + 5000
    events = changed(EVENTS, back, at_ms=due_ms + 2600)
    queues: tuple[QueueName | None, ...] = ("work", None, "work")
    twice = [HeldUp(at_ms=due_ms, until_ms=due_ms + 400, queue=queue) for queue in queues]
    within = HeldUp(at_ms=due_ms + 100, until_ms=due_ms + 300)
    assert "beyond the 7 s allowed" in first_message([*events, *twice, within])
    rest = HeldUp(at_ms=due_ms + 400, until_ms=due_ms + 600, queue="work")
    assert "had no room" in first_message([*events, *twice, within, rest], Outcome.UNKNOWN)


def test_what_could_not_come_back_before_the_run_s_end_is_not_said_never_to_come() -> None:
    events = without(EVENTS, DeadLettered)
    end, request = the(events, RunEnded), the(events, BackoffRequested, 2)
    due_ms = request.answered_ms + 20_000
    assert end.at_ms > due_ms + 2000
    full = HeldUp(at_ms=due_ms + 500, until_ms=end.at_ms, queue="work")
    assert "before the task could come back" in first_message([*events, full], Outcome.UNKNOWN)
    assert "never came back" in first_message([*events, replace(full, at_ms=due_ms + 2100)])


@pytest.mark.parametrize(
    ("queue", "from_ms", "until_ms", "outcome"),
    [
        # Due while the consumers were off: it counts from when they were on again.
        ("dead-letter", -1000, 7000, Outcome.PASS),
        ("dead-letter", -1000, 5999, Outcome.FAIL),
        # Late already when they were switched off, or in time before, or no business of theirs.
        ("dead-letter", 1, 7000, Outcome.FAIL),
        ("dead-letter", -5000, -1, Outcome.FAIL),
        ("work", -1000, 7000, Outcome.FAIL),
    ],
)
def test_what_was_due_while_the_run_kept_the_consumers_off_is_late_from_when_they_were_on(
    queue: QueueName, from_ms: float, until_ms: float, outcome: Outcome
) -> None:
    request, dead = the(EVENTS, BackoffRequested, 2), the(EVENTS, DeadLettered)
    due_ms = request.answered_ms + 20_000
    off = ConsumersOff(at_ms=due_ms + from_ms, until_ms=due_ms + until_ms, queue=queue)
    assert judge("backoff", [*changed(EVENTS, dead, at_ms=due_ms + 8000), off]).outcome is outcome


def test_an_early_return_is_not_excused_by_consumers_that_were_off() -> None:
    request, dead = the(EVENTS, BackoffRequested, 2), the(EVENTS, DeadLettered)
    off = ConsumersOff(at_ms=request.at_ms, until_ms=dead.at_ms + 9000, queue="dead-letter")
    assert "too early" in first_message([*changed(EVENTS, dead, at_ms=request.at_ms + 500), off])


def test_an_early_return_is_not_excused_by_a_busy_engine() -> None:
    request, back = the(EVENTS, BackoffRequested), the(EVENTS, Delivered, 1)
    events = changed(EVENTS, back, at_ms=request.at_ms + 3100)
    assert "too early" in first_message([*events, HeldUp(at_ms=request.at_ms, until_ms=back.at_ms)])


def test_skipping_the_last_backoff_fails() -> None:
    request = the(EVENTS, BackoffRequested, 2)
    events = changed(EVENTS, the(EVENTS, DeadLettered), at_ms=request.at_ms + 500)
    assert "attempt 3 reached the dead-letter queue after 0.5 s, 19.5 s too early" in first_message(events)


def test_never_coming_back_fails_only_when_there_was_time_to() -> None:
    events = without(EVENTS, DeadLettered)
    assert "never came back nor reached the dead-letter queue" in first_message(events)
    request = the(EVENTS, BackoffRequested, 2)
    stopped = changed(events, the(events, RunEnded), at_ms=request.at_ms + 21_000)
    assert "the run ended before the task could come back" in first_message(stopped, Outcome.UNKNOWN)


def test_what_was_measured_is_kept_apart() -> None:
    verdict = judge("backoff", run(DEAD, THIRD_TRY, late_ms=250))
    assert verdict.measured["seconds_away_after_attempt_2"] == {"least": 10.253, "most": 10.253, "count": 2}
    assert verdict.observed == "5 failed attempts: 5 without fault, 0 at fault"


def test_a_backoff_asked_for_after_the_attempt_had_ended_fails() -> None:
    failed, request = the(EVENTS, AttemptFailed), the(EVENTS, BackoffRequested)
    late_by = failed.at_ms - request.at_ms + 200
    late = changed(EVENTS, request, at_ms=request.at_ms + late_by, answered_ms=request.answered_ms + late_by)
    events = changed(late, the(EVENTS, Delivered, 1), at_ms=request.at_ms + late_by + 5000)
    assert first_message(events) == f"task {TASK}: attempt 1 asked for 5 s only 0.2 s after it had ended"


def test_a_backoff_asked_for_at_the_end_may_look_later_by_the_clocks_tolerance() -> None:
    failed = the(EVENTS, AttemptFailed)
    assert (
        judge("backoff", changed(EVENTS, failed, at_ms=the(EVENTS, BackoffRequested).at_ms - 4)).outcome is Outcome.PASS
    )
