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


def settlement(events: list[Event]) -> Verdict:
    return judge("settlement", events)


def test_who_takes_what_could_not_be_sent_has_lost_it_and_the_refused_call_is_told() -> None:
    verdict = settlement(sends_refused())
    assert verdict.outcome is Outcome.FAIL
    [found] = verdict.findings
    assert found.message.startswith(f"task {TASK} was neither completed nor dead-lettered")
    assert (
        "submit called sqs.SendMessage on jobs, which was refused (AccessDeniedException). The run refused that call"
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
    again = replace(
        SUBMITTED, at_ms=SUBMITTED.at_ms + 50, answered_ms=SUBMITTED.answered_ms + 50, probe="send-is-refused"
    )
    verdict = settlement([*lost, again])
    assert verdict.outcome is Outcome.FAIL
    assert "The run refused that call" in verdict.findings[0].message


@pytest.mark.parametrize(
    ("more", "answer", "why"),
    [
        ({"operation": "PutItem", "resource": "outbox"}, {}, "submit called dynamodb.PutItem on outbox instead"),
        ({"resource": "tasks"}, {"status_code": 207}, "its answer, 207, is that of no other task"),
        ({"resource": "tasks"}, {"answered_id": None}, "its answer names no task, as others do"),
    ],
)
def test_what_may_be_kept_for_later_or_not_taken_at_all_is_unknown(
    more: dict[str, Any], answer: dict[str, Any], why: str
) -> None:
    after = call(TASK, REQUEST, at_ms=fault().at_ms + 1, function="submit", **more)
    events = sends_refused(after, **answer)
    other = the(without(events, Delivered), TaskSubmitted, 1)
    events = changed(events, other, answered_id=other.task_id)
    if "answered_id" not in answer:
        events = changed(events, the(events, TaskSubmitted), answered_id=TASK)
    verdict = settlement(events)
    assert verdict.outcome is Outcome.UNKNOWN
    assert why in verdict.findings[0].message


@pytest.mark.parametrize("changes", [{"resource": "tasks"}, {"resource": "new", "error": "any", "status": 400}])
def test_what_it_does_for_each_task_or_did_in_vain_keeps_nothing(changes: dict[str, Any]) -> None:
    after = call(TASK, REQUEST, at_ms=fault().at_ms + 1, function="submit", **changes)
    assert settlement(sends_refused(after)).outcome is Outcome.FAIL


def test_a_task_whose_api_was_struck_is_judged_in_full() -> None:
    events = [*run(SECOND_TRY), fault(task_ids=(the(run(SECOND_TRY), AttemptFailed).task_id,))]
    history, task_id = History(events), the(events, AttemptFailed).task_id or ""
    assert not history.was_broken_off(task_id)
    assert "not judged in full" not in judge("transitions", events).observed
    assert any(isinstance(event, RecordChanged) for event in events)
    # What strikes a delivery of it does stand in the way.
    of_delivery = [*events, fault(delivery_id=the(events, AttemptFailed).delivery_id, task_ids=(task_id,))]
    assert History(of_delivery).was_broken_off(task_id)


def test_another_task_s_send_that_was_refused_beside_it_is_told_as_the_run_s_doing() -> None:
    events = [*without(EVENTS, AttemptSucceeded), fault(task_ids=(TASK,))]
    [first, *_] = [found for found in settlement(events).findings if found.task_id == TASK]
    assert first.message.endswith("so that its client can hand the task in again")
