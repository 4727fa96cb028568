"""Every accepted task is settled, as it was submitted, and nothing else; then the queues are empty, and stay so.

Nothing lost, nothing invented. A dead-lettered task that an operator put back to work settles once more, and so on. A
task whose submission had no clear answer (a server's error, or none) may settle or not; a task that was refused is a fail,
since what a run submits is valid, and so is a message that is in a queue still when the run has waited to its deadline. A
task in several messages is unknown: a duplicate that was dropped looks as if it had done the work. A task that was not
seen to end is a fail when the run waited to its deadline or the work queue was empty, else unknown. So is one that was acknowledged
without what was done for all tasks that succeeded at once, and one whose function had answered before a call of its own for it was done: Lambda
freezes a function that has answered. One that was sent to another queue then is unknown, unless these are, too. A submission that was refused
because its id was taken, or that had no clear answer, may have been sent before that was known: its message may come once, to be
dropped. Queues that were not
seen empty twice, so far apart as is expected, are unknown. Where the work queue is that of a later stage, a task may have died on the way there,
and one that was acknowledged there is unknown. So is a run in which all tasks died: that they can be completed was never seen. A dead-letter queue that nothing consumes need not be
empty. That nothing is done twice is for `effect` and `idempotency` to tell. This module must not know what a task does between its acceptance and its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import reduce
from http import HTTPStatus
from operator import and_

from taskguard.contract.terms import Terms
from taskguard.history import (
    Attempt,
    AttemptFailed,
    AttemptSucceeded,
    Called,
    DeadLettered,
    Deduplicated,
    Delivered,
    History,
    InvalidSubmitted,
    InvocationFailed,
    OtherStage,
    QueueDepth,
    Redriven,
    RunEnded,
    TaskSubmitted,
)
from taskguard.history.wording import seconds, times
from taskguard.judging.checks.asked import granted_seconds
from taskguard.judging.checks.attempts import duplicates_in_doubt
from taskguard.judging.checks.emptied import not_empty, not_seen_to_stay_empty
from taskguard.judging.checks.ends import Ends, ends_of, last_seen, was_refused
from taskguard.judging.checks.given_away import given_away
from taskguard.judging.checks.left_under_way import left_under_way
from taskguard.judging.checks.on_purpose import never_came
from taskguard.judging.checks.stages import died_earlier, dropped_earlier
from taskguard.judging.checks.unsent import may_be_kept, refused_sends, told_of_it
from taskguard.judging.checks.work import Deeds, deeds_of, usual_deeds
from taskguard.judging.verdict import Advice, Doubt, Found, Question, Verdict, Violation, conclude, unfinished

_WRONG_BY_ITSELF = ("Runtime.UserCodeSyntaxError", "SyntaxError", "NameError", "ReferenceError")
"""Errors of code that is loaded for which nothing around it can be the reason: no call, no package and no variable that there is not."""
_FEWEST_IN_A_ROW = 3

_FEWEST_TO_SEE_ONE = 10
"""At no rate that a run is graded at would all of so many tasks die by chance."""

QUESTION = Question(
    check="settlement",
    claim="Every accepted task is settled, as it was submitted, and nothing else; then the queues stay empty.",
    needs=(TaskSubmitted, AttemptSucceeded, DeadLettered, QueueDepth, RunEnded),
    lasts=lambda history: _wrong_by_itself(history) is not None,
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge whether every accepted task ends, and nothing is left over."""
    ends = {task_id: ends_of(history, task_id) for task_id in history.task_ids}
    last = [ends[task_id][-1] for task_id in history.accepted]
    earlier = died_earlier(history)
    unsettled = [task_id for task_id in history.accepted_ids if not ends[task_id][-1].events and task_id not in earlier]
    completed, dead = sum(bool(each.successes) for each in last), sum(bool(each.dead_letters) for each in last)
    return conclude(
        QUESTION,
        history,
        [
            *(found for task_id, of_task in ends.items() for found in _of_task(history, task_id, of_task, terms)),
            *_unsettled(history, unsettled, terms),
            *_not_worked_on(history),
            *given_away(history),
            *left_under_way(history),
            *_refusals(history),
            *_left_over(history, unsettled, terms),
            *_other_stages(history),
            *_none_completed(history, completed, dead),
        ],
        expected="each accepted task completed or dead-lettered, no other, and the queues empty and still so "
        f"{seconds(terms.tolerances.empty_for_seconds)} later",
        observed=f"{times(len(last), 'task')} accepted{_not_accepted(history)}: {completed} completed, "
        f"{dead} dead-lettered, {f'{len(earlier)} at an earlier stage, ' if earlier else ''}{len(unsettled)} unsettled",
        figures={"accepted": len(last), "completed": completed, "dead": dead, "unsettled": len(unsettled)},
    )


