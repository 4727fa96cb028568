"""What is answered to whom hands in a task is true: it names that task, takes what is valid, and what is taken is delivered at once.

An answer that names no task claims nothing. A probe that was refused is weighed as the contract weighs refusals, for what is valid is
no more to be refused than what is not is to be taken; that a payload is too large anybody may say. A first delivery is late that comes later than the
tolerance after the answer, and than the run itself and the queue's own settings let it: what the engine was held up for is excused, and where no delivery was
seen, others tell. That an accepted task ends is for `settlement`. This module must not know what a task is.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from taskguard.contract.contract import Weight
from taskguard.contract.terms import Terms
from taskguard.history import Delivered, History, TaskSubmitted
from taskguard.history.wording import answer, seconds, times
from taskguard.judging.checks.asked import delay_seconds, hidden_seconds
from taskguard.judging.checks.groups import free_ms
from taskguard.judging.checks.held_up import HeldUpTimes
from taskguard.judging.checks.on_purpose import gathered_seconds
from taskguard.judging.checks.stages import came_ms
from taskguard.judging.checks.unsent import refused_sends
from taskguard.judging.once import once
from taskguard.judging.verdict import (
    Advice,
    Doubt,
    Found,
    Question,
    Verdict,
    Violation,
    conclude,
    tasks_at_fault,
    weighed,
)

QUESTION = Question(
    check="ingress",
    claim="What is answered to whom hands in a task is true, and what is accepted is delivered at once.",
    needs=(TaskSubmitted, Delivered),
)

_COLD_START_SECONDS = 5.0
"""A first delivery may have to wait for a function that starts cold, and for its neighbours' to do so."""


def judge(history: History, terms: Terms) -> Verdict:
    """Judge each answer, and when what it accepted was delivered first."""
    submissions = history.of_kind(TaskSubmitted)
    held = HeldUpTimes(history, (None, "work"))
    found: list[Found] = [
        *(each for event in submissions for each in _named(event)),
        *(each for event in submissions for each in _refused(event, history, terms)),
        *(each for event in submissions for each in _never_again(event, history)),
        *(each for task_id in history.accepted for each in _late(history, task_id, terms, held)),
    ]
    wrong = tasks_at_fault(found)
    prompt = terms.contract.api.prompt is not Weight.OFF
    at_most = f", and each first delivery at most {seconds(_allowed_seconds(terms))} after it" if prompt else ""
    return conclude(
        QUESTION,
        history,
        found,
        expected=f"each answer of the task that was sent{at_most}",
        observed=f"{times(len(history.accepted), 'task')} accepted: {wrong} at fault",
        figures={"at_fault": wrong},
        exercised=bool(history.accepted),
    )


def _named(event: TaskSubmitted) -> Iterator[Violation]:
    if event.accepted and event.answered_id is not None and event.answered_id != event.task_id:
        message = f"task {event.task_id} was handed in, and the answer speaks of task {event.answered_id}"
        yield Violation(event.task_id, message, (event,))


def _refused(event: TaskSubmitted, history: History, terms: Terms) -> Iterator[Found]:
    if event.probe is None or event.accepted or event.in_doubt or event.task_id in history.handed_in_again:
        return
    if refused_sends(history, event):
        return
    message = (
        f"task {event.task_id}, of the probe {event.probe}, is valid and was refused with {answer(event.status_code)}"
    )
    if event.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        yield Doubt(event.task_id, message, (event,))
    elif event.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or terms.contract.api.refuses_invalid is Weight.OFF:
        yield Advice(event.task_id, message, (event,))
    else:
        yield from weighed(terms.contract.api.refuses_invalid, Violation(event.task_id, message, (event,)))


def _never_again(event: TaskSubmitted, history: History) -> Iterator[Advice]:
    """That a task which the API could not send is refused for good."""
    if event.accepted or event.in_doubt or event.task_id is None or event.task_id in history.accepted:
        return
    before = [each for each in history.of_task(event.task_id, TaskSubmitted) if refused_sends(history, each)]
    if before and event not in before:
        message = (
            f"task {event.task_id} could not be sent, since the run refused that, and was answered with {answer(before[0].status_code)}; "
            f"handed in again it was refused with {answer(event.status_code)}, so that nobody can have it done"
        )
        yield Advice(event.task_id, message, (*before, event))


def _late(history: History, task_id: str, terms: Terms, held: HeldUpTimes) -> Iterator[Found]:
    deliveries, accepted = history.of_task(task_id, Delivered), history.accepted[task_id]
    if not deliveries or terms.contract.api.prompt is Weight.OFF or refused_sends(history, accepted):
        return
    sent_ms = came_ms(history, task_id) or accepted.answered_ms
    due_ms = history.let_go_ms(sent_ms, "work") + _on_purpose_ms(history)
    first = next(iter(history.attempts_of(task_id)), None)
    if first is not None:
        # Of a FIFO queue a message cannot come while another of its group is hidden or worked on.
        due_ms = free_ms(history, first, due_ms, deliveries[0].at_ms, hidden_seconds(history))
    late_ms = deliveries[0].at_ms - due_ms - _allowed_seconds(terms) * 1000
    if late_ms <= 0:
        return
    after = seconds((deliveries[0].at_ms - due_ms) / 1000)
    message = (
        f"task {task_id} was first delivered {after} after it could be, {seconds(_allowed_seconds(terms))} is allowed"
    )
    if held.within(due_ms, deliveries[0].at_ms) >= late_ms:
        if terms.contract.api.prompt is Weight.MUST:
            why = "but the engine itself was held up, or had no room for another batch"
            yield Doubt(task_id, f"{message}, {why}", deliveries[:1])
    else:
        violation = Violation(task_id, message, (accepted, deliveries[0]), (Delivered,))
        yield from weighed(terms.contract.api.prompt, violation)


@once
def _on_purpose_ms(history: History) -> float:
    """How long a message waits by what its queue is set to."""
    return 1000 * (delay_seconds(history) + gathered_seconds(history, "work"))


def _allowed_seconds(terms: Terms) -> float:
    return terms.tolerances.late_seconds + _COLD_START_SECONDS
