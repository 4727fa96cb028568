"""What is no task is refused with a 4xx, and leaves nothing behind: no message, no write, no work, no record.

A server's error is no refusal, nor is an acceptance. What was left is judged by what the engine saw: calls that took effect and
name the request's id, deliveries, a record. No answer, and one that there are too many requests, leave it open. What is larger than the
queue takes may be taken, if something was done for it. This module must not know what else makes a request invalid.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from taskguard.contract.contract import Weight
from taskguard.contract.terms import Terms
from taskguard.history import Called, Delivered, History, InvalidSubmitted, RecordObserved
from taskguard.history.wording import answer, times
from taskguard.ingress.invalid import TOO_LARGE
from taskguard.judging.checks.asked import NO_API, has_no_api
from taskguard.judging.verdict import (
    Doubt,
    Question,
    Verdict,
    Violation,
    conclude,
    not_applicable,
    tasks_at_fault,
    weighed,
)

QUESTION = Question(
    check="refusals",
    claim="What is no task is refused, and leaves no message, no write and no work.",
    needs=(InvalidSubmitted,),
    exercised_by="grade without --faults: what is no task has to be sent",
    lasts=lambda _: True,
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge what became of requests that are no tasks."""
    weight = terms.contract.api.refuses_invalid
    if weight is Weight.OFF:
        return not_applicable(QUESTION, "the contract does not ask that what is no task is refused")
    if has_no_api(history):
        return not_applicable(QUESTION, NO_API)
    sent = history.of_kind(InvalidSubmitted)
    found = [each for request in sent for each in _of_request(request, history, terms)]
    wrong = tasks_at_fault(found)
    taken = {each.task_id for each in sent if _is_taken(each)}
    not_refused = len(taken | {each.task_id for each in found if isinstance(each, Violation)})
    return conclude(
        QUESTION,
        history,
        [it for each in found for it in weighed(weight, each)],
        expected="each refused with a 4xx, and nothing left of it",
        observed=f"{times(len(sent), 'invalid request')}: {len(sent) - not_refused} refused, {not_refused} not",
        figures={"sent": len(sent), "at_fault": wrong},
        exercised=bool(sent),
    )


def _of_request(request: InvalidSubmitted, history: History, terms: Terms) -> Iterator[Violation | Doubt]:
    task_id, status = request.task_id, request.status_code
    what = f"a request was no task, since {request.what}: it got {answer(status)}"
    calls = [call for call in history.calls.get(task_id, ()) if call.took_effect]
    delivered = history.of_task(task_id, Delivered)
    stored = [each for each in history.of_task(task_id, RecordObserved) if each.status is not None]
    left = [
        *(f"{call.function} called {call.what}" for call in calls[:1]),
        *("it was delivered to a consumer" for _ in delivered[:1]),
        *("there is a record of it" for _ in stored),
    ]
    if _is_taken(request):
        lost = f"{what}, and nothing of it was sent, stored or worked on"
        # Where the service makes the ids nobody knows what was done for this one.
        if left or terms.dialect.ingress.id != "request":
            return
        if history.of_kind(Called):
            yield Violation(task_id, lost, (request,))
        else:
            yield Doubt(task_id, f"{lost}, as far as was seen", (request,))
        return
    if status in (0, HTTPStatus.TOO_MANY_REQUESTS):
        yield Doubt(task_id, what, (request,))
    elif status // 100 != 4:
        yield Violation(task_id, f"{what}, expected a 4xx", (request,))
    if left:
        yield Violation(task_id, f"{what}, and {', '.join(left)}", (request, *calls, *delivered, *stored))


def _is_taken(request: InvalidSubmitted) -> bool:
    """Whether a service took what is larger than its queue takes, as who puts it elsewhere may."""
    return request.what == TOO_LARGE and request.status_code // 100 == 2