def _of_task(history: History, task_id: str, ends: tuple[Ends, ...], terms: Terms) -> Iterator[Found]:
    words = terms.dialect.message
    found = [event for each in ends for event in each.events]
    was_taken = (
        task_id in history.accepted
        or any(each.in_doubt for each in history.of_task(task_id, TaskSubmitted))
        # That what is no task was accepted is for `refusals` to tell.
        or any(terms.dialect.ingress.takes(each.status_code) for each in history.of_task(task_id, InvalidSubmitted))
    )
    # Without a word for it, what looks like a task's id in a message may be another's.
    if found and not was_taken and words.id is not None:
        how = "completed" if isinstance(found[0], AttemptSucceeded) else "dead-lettered"
        message = f"task {task_id} was {how} although it was never accepted"
        yield Violation(task_id, message, found, (TaskSubmitted,))
    if words.payload is not None:
        yield from _another_payload(history, task_id, terms)


def _unsettled(history: History, unsettled: list[str], terms: Terms) -> Iterator[Found]:
    unread = {each for each in unsettled if not history.attempts_of(each)} if _is_unread(history, terms) else set[str]()
    for task_id in unsettled:
        if (again := _on_its_way(history, task_id, terms)) is not None:
            yield again
        elif (stage := dropped_earlier(history, task_id)) is not None:
            message = f"task {task_id} was acknowledged on the queue {stage.queue} and not sent on to the work queue, and nothing shows whether it was to be"
            yield Doubt(task_id, message, (stage,))
        elif not (history.waited_long_enough and task_id in unread):
            # The record is a claim; what was last seen to happen is what helps.
            message = f"task {task_id} {_unended(history, task_id)}{never_came(history, task_id)}{told_of_it(history, task_id)}"
            if why := may_be_kept(history, task_id):
                yield Doubt(task_id, f"{message}: {why}", history.of_task(task_id))
            else:
                yield unfinished(history, task_id, message, (AttemptSucceeded, DeadLettered))
    for task_id in history.accepted:
        if terms.dialect.message.payload is None:
            yield from _unread_payload(history, task_id, terms)
        if history.waited_long_enough and task_id in unread:
            stated = terms.dialect.message.id
            message = (
                f"task {task_id} was seen in no message, and others have no id that is known: name its field in taskguard.toml, as id below [message]"
                if stated is None
                else f"task {task_id} was seen in no message, and neither was any other: is its id in the field {stated}, as taskguard.toml states "
                "below [message]?"
            )
            yield Doubt(task_id, message, history.of_task(task_id))


def _none_completed(history: History, completed: int, dead: int) -> Iterator[Found]:
    """That no task was completed, of so many that anybody would have seen one: that the pipeline can is never shown then. It cannot where
    a function's own code is wrong before any of it runs."""
    if (wrong := _wrong_by_itself(history)) is not None:
        message = f"no task can be completed: {wrong.function} cannot be loaded: {wrong.error_type}: {wrong.message}"
        yield Violation(None, message, [wrong], of_all=True)
        return
    reasons = Counter(each.reason for each in history.of_kind(AttemptFailed))
    if completed or dead < _FEWEST_TO_SEE_ONE or not reasons:
        return
    [(reason, _)] = reasons.most_common(1)
    failed = [each for task_id in history.accepted for each in history.attempts_of(task_id) if each.failed is not None]
    done = [deeds_of(history, each.task_id or "", [each]) for each in failed if not history.was_struck(each)]
    common = reduce(and_, done) if done else Deeds()
    what = (
        f"though {', '.join(sorted(common))} was done at each attempt: is what is done taken for a failure?"
        if common
        else "If its functions call anybody but AWS, whom a sandbox does not let them reach, grade with --no-sandbox"
    )
    message = (
        f"none of {times(dead, 'task')} was completed, so nothing shows that the pipeline ever completes one: each was dead-lettered, most often after "
        f"{reason}{', ' if common else '. '}{what}"
    )
    yield Doubt(None, message, history.of_kind(DeadLettered)[:1], of_all=True)


