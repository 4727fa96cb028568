"""Two payloads under one id, where the contract has them kept apart: both are worked on, and no other check takes one for the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace
from taskguard.contract.contract import Api, Weight
from taskguard.contract.terms import Terms
from taskguard.history import (
    AttemptSucceeded,
    Called,
    Delivered,
    Event,
    History,
    RecordChanged,
    RunEnded,
    TaskSubmitted,
)
from taskguard.judging.grading import grade
from taskguard.judging.verdict import Outcome, Verdict

from tests.terms import demanding
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    changed,
    judge,
    run,
    the,
    with_the_other_outcome,
    without,
)
from tests.unit.judging.calling import call, handed_in_again, second_message, with_work

OTHER = {"other": 1}
EVENTS = with_work(run(FIRST_TRY, FIRST_TRY, FIRST_TRY, FIRST_TRY, DEAD))
TASK = the(EVENTS, TaskSubmitted).task_id
APART = msgspec.structs.replace(
    EXPECTED, contract=demanding(api=Api(idempotent=Weight.MUST, other_payload="kept-apart"))
)


def idempotency(events: list[Event], terms: Terms = APART) -> tuple[Outcome, str]:
    verdict = judge("idempotency", events, terms)
    return verdict.outcome, " ".join(finding.message for finding in verdict.findings)


def carried(events: list[Event], payload: Any = OTHER) -> list[Event]:
    """The events, with the second message of the first task, which carries this payload."""
    events = handed_in_again(second_message(events), payload=OTHER)
    return changed(events, the(events, Delivered, where=lambda event: event.message_id == "second"), payload=payload)


def done_again(events: list[Event], delivery_id: str = "second-1") -> list[Event]:
    """The events, with the work done in the delivery of the second message."""
    return [*events, call(TASK, delivery_id)]


BOTH = done_again(carried(EVENTS))


def test_each_payload_is_worked_on_once_as_the_calls_tell() -> None:
    assert idempotency(BOTH) == (Outcome.PASS, "")
    outcome, told = idempotency(BOTH, EXPECTED)
    assert outcome is Outcome.FAIL
    assert "was accepted again with another payload, so one of the two is lost" in told


def test_one_that_is_dropped_fails_and_one_that_is_done_twice_does() -> None:
    outcome, told = idempotency(carried(EVENTS))
    assert (outcome, told.partition(", and ")[2]) == (Outcome.FAIL, "1 of 2 were worked on to an end")
    outcome, told = idempotency(done_again(BOTH))
    assert (outcome, told.partition(", and ")[2]) == (Outcome.FAIL, "2 payloads were worked on 3 times")


def test_one_that_came_in_no_message_fails_unless_the_run_broke_off() -> None:
    lost = handed_in_again(EVENTS, payload=OTHER)
    outcome, told = idempotency(lost)
    assert (outcome, told.partition(", and ")[2]) == (Outcome.FAIL, "one of the two came in no message")
    assert idempotency(without(lost, RunEnded))[0] is Outcome.UNKNOWN


def test_messages_that_do_not_tell_their_payload_are_unknown() -> None:
    outcome, told = idempotency(carried(EVENTS, payload=None))
    assert outcome is Outcome.UNKNOWN
    assert "its messages do not tell which they carry" in told


def test_two_in_one_delivery_are_told_apart_by_how_much_was_done() -> None:
    first = the(EVENTS, Delivered)
    shared = [
        replace(event, delivery_id=first.delivery_id) if getattr(event, "delivery_id", "") == "second-1" else event
        for event in BOTH
    ]
    assert idempotency(shared) == (Outcome.PASS, "")
    assert idempotency(without(shared, shared[-1]))[0] is Outcome.FAIL
    assert idempotency([*shared, shared[-1]])[0] is Outcome.FAIL
    succeeded = the(shared, AttemptSucceeded, where=lambda event: event.message_id == "second")
    mixed = with_the_other_outcome(shared, succeeded)
    assert "1 of 2" in idempotency([*mixed, shared[-1]])[1]


def test_without_calls_nobody_knows() -> None:
    outcome, told = idempotency(without(carried(EVENTS), Called))
    assert outcome is Outcome.UNKNOWN
    assert "nothing shows how many were worked on" in told


def test_one_of_the_two_may_die() -> None:
    dead = the(EVENTS, TaskSubmitted, 4).task_id
    assert dead is not None
    events = handed_in_again(second_message(EVENTS, 4, 40_000), 4, 40_000, payload=OTHER)
    events = changed(events, the(events, Delivered, where=lambda event: event.message_id == "second"), payload=OTHER)
    done = call(dead, "second-1")
    assert idempotency([*events, done]) == (Outcome.PASS, "")
    assert idempotency(events)[0] is Outcome.FAIL


def _graded(events: list[Event], terms: Terms) -> Iterator[Verdict]:
    return (each for each in grade(History(events), terms).verdicts if each.outcome is Outcome.FAIL)


def test_no_other_check_is_shown_what_bears_one_id() -> None:
    changes = [event for event in run(FIRST_TRY, FIRST_TRY) if isinstance(event, RecordChanged)]
    done = the(changes, RecordChanged, where=lambda event: event.status == "COMPLETED")
    twice = [*BOTH, *changes, replace(done, at_ms=done.at_ms + 2000, written_at_ms=done.at_ms + 2000)]
    assert [each.check for each in _graded(twice, APART)] == []
    assert {each.check for each in _graded(twice, EXPECTED)} > {"idempotency"}
