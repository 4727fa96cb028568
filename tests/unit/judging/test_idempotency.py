"""A task that is handed in again is worked on once, whatever its state; another payload under its id is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from taskguard.contract.contract import Api, Weight
from taskguard.contract.terms import Terms
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    DeadLettered,
    Delivered,
    Event,
    RecordChanged,
    Redriven,
    TaskSubmitted,
)
from taskguard.judging.checks import CHECKS
from taskguard.judging.verdict import Outcome, Verdict

from tests.terms import demanding
from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, judge, missing, run, the, without
from tests.unit.judging.calling import call, handed_in_again, second_message, with_work

EVENTS = run(FIRST_TRY, FIRST_TRY, FIRST_TRY, FIRST_TRY, DEAD)
WORKED = with_work(EVENTS)
TASK = the(EVENTS, TaskSubmitted).task_id
OTHER = {"other": 1}


def idempotency(events: list[Event], terms: Terms = EXPECTED) -> Verdict:
    return judge("idempotency", events, terms)


def weighing(weight: str) -> Terms:
    return msgspec.structs.replace(EXPECTED, contract=demanding(api=Api(idempotent=Weight(weight))))


def message(events: list[Event], outcome: Outcome) -> str:
    verdict = idempotency(events)
    assert verdict.outcome is outcome, verdict
    assert verdict.findings[0].task_id is not None
    return verdict.findings[0].message


def passes(events: list[Event]) -> bool:
    verdict = idempotency(events)
    return (verdict.outcome, verdict.findings) == (Outcome.PASS, ())


def twice(events: list[Event], **changes: Any) -> list[Event]:
    """The events, with the first task in two messages; in the delivery of the second one this call was made."""
    at_ms = the(events, AttemptSucceeded).at_ms + 1995
    return [*handed_in_again(second_message(events)), call(TASK, "second-1", at_ms=at_ms, **changes)]


def test_a_task_that_is_handed_in_again_and_sent_no_more_passes_and_is_counted() -> None:
    verdict = idempotency(handed_in_again(EVENTS))
    assert (verdict.outcome, verdict.findings, verdict.exercised) == (Outcome.PASS, (), True)
    assert verdict.figures == {"handed_in_again": 1, "at_fault": 0}


def test_in_which_states_tasks_were_handed_in_again_is_said() -> None:
    [first] = [event for event in EVENTS if isinstance(event, TaskSubmitted) and event.task_id == TASK]
    began, ended = the(EVENTS, Delivered).at_ms, the(EVENTS, AttemptSucceeded).at_ms
    death = the(EVENTS, DeadLettered)

    def states(task_id: str | None, *at_ms: float) -> str:
        again = [replace(first, task_id=task_id, at_ms=each, answered_ms=each) for each in at_ms]
        return idempotency([*EVENTS, *again]).observed.partition(" handed in again ")[2].partition("): ")[0]

    assert states(TASK, began - 0.5) == "(new; not exercised: retried, completed, dead"
    assert states(TASK, (began + ended) / 2) == "(retried; not exercised: new, completed, dead"
    assert states(TASK, ended + 1, began - 0.5) == "(new, completed; not exercised: retried, dead"
    assert states(death.task_id, death.at_ms + 1) == "(dead; not exercised: new, retried, completed"


def test_nothing_handed_in_again_is_unknown_and_says_how_to_exercise_it() -> None:
    verdict = idempotency(EVENTS)
    assert (verdict.outcome, verdict.exercised) == (Outcome.UNKNOWN, False)
    assert verdict.findings[0].message.startswith("not exercised: 0 tasks handed in again")


def test_an_id_accepted_with_two_payloads_fails() -> None:
    told = message(handed_in_again(EVENTS, payload=OTHER), Outcome.FAIL)
    assert told == f"task {TASK} was accepted again with another payload, so one of the two is lost"


@pytest.mark.parametrize("status", [400, 409, 422])
def test_another_payload_that_is_refused_passes(status: int) -> None:
    events = handed_in_again(EVENTS, payload=OTHER, accepted=False, status_code=status)
    assert passes(events)
    for check in CHECKS:
        assert judge(check, events).outcome is not Outcome.FAIL, check


def test_a_conflict_for_the_same_task_passes() -> None:
    assert passes(handed_in_again(EVENTS, accepted=False, status_code=409))


@pytest.mark.parametrize(
    ("status", "outcome"), [(500, Outcome.FAIL), (502, Outcome.FAIL), (503, Outcome.UNKNOWN), (0, Outcome.UNKNOWN)]
)
def test_an_error_in_answer_to_a_task_that_is_there_fails_and_no_answer_is_unknown(
    status: int, outcome: Outcome
) -> None:
    told = message(handed_in_again(EVENTS, accepted=False, status_code=status), outcome)
    assert told == f"task {TASK} was handed in again, and got {f'HTTP {status}' if status else 'no answer'}"
    # Of two at once either may be told first.
    assert idempotency(handed_in_again(EVENTS, after_ms=-1, accepted=False, status_code=status)).outcome is outcome


def test_a_client_that_tries_anew_after_an_error_accuses_nobody() -> None:
    assert passes(handed_in_again(EVENTS, after_ms=-2000, accepted=False, status_code=500))


def test_a_duplicate_that_is_dropped_passes() -> None:
    assert passes(handed_in_again(second_message(EVENTS)))
    assert passes(handed_in_again(second_message(WORKED)))


def test_a_record_that_became_complete_twice_fails() -> None:
    done = the(EVENTS, RecordChanged, where=lambda e: e.task_id == TASK and e.status == "COMPLETED")
    again = replace(done, at_ms=done.at_ms + 2000, written_at_ms=done.at_ms + 1999, number=9)
    events = [*handed_in_again(second_message(EVENTS)), again]
    assert message(events, Outcome.FAIL) == (
        f"task {TASK} was completed 2 times, by its record, when it was handed in again 1.97 s after its first delivery"
    )


def test_a_record_in_which_something_else_changed_did_not_become_complete_again() -> None:
    done = the(EVENTS, RecordChanged, where=lambda e: e.task_id == TASK and e.status == "COMPLETED")
    assert passes([*handed_in_again(second_message(EVENTS)), replace(done, at_ms=done.at_ms + 2000, number=9)])


def test_two_messages_with_all_that_work_consists_of_fail() -> None:
    told = message(twice(WORKED), Outcome.FAIL)
    assert told == f"task {TASK} was worked on 2 times, when it was handed in again 1.97 s after its first delivery"


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 400, "error": "ConditionalCheckFailedException"},
        {"resource": "seen"},
        {"operation": "UpdateItem"},
        {"task_ids": ("another",)},
    ],
)
def test_a_write_that_is_no_work_is_no_second_time(changes: dict[str, Any]) -> None:
    assert passes(twice(WORKED, **changes))


def test_before_anybody_had_worked_on_it_is_said_so() -> None:
    events = handed_in_again(second_message(WORKED), after_ms=5)
    told = message([*events, call(TASK, "second-1", at_ms=the(EVENTS, AttemptSucceeded).at_ms + 1995)], Outcome.FAIL)
    assert told.endswith("worked on 2 times, when it was handed in again before anybody had worked on it")


def test_two_messages_in_one_delivery_tell_of_no_second_time() -> None:
    first = the(EVENTS, AttemptSucceeded).delivery_id
    together = [
        replace(event, delivery_id=first) if getattr(event, "delivery_id", None) == "second-1" else event
        for event in twice(WORKED)
    ]
    assert idempotency(together).outcome is not Outcome.FAIL


def test_where_neither_the_store_nor_a_call_tells_of_work_it_is_unknown() -> None:
    blind = without(handed_in_again(second_message(EVENTS)), RecordChanged)
    told = message(blind, Outcome.UNKNOWN)
    assert told == f"task {TASK} was carried by several messages, and nothing shows which of them were worked on"


def after_death(events: list[Event], *, fails: bool = False, works: bool = False) -> list[Event]:
    """The events, with the dead task handed in again, and its second message delivered when it was dead."""
    died = the(events, DeadLettered)
    again = second_message(events, 4, after_ms=60_000)
    succeeded = the(again, AttemptSucceeded, where=lambda event: event.message_id == "second")
    again = handed_in_again(again, 4, after_ms=50_000)
    if works:
        again.append(call(died.task_id, "second-1", at_ms=succeeded.at_ms - 4))
    if fails:
        ids = {name: getattr(succeeded, name) for name in ("at_ms", "task_id", "message_id", "receive_count")}
        failed = AttemptFailed(delivery_id="second-1", reason="reported as failed", **ids)
        again = [*without(again, succeeded), failed]
    return again


def test_a_dead_task_that_is_worked_on_again_fails_and_one_that_is_dropped_passes() -> None:
    assert passes(after_death(WORKED))
    for events in (after_death(WORKED, works=True), after_death(WORKED, fails=True)):
        assert "was worked on after it had been dead-lettered, when it was handed in again" in message(
            events, Outcome.FAIL
        )


def test_what_an_operator_redrives_may_be_worked_on_after_its_death() -> None:
    died = the(WORKED, DeadLettered)
    redriven = Redriven(at_ms=died.at_ms + 10, task_id=died.task_id or "")
    assert passes([*after_death(WORKED, works=True), redriven])


@pytest.mark.parametrize("events", [handed_in_again(EVENTS, payload=OTHER), twice(WORKED)], ids=["payload", "work"])
@pytest.mark.parametrize(
    ("weight", "outcome", "told"),
    [("must", Outcome.FAIL, 1), ("advice", Outcome.PASS, 1), ("off", Outcome.NOT_APPLICABLE, 0)],
)
def test_it_counts_as_the_contract_has_it(events: list[Event], weight: str, outcome: Outcome, told: int) -> None:
    verdict = idempotency(events, weighing(weight))
    assert (verdict.outcome, len(verdict.findings)) == (outcome, told)


def test_missing_deliveries_are_unknown() -> None:
    assert idempotency([*handed_in_again(EVENTS), missing("Delivered")]).outcome is Outcome.UNKNOWN