def _wrong_by_itself(history: History) -> InvocationFailed | None:
    """That a consumer of the work queue could not be loaded, for what its own code has; or, where none is accepted, who takes tasks in."""
    failed = [each for each in history.of_kind(InvocationFailed) if each.error_type in _WRONG_BY_ITSELF]
    deliveries = {each.delivery_id for each in history.of_kind(Delivered)} if failed else set[str]()
    found = [
        each
        for each in failed
        if not each.loaded and (each.delivery_id in deliveries or (each.task_ids and not history.accepted))
    ]
    # Another consumer of the queue would have been met by then.
    return found[0] if len(found) >= _FEWEST_IN_A_ROW and not history.of_kind(AttemptSucceeded) else None


def _other_stages(history: History) -> Iterator[Advice]:
    for stage in history.of_kind(OtherStage):
        name = stage.logical_id or stage.queue
        message = (
            f"tasks come to the queue {name}, too, on which {' and '.join(stage.consumers)} works, and what becomes of them there is not judged: "
            f'to judge that, grade with work_queue = "{name}", below [service] in taskguard.toml'
        )
        yield Advice(None, message, (stage,), of_all=True)


def _on_its_way(history: History, task_id: str, terms: Terms) -> Doubt | None:
    """That a task was sent again, and the run ended before its delay was over."""
    attempts = history.attempts_of(task_id)
    again = attempts[-1].sent_again if attempts else None
    if again is None or history.end is None:
        return None
    delay_seconds = granted_seconds(attempts[-1], history) or 0.0
    if history.end.at_ms >= again.answered_ms + (delay_seconds + terms.tolerances.late_seconds) * 1000:
        return None
    message = f"task {task_id} was sent to the queue again with a delay of {seconds(delay_seconds)}, and the run ended before that was over"
    return Doubt(task_id, message, attempts[-1].events)


def _unended(history: History, task_id: str) -> str:
    dropped = next(iter(history.of_task(task_id, Deduplicated)), None)
    if dropped is not None and not history.attempts_of(task_id):
        by = f'the deduplication id "{dropped.deduplication_id}"' if dropped.deduplication_id else "its content"
        return (
            f"was accepted, and the queue dropped its message: by {by} it took it for that of task {dropped.first_task_id}. "
            "Give each task a deduplication id of its own"
        )
    redriven = history.of_task(task_id, Redriven)
    by = f" {times(len(redriven), 'time')} by {redriven[-1].by}" if redriven and redriven[-1].by is not None else ""
    again = f" again after it had been put back{by}" if redriven else ""
    told = f"was neither completed nor dead-lettered{again}; last seen: {last_seen(history, task_id)}"
    attempts, settings = history.attempts_of(task_id), history.configuration
    if attempts and attempts[-1].failed is not None and settings is not None and settings.dead_letter_queue is False:
        # A function's own dead-letter queue takes what fails of asynchronous invocations alone.
        told += ". The work queue has no redrive policy, so what fails comes back until it expires, whatever dead-letter queue its function has"
    return told


def _not_worked_on(history: History) -> Iterator[Violation]:
    usual = usual_deeds(history)
    for task_id in history.accepted if usual else ():
        attempts = history.attempts_of(task_id)
        last = next((attempt for attempt in reversed(attempts) if attempt.succeeded is not None), None)
        lacking = usual - deeds_of(history, task_id, attempts)
        # Who did something else for it then may do it otherwise, and not less.
        if last is not None and lacking and not deeds_of(history, task_id, [last]):
            failed = [each for each in history.calls.get(task_id, ()) if _is_in_vain(each, last, lacking)]
            message = (
                f"task {task_id} was acknowledged at attempt {last.number} without what is done for each task that succeeds at once: "
                f"{', '.join(sorted(lacking))}{''.join(f'; {each.operation} failed with {each.error}' for each in failed[-1:])}"
            )
            shown = [event for each in attempts for event in each.events]
            yield Violation(task_id, message, [*shown, *failed], (Called, Delivered))


