"""A message is dead-lettered after exactly three receives, all failed, and only then."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from taskguard.history import AttemptFailed, AttemptSucceeded, DeadLettered, Delivered, Event, RunEnded
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import DEAD, FIRST_TRY, altered, changed, judge, missing, run, the, without

EVENTS = run(DEAD, FIRST_TRY)
DIED = the(EVENTS, DeadLettered)


def first_message(events: list[Event], outcome: Outcome = Outcome.FAIL) -> str:
    verdict = judge("redrive", events)
    assert verdict.outcome is outcome
    return verdict.findings[0].message


def delivery(number: int) -> list[Event]:
    kinds = (Delivered, AttemptFailed)
    return [e for e in EVENTS if isinstance(e, kinds) and e.task_id == DIED.task_id and e.receive_count == number]


def test_too_few_receives_fail_unless_a_delivery_may_have_gone_unseen() -> None:
    of_third: Any = lambda event: getattr(event, "receive_count", 0) == 3  # noqa: E731
    events = [event for event in EVENTS if not of_third(event)]
    expected = f"task {DIED.task_id} was dead-lettered after receives 1, 2; expected 1, 2, 3"
    assert first_message(events) == expected
    open_ = judge("redrive", [*events, missing("Delivered")])
    assert open_.outcome is Outcome.UNKNOWN
    # Why it is unknown comes first, and then what would have been wrong.
    why, *rest = [each.message for each in open_.findings]
    assert why == "evidence missing from the recorder: a damaged line"
    assert expected in rest


def test_a_fourth_receive_fails_whatever_is_missing() -> None:
    fourth = altered(delivery(3)[0], receive_count=4, delivery_id="fourth", at_ms=DIED.at_ms - 1)
    message = first_message([*EVENTS, fourth, missing("DeadLettered", "Delivered")])
    assert message == f"task {DIED.task_id} was delivered for the 4th time, 3 are allowed"


def test_one_receive_delivered_twice_fails() -> None:
    again = altered(delivery(2)[0], delivery_id="again")
    assert "receive 2 was delivered 2 times" in first_message([*EVENTS, again])


def test_failing_three_times_without_a_redrive_fails_when_there_was_time() -> None:
    events = without(EVENTS, DeadLettered)
    assert first_message(events) == f"task {DIED.task_id} failed 3 times and never reached the dead-letter queue"
    stopped = changed(events, the(events, RunEnded), at_ms=DIED.at_ms - 1000)
    assert "the run ended before it could be redriven" in first_message(stopped, Outcome.UNKNOWN)
    assert judge("redrive", [*events, missing("DeadLettered")]).outcome is Outcome.UNKNOWN


def test_a_success_that_is_dead_lettered_fails() -> None:
    succeeded = the(EVENTS, AttemptSucceeded)
    dead = replace(DIED, task_id=succeeded.task_id, message_id=succeeded.message_id)
    found = judge("redrive", [*EVENTS, dead]).findings
    assert any("was dead-lettered although attempt 1 had succeeded" in finding.message for finding in found)


def test_another_payload_fails_types_included() -> None:
    events = changed(EVENTS, DIED, payload={"of": "t0", "amount": 1, "list": [1, None]})
    assert "with another payload than it was delivered with" in first_message(events)


def test_a_message_dead_lettered_without_a_delivery_fails() -> None:
    stray = replace(DIED, task_id=None, message_id="stray")
    assert first_message([*EVENTS, stray]) == "message stray was dead-lettered without ever having been delivered"


def test_a_poison_message_is_held_to_the_same_receives() -> None:
    poison = [
        altered(event, task_id=None, message_id="poison") for event in [*delivery(1), *delivery(2), *delivery(3), DIED]
    ]
    assert judge("redrive", [*EVENTS, *poison]).outcome is Outcome.PASS
    assert "message poison was dead-lettered after receives 2, 3" in first_message([*EVENTS, *poison[2:]])


def test_a_delivery_after_the_dead_letter_queue_fails() -> None:
    events = changed(EVENTS, DIED, at_ms=delivery(3)[0].at_ms - 1)
    assert "(attempt 3) after it had reached the dead-letter queue" in first_message(events)


def test_a_payload_that_was_another_one_from_the_start_is_for_settlement_to_tell() -> None:
    of_it = (e for e in EVENTS if isinstance(e, (Delivered, DeadLettered)) and e.task_id == DIED.task_id)
    events = EVENTS
    for event in of_it:
        events = changed(events, event, payload={"of": "another"})
    assert judge("redrive", events).outcome is Outcome.PASS
    assert judge("settlement", events).outcome is Outcome.FAIL
