"""A task that is handed in again is worked on once, whatever its state; another payload under its id is refused or, where the contract
says so, a task of its own.

Judged are the tasks that the run itself handed in more than once. That two messages carried one task is no fault, nor is it how often
each was received: one of them may have been dropped. Worked on twice is a task whose record became complete twice, as the store told;
or two of whose messages succeeded, each with all the calls that every task's work has in common, and no two of them in one delivery. One that
was worked on after its death counts likewise, and so does one that was tried then, and failed. Where neither the store nor any call tells of the work, it is unknown whether it was done
twice. This module must not know how a service keeps duplicates apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus

from taskguard.contract.contract import Weight
from taskguard.contract.terms import Terms
from taskguard.history import DeadLettered, Delivered, History, Redriven, TaskSubmitted
from taskguard.history.wording import answer, seconds, times
from taskguard.judging.checks.asked import NO_API, has_no_api
from taskguard.judging.checks.kept_apart import kept_apart, of_each_payload
from taskguard.judging.checks.recorded import without_repeats
from taskguard.judging.checks.work import Deeds, usual_deeds, was_work
from taskguard.judging.verdict import (
    NOT_EXERCISED,
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
    check="idempotency",
    claim="A task that is handed in again is worked on once, whatever its state, and no other payload takes its place.",
    needs=(TaskSubmitted, Delivered),
    exercised_by="grade without --faults: a task has to be handed in again",
)

_OTHER_PAYLOAD = {"refused": "refused", "kept-apart": "worked on once, too"}

_STATES = ("new", "retried", "completed", "dead")


def judge(history: History, terms: Terms) -> Verdict:
    """Judge what became of the tasks that were handed in more than once."""
    weight = terms.contract.api.idempotent
    if weight is Weight.OFF:
        return not_applicable(QUESTION, "the contract does not ask that a task handed in twice is one task")
    if has_no_api(history):
        return not_applicable(QUESTION, NO_API)
    if terms.dialect.ingress.id != "request":
        return not_applicable(QUESTION, "the service gives each request an id of its own")
    usual, again = usual_deeds(history), sorted(history.handed_in_again)
    found = [each for task_id in again for each in _of_task(history, task_id, usual, terms)]
    wrong = tasks_at_fault(found)
    return conclude(
        QUESTION,
        history,
        [it for each in found for it in weighed(weight, each)],
        expected=f"each task worked on once, and another payload {_OTHER_PAYLOAD[terms.contract.api.other_payload]}",
        observed=f"{times(len(again), 'task')} handed in again{_states(history, again)}: {len(again) - wrong} worked on once, {wrong} not",
        figures={"handed_in_again": len(again), "at_fault": wrong},
        exercised=bool(again),
    )


def _states(history: History, again: Sequence[str]) -> str:
    """In which states they were then, and in which no task was."""
    found = {state for task_id in again for state in _states_of(history, task_id)}
    if not found:
        return ""
    tried, untried = (", ".join(each for each in _STATES if (each in found) is asked) for asked in (True, False))
    return f" ({tried}; {NOT_EXERCISED}: {untried})" if untried else f" ({tried})"


def _states_of(history: History, task_id: str) -> Iterator[str]:
    """The state of a task at each time that it was handed in again."""
    new, retried, completed, dead = _STATES
    attempts, deaths = history.attempts_of(task_id), history.of_task(task_id, DeadLettered)
    for each in history.of_task(task_id, TaskSubmitted)[1:]:
        before = [attempt for attempt in attempts if attempt.at_ms < each.at_ms]
        if any(death.at_ms < each.at_ms for death in deaths):
            yield dead
        elif any(attempt.succeeded is not None and attempt.succeeded.at_ms < each.at_ms for attempt in before):
            yield completed
        else:
            yield retried if before else new


def _of_task(history: History, task_id: str, usual: Deeds, terms: Terms) -> Iterator[Violation | Doubt]:
    submissions = history.of_task(task_id, TaskSubmitted)
    apart = task_id in kept_apart(history, terms)
    if not apart:
        yield from _another_payload(task_id, submissions, terms)
    for each in submissions:
        # A client that tries anew after an answer that told nothing hands in what may not be there.
        taken = (other for other in submissions if other.accepted and other.at_ms <= each.answered_ms)
        if each.in_doubt and any(taken):
            message = f"task {task_id} was handed in again, and got {answer(each.status_code)}"
            asks_for_more = each.status_code in (0, HTTPStatus.SERVICE_UNAVAILABLE)
            yield Doubt(task_id, message, (each,)) if asks_for_more else Violation(task_id, message, (each,))
    if apart:
        yield from of_each_payload(history, task_id, usual, terms)
        return
    # Of one chain the messages were sent one in place of the other.
    if len(history.chains_of(task_id)) < 2:
        return
    yield from _done_twice(history, task_id, submissions, usual, terms)


def _another_payload(task_id: str, submissions: tuple[TaskSubmitted, ...], terms: Terms) -> Iterator[Violation]:
    first = next((each for each in submissions if each.accepted), None)
    for again in submissions:
        if first is not None and again.accepted and not terms.same_payload(again.payload, first.payload):
            message = f"task {task_id} was accepted again with another payload, so one of the two is lost"
            yield Violation(task_id, message, (first, again))
            return


def _done_twice(
    history: History, task_id: str, submissions: tuple[TaskSubmitted, ...], usual: Deeds, terms: Terms
) -> Iterator[Violation | Doubt]:
    attempts = history.attempts_of(task_id)
    words = terms.dialect.record
    changes = without_repeats(history.changes.get(task_id, ()))
    completed = [change for change in changes if words is not None and change.status in words.completed]
    when = _when(submissions, history, task_id)
    if len(completed) > 1:
        message = (
            f"task {task_id} was completed {len(completed)} times, by its record, when it was handed in again {when}"
        )
        yield Violation(task_id, message, (*submissions, *completed))
        return
    done = [each for each in attempts if each.succeeded is not None and was_work(history, task_id, each, usual)]
    # An operator lets a task be worked on after its death.
    deaths = history.of_task(task_id, DeadLettered) if not history.of_task(task_id, Redriven) else ()
    # What is dropped is acknowledged: who fails has tried.
    late = [each for each in attempts if deaths and each.at_ms > deaths[0].at_ms and (each.failed or each in done)]
    if len(done) > 1 or late:
        what = f"worked on {len(done)} times" if len(done) > 1 else "worked on after it had been dead-lettered"
        message = f"task {task_id} was {what}, when it was handed in again {when}"
        shown = [event for attempt in (done if len(done) > 1 else late) for event in attempt.events]
        yield Violation(task_id, message, (*submissions, *shown, *deaths[:1]))
    elif not usual and not history.changes.get(task_id):
        message = f"task {task_id} was carried by several messages, and nothing shows which of them were worked on"
        yield Doubt(task_id, message, history.of_task(task_id))


def _when(submissions: tuple[TaskSubmitted, ...], history: History, task_id: str) -> str:
    last = submissions[-1]
    attempts = history.attempts_of(task_id)
    began = min((attempt.at_ms for attempt in attempts), default=last.at_ms)
    if last.at_ms <= began:
        return "before anybody had worked on it"
    return f"{seconds((last.at_ms - began) / 1000)} after its first delivery"