def _is_in_vain(call: Called, attempt: Attempt, lacking: Deeds) -> bool:
    return call.delivery_id == attempt.delivery_id and call.error is not None and call.what in lacking


def _left_over(history: History, unsettled: list[str], terms: Terms) -> Iterator[Found]:
    for depth in not_empty(history) if history.deadline_reached else ():
        if depth.queue == "dead-letter":
            message = f"at the end there were {_left(depth)}: its consumer does not finish them"
            yield Violation(None, message, (depth,))
        elif not unsettled:
            yield Violation(None, f"every task has ended, and yet at the end there were {_left(depth)}", (depth,))
    yield from duplicates_in_doubt(history)
    if not unsettled:
        yield from not_seen_to_stay_empty(
            history,
            terms.tolerances.empty_for_seconds,
            lambda depth: f"every task has ended, and yet there were {_left(depth)}, which may still be delivered",
        )


def _another_payload(history: History, task_id: str, terms: Terms) -> Iterator[Violation]:
    if task_id not in history.accepted:
        return
    submissions = history.of_task(task_id, TaskSubmitted)
    for delivered in history.of_task(task_id, Delivered):
        same = [each for each in submissions if terms.is_submitted(each.payload, delivered.payload)]
        if any(each.accepted for each in same):
            continue
        in_vain_too = any(each.in_doubt or each.status_code == HTTPStatus.CONFLICT for each in same)
        if not (in_vain_too and _dropped(history, delivered)):
            message = f"task {task_id} was delivered with another payload than was submitted"
            yield Violation(task_id, message, (history.accepted[task_id], delivered))
            return


def _is_unread(history: History, terms: Terms) -> bool:
    """Whether tasks that were seen in no message may have come in some whose words for it nobody stated, or stated wrongly."""
    known = [each.task_id in history.accepted for each in history.of_kind(Delivered)]
    # As soon as one is known by them, the stated words are right.
    return not all(known) and (terms.dialect.message.id is None or not any(known))


def _unread_payload(history: History, task_id: str, terms: Terms) -> Iterator[Doubt]:
    """What looks like a task's payload in its message, and is none that was submitted, where nobody stated the words for it."""
    for found in _another_payload(history, task_id, terms):
        if any(isinstance(event, Delivered) and event.payload is not None for event in found.events):
            message = f"{found.message}, if it is in the field payload: name the field in taskguard.toml, as payload below [message]"
            yield Doubt(task_id, message, found.events)


def _dropped(history: History, delivered: Delivered) -> bool:
    """Whether this was the one delivery of its message, and did not fail: what is worked on may fail, what is dropped does not."""
    attempts = [
        each for each in history.attempts_of(delivered.task_id or "") if each.message_id == delivered.message_id
    ]
    return len(attempts) == 1 and attempts[0].failed is None


def _left(depth: QueueDepth) -> str:
    whereabouts = f"{depth.visible} visible, {depth.in_flight} in flight, {depth.delayed} delayed"
    return f"{times(depth.total, 'message')} left in the {depth.queue} queue ({whereabouts})"


def _refusals(history: History) -> Iterator[Found]:
    for refused in _refused(history):
        # The answer may ask for another try rather than call the task invalid.
        if refused.in_doubt or refused.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            answer = f"HTTP {refused.status_code}" if refused.status_code else "no answer"
            why = told_of_it(history, refused.task_id) if refused.task_id is not None else ""
            message = f"task {refused.task_id} got {answer}, and was not accepted later{why}"
            yield Doubt(refused.task_id, message, (refused,))
        else:
            yield was_refused(refused)


def _refused(history: History) -> Iterator[TaskSubmitted]:
    """The submissions that were not accepted, of tasks that were not accepted later either; whether a probe's may be refused is for
    `ingress` to tell."""
    for event in history.of_kind(TaskSubmitted):
        told = event.probe is None or (event.in_doubt and not refused_sends(history, event))
        if not event.accepted and event.task_id not in history.accepted and told:
            yield event


def _not_accepted(history: History) -> str:
    refused = list(_refused(history))
    # One that was refused several times is one task; those without an id cannot be told apart.
    count = len({each.task_id for each in refused if each.task_id}) + sum(not each.task_id for each in refused)
    return f", {count} not accepted" if count else ""
