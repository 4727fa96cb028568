"""What an API makes of a send that the run refused it: told to its client, kept for later, or lost without a word."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    Delivered,
    Event,
    FaultInjected,
    RecordChanged,
    TaskSubmitted,
)
from taskguard.history.file import History
from taskguard.judging.verdict import Outcome, Verdict

from tests.unit.judging.building import FIRST_TRY, SECOND_TRY, changed, judge, run, the, without
from tests.unit.judging.calling import call, denied

EVENTS = run(FIRST_TRY, FIRST_TRY)
SUBMITTED = the(EVENTS, TaskSubmitted)
TASK = SUBMITTED.task_id or ""
REQUEST = "request-to-the-api"
OTHERS = call("other", "request-before", function="submit", resource="tasks")
"""What the API does for each task."""


def fault(**changes: Any) -> FaultInjected:
    at_ms = (SUBMITTED.at_ms + SUBMITTED.answered_ms) / 2
    of_any = denied(the(EVENTS, AttemptSucceeded))
    known: dict[str, Any] = {"at_ms": at_ms, "delivery_id": REQUEST, "task_ids": (TASK,), "function": "submit"}
    return replace(of_any, call="SendMessage", **(known | changes))


def sends_refused(*more: Event, **answer: Any) -> list[Event]:
    """The run, with a task that was answered so while its send was refused, and of which nothing else was seen."""
    asked = changed(EVENTS, SUBMITTED, probe="send-is-refused", chosen=True, **answer)
    kept = [event for event in asked if isinstance(event, TaskSubmitted) or getattr(event, "task_id", None) != TASK]
    send = call(
        TASK,
        REQUEST,
        at_ms=fault().at_ms,
        function="submit",
        service="sqs",
        operation="SendMessage",
        resource="jobs",
        error="AccessDeniedException",
        status=400,
    )
    return [*kept, fault(), send, OTHERS, *more]


def again(**answer: Any) -> TaskSubmitted:
    """That the task was handed in once more, and what was answered."""
    at_ms = SUBMITTED.answered_ms + 50
    return replace(SUBMITTED, at_ms=at_ms, answered_ms=at_ms + 10, probe="send-is-refused", **answer)


def settlement(events: list[Event]) -> Verdict:
    return judge("settlement", events)


def test_who_takes_what_could_not_be_sent_has_lost_it_and_the_refused_call_is_told() -> None:
    verdict = settlement(sends_refused())
    assert verdict.outcome is Outcome.FAIL
    [found] = verdict.findings
    assert found.message.startswith(f"task {TASK} was neither completed nor dead-lettered")
    assert (
        "submit called sqs.SendMessage on jobs, which was refused (AccessDeniedException). The run refused the SendMessage of submit"
        in found.message
    )


@pytest.mark.parametrize("status", [500, 503, 0, 400, 403])
def test_who_says_so_is_accused_of_nothing(status: int) -> None:
    told = sends_refused(accepted=False, status_code=status)
    assert settlement(told).outcome is Outcome.PASS
    assert judge("ingress", told).outcome is Outcome.PASS
    # Without the fault nobody knows why it was not taken, or it was valid and refused.
    plain = without(told, FaultInjected)
    in_doubt = status in (0, 500, 503)
    assert settlement(plain).outcome is (Outcome.UNKNOWN if in_doubt else Outcome.PASS)
    assert judge("ingress", plain).outcome is (Outcome.PASS if in_doubt else Outcome.FAIL)


def test_a_task_that_is_taken_the_second_time_is_to_be_done() -> None:
    lost = sends_refused(accepted=False, status_code=503)
    verdict = settlement([*lost, again()])
    assert verdict.outcome is Outcome.FAIL
    assert "The run refused the SendMessage of submit" in verdict.findings[0].message


@pytest.mark.parametrize(
    ("more", "answer", "why"),
    [
        ({"operation": "PutItem", "resource": "outbox"}, {}, "submit called dynamodb.PutItem on outbox instead"),
        ({"resource": "tasks"}, {"status_code": 207}, "it was answered (HTTP 207) as no other task was"),
        ({"resource": "tasks"}, {"answer": "{failed:[text]}"}, "it was answered (HTTP 202) as no other task was"),
    ],
)
def test_what_may_be_kept_for_later_or_not_taken_at_all_is_unknown(
    more: dict[str, Any], answer: dict[str, Any], why: str
) -> None:
    after = call(TASK, REQUEST, at_ms=fault().at_ms + 1, function="submit", **more)
    events = sends_refused(after, **answer)
    verdict = settlement(events)
    assert verdict.outcome is Outcome.UNKNOWN
    assert why in verdict.findings[0].message
    assert judge("record", events).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "changes",
    [
        {"resource": "tasks"},
        {"resource": "new", "error": "any", "status": 400},
        {"operation": "DeleteItem"},
        {"service": "cloudwatch", "operation": "PutMetricData"},
    ],
)
def test_what_it_does_for_each_task_or_did_in_vain_or_tells_people_keeps_nothing(changes: dict[str, Any]) -> None:
    after = call(TASK, REQUEST, at_ms=fault().at_ms + 1, function="submit", **changes)
    assert settlement(sends_refused(after)).outcome is Outcome.FAIL


def test_who_keeps_for_later_what_it_calls_an_error_has_lost_it_when_it_takes_it_again() -> None:
    rolled_back = call(
        TASK, REQUEST, at_ms=fault().at_ms + 1, function="submit", operation="UpdateItem", resource="new"
    )
    lost = sends_refused(rolled_back, accepted=False, status_code=503)
    assert settlement([*lost, again()]).outcome is Outcome.FAIL


def test_what_was_kept_and_came_later_is_not_late() -> None:
    late = changed(EVENTS, SUBMITTED, probe="send-is-refused", chosen=True)
    late = changed(late, the(EVENTS, Delivered), at_ms=SUBMITTED.answered_ms + 60_000)
    assert judge("ingress", late).outcome is Outcome.FAIL
    assert judge("ingress", [*late, fault()]).outcome is Outcome.PASS


def test_who_refuses_for_good_what_it_could_not_send_is_advised() -> None:
    lost = sends_refused(accepted=False, status_code=503)
    verdict = judge("ingress", [*lost, again(accepted=False, status_code=409)])
    assert verdict.outcome is Outcome.PASS
    [advice] = verdict.findings
    assert "handed in again it was refused with HTTP 409, so that nobody can have it done" in advice.message


def test_who_fails_again_is_unknown_and_what_the_run_did_is_told() -> None:
    lost = sends_refused(accepted=False, status_code=503)
    verdict = settlement([*lost, again(accepted=False, status_code=500)])
    assert verdict.outcome is Outcome.UNKNOWN
    assert "got HTTP 500, and was not accepted later. The run refused the SendMessage" in verdict.findings[0].message


def test_a_task_whose_api_was_struck_is_judged_in_full() -> None:
    events = [*run(SECOND_TRY), fault(task_ids=(the(run(SECOND_TRY), AttemptFailed).task_id,))]
    history, task_id = History(events), the(events, AttemptFailed).task_id or ""
    assert not history.was_broken_off(task_id)
    assert "not judged in full" not in judge("transitions", events).observed
    assert any(isinstance(event, RecordChanged) for event in events)
    # What strikes a delivery of it does stand in the way.
    of_delivery = [*events, fault(delivery_id=the(events, AttemptFailed).delivery_id, task_ids=(task_id,))]
    assert History(of_delivery).was_broken_off(task_id)


def test_what_an_api_noted_of_a_task_that_it_could_not_send_is_no_move() -> None:
    first = the(EVENTS, RecordChanged)
    before = replace(first, at_ms=SUBMITTED.at_ms - 40, status="DEAD_LETTER", number=0)
    noted = [before if event is first else event for event in EVENTS]
    noted = [*noted, replace(first, number=1)]
    asked = changed(noted, SUBMITTED, probe="send-is-refused", chosen=True)
    refused = replace(
        SUBMITTED,
        at_ms=SUBMITTED.at_ms - 50,
        answered_ms=SUBMITTED.at_ms - 10,
        accepted=False,
        status_code=503,
        probe="send-is-refused",
    )
    struck = [*asked, refused, fault(at_ms=SUBMITTED.at_ms - 30)]
    assert (
        "went from DEAD_LETTER to PENDING" in judge("transitions", without(struck, FaultInjected)).findings[0].message
    )
    assert not any("DEAD_LETTER" in found.message for found in judge("transitions", struck).findings)


def test_of_another_task_whose_send_was_refused_with_it_nobody_is_accused() -> None:
    lost = [event for event in EVENTS if isinstance(event, TaskSubmitted) or getattr(event, "task_id", None) != TASK]
    assert settlement(lost).outcome is Outcome.FAIL
    verdict = settlement([*lost, fault()])
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.findings[0].message.endswith("the task in again: what was refused was meant for another task")
