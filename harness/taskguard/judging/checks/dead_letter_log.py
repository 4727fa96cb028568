"""Each dead task is logged once, with every field, and what the log record says is true.

The payload is compared with types (`1` is not `1.0`); the number of attempts with the deliveries seen; the last error
with the one that the task's record holds for its last failed attempt, where there is a record; the times with the
first delivery, the last one and the arrival in the dead-letter queue, give or take the clock tolerance. The error is that of the
last failed attempt by its own invocation, too, where that shows one. A record is logged by who was handed the dead letter, after the
death and within the late tolerance and the consumer's own time; what the engine was held up for is a doubt. Of a dead task
that was never accepted the fields are free, and a dead message that is no task (a poison message) need not be logged. Fails in spite
of missing evidence when a record was logged twice, lacks a field, or contradicts what was seen. With nothing dead the
claim holds vacuously, if no task failed often enough to die. Judged are the fields that the contract asks for; without any, or
without a dead-letter queue and its consumer, the check is not applicable. This module must not know where the record is logged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from taskguard.contract.terms import Terms
from taskguard.history import (
    Attempt,
    AttemptFailed,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    History,
    RecordObserved,
    Redriven,
    TaskSubmitted,
)
from taskguard.history.wording import named, shown, times
from taskguard.judging.checks.attempts import attempts_in_doubt, counted, throttled_of
from taskguard.judging.checks.dead_letter_records import AskedOfLog, Limit, logged_alive, why_no_log
from taskguard.judging.checks.dead_letter_witness import Witnesses
from taskguard.judging.checks.exercising import by_failures
from taskguard.judging.checks.logged_errors import LoggedErrors
from taskguard.judging.checks.on_purpose import dropped
from taskguard.judging.places import of_consumer
from taskguard.judging.verdict import Doubt, Found, Question, Verdict, Violation, conclude, not_applicable
from taskguard.support.json_values import Json
from taskguard.support.times import milliseconds

QUESTION = Question(
    check="dead_letter_log",
    claim="Each dead task is logged once, with every field, and truly.",
    needs=(TaskSubmitted, Delivered, AttemptFailed, DeadLettered, DeadLetterLogged, RecordObserved),
    exercised_by="hand in more tasks, or grade with another seed: some task has to die",
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge the dead-letter log's records against the deaths that were seen."""
    if why := why_no_log(history, terms):
        return not_applicable(QUESTION, why)
    dead, logged, asked = history.of_kind(DeadLettered), history.of_kind(DeadLetterLogged), AskedOfLog.of(terms)
    found = [] if asked.words is None else list(_found(history, asked, terms))
    violations = [each for each in found if isinstance(each, Violation)]
    if violations:
        observed = f"{times(len(dead), 'message')} dead-lettered, {times(len(logged), 'log record')}, "
        observed += times(len(violations), "violation")
    elif dead and asked.words is None:
        observed = f"{times(len(dead), 'message')} dead-lettered, and what is logged of them is not known"
    elif dead:
        observed = f"{times(len(dead), 'message')} dead-lettered, each logged once, with every field true"
    else:
        observed = "vacuous: no task was dead-lettered, and none was logged"
    return conclude(
        by_failures(QUESTION, history, terms, "some task has to die", in_a_row=terms.contract.attempts.highest or 1),
        history,
        [*found, *attempts_in_doubt(history), *_deaths_unseen(history, terms), *asked.doubts()],
        expected=f"one record for each dead task{_how(terms)}, with {', '.join(asked.all_fields)}",
        observed=observed,
        figures={"dead_lettered": len(dead), "logged": len(logged)},
        exercised=bool(dead),
    )


def _how(terms: Terms) -> str:
    return ", in JSON" if terms.contract.dead_letter.format == "json" else ""


def _found(history: History, asked: AskedOfLog, terms: Terms) -> Iterator[Found]:
    witnesses, errors = Witnesses(history, asked, terms), LoggedErrors(history)
    # Dying twice is settlement's to tell; here a task is dead or not.
    dead = history.of_kind(DeadLettered)
    first: dict[str, DeadLettered] = {}
    for arrival in dead:
        first.setdefault(named(arrival.task_id, arrival.message_id), arrival)
    for name, arrival in first.items():
        yield from _of_dead(name, arrival, history, asked, witnesses, errors, terms)
    yield from logged_alive(
        witnesses.records,
        history,
        {arrival.task_id for arrival in dead},
        "was logged as a dead letter although it was not dead-lettered",
        "which was not dead-lettered",
        (DeadLettered,),
    )
    if terms.contract.dead_letter.format == "json" and asked.words is not None and asked.words.text is not None:
        message = "dead tasks are logged in plain text, and the contract asks for JSON"
        yield from (Violation(each.task_id, message, (each,)) for each in witnesses.records[:1])
    yield from witnesses.advice()
    yield from errors.advice(asked.names.get("error", ""))


def _of_dead(
    name: str,
    arrival: DeadLettered,
    history: History,
    asked: AskedOfLog,
    witnesses: Witnesses,
    errors: LoggedErrors,
    terms: Terms,
) -> Iterator[Found]:
    task_id = arrival.task_id
    events = history.of_task(task_id) if task_id is not None else history.of_message(arrival.message_id)
    records = witnesses.records_among(events)
    if not records and task_id is not None:
        message = f"{name} was dead-lettered and never logged as a dead letter{dropped(history, 'dead-letter')}"
        yield Violation(task_id, message, (arrival,), (DeadLetterLogged,), place=of_consumer("dead-letter", history))
    if any(isinstance(event, Redriven) for event in events):
        # It may have died more than once, and its messages are in doubt anyhow.
        return
    if len(records) > 1:
        functions = sorted({each.function for each in records if each.function is not None})
        by = f", by {' and by '.join(functions)}" if len(functions) > 1 else ""
        yield Violation(task_id, f"{name} was logged as a dead letter {len(records)} times{by}", records)
    for record in records:
        yield from witnesses.found(name, record, arrival)
    for record in witnesses.consumers(records) if task_id in history.accepted else ():
        yield from asked.absent_from(record)
        yield from _fields(record, arrival, history, asked, terms)
        if (error := asked.told_in(record).get("error")) is not None:
            yield from [*_last_error(error, record, history, terms)] or errors.found(error, record, arrival)
        yield from _times(record, arrival, history, asked, terms)


def _fields(
    record: DeadLetterLogged, arrival: DeadLettered, history: History, asked: AskedOfLog, terms: Terms
) -> Iterator[Violation]:
    task_id, told = record.task_id or "", asked.told_in(record)
    # Those of the message that died: a duplicate of it may have been acknowledged.
    chains = [chain for chain in history.chains_of(task_id) if arrival.origin_id in chain.message_ids]
    attempts = [each for chain in chains for each in chain.attempts]
    # Who counts receives counts those that were throttled, too.
    received = len(attempts) + sum(len(throttled_of(history, chain)) for chain in chains)
    truths: dict[str, Json] = {
        "event": asked.words.value if asked.words is not None else None,
        "task_id": task_id,
        "payload": history.accepted[task_id].payload,
        "attempts": _number_of_attempts(attempts, told, record, history),
    }
    if not terms.dialect.ingress.tells_payload:
        del truths["payload"]
    if "attempts" in told and terms.same_payload(received, record.fields[told["attempts"]]):
        del truths["attempts"]
    for field, truth in truths.items():
        if (name := told.get(field)) is not None and not terms.same_payload(truth, record.fields[name]):
            found = f"{name} is {shown(record.fields[name])}, expected {shown(truth)}"
            yield _untrue(record, found, excused_by=(Delivered,) if field == "attempts" else ())


def _number_of_attempts(
    attempts: Sequence[Attempt], told: Mapping[str, str], record: DeadLetterLogged, history: History
) -> Json:
    """How many there were: of those that the run itself made to fail, who counts attempts in the function does not know."""
    name, own = told.get("attempts"), len(_of_its_own(attempts, history))
    value = record.fields[name] if name is not None else None
    is_within = isinstance(value, int) and own <= value <= len(attempts)
    return value if is_within else len(attempts)


def _of_its_own(attempts: Sequence[Attempt], history: History) -> list[Attempt]:
    return [attempt for attempt in attempts if attempt.failed is not None and not history.was_struck(attempt)]


def _last_error(name: str, logged: DeadLetterLogged, history: History, terms: Terms) -> Iterator[Violation]:
    task_id, value = logged.task_id or "", logged.fields[name]
    if not _of_its_own(history.attempts_of(task_id), history):
        # The run itself made each attempt fail, and no function saw an error.
        return
    if not isinstance(value, str) or not value:
        yield _untrue(logged, f"{name} is {shown(value)}, expected the error's text")
        return
    records = [record for record in history.of_task(task_id, RecordObserved) if record.status is not None]
    words = terms.dialect.record
    if records and words is not None:
        failed = [each for each in records[-1].attempts if each.outcome == words.attempt_failed]
        truth = failed[-1].error if failed else records[-1].last_error
        if truth is not None and value != truth:
            found = f"{name} is {shown(value)}, and the task's record has {shown(truth)} for its last failed attempt"
            yield _untrue(logged, found, records[-1])


def _times(
    logged: DeadLetterLogged, arrival: DeadLettered, history: History, asked: AskedOfLog, terms: Terms
) -> Iterator[Violation]:
    task_id, told = logged.task_id or "", asked.told_in(logged)
    attempts = history.attempts_of(task_id)
    delivered = [attempt.delivered for attempt in attempts if attempt.delivered is not None]
    failed = [attempt.delivered for attempt in attempts if attempt.failed is not None]
    submitted = history.of_task(task_id, TaskSubmitted)[0]
    limits: dict[str, list[Limit]] = {
        "created_at": [
            *(Limit(first, "after", "the task's first delivery") for first in delivered[:1]),
            Limit(submitted, "before", "the task was submitted", (TaskSubmitted,)),
        ],
        "failed_at": [
            *(Limit(last, "before", "the last failed attempt was delivered") for last in failed[-1:] if last),
            Limit(arrival, "after", "the task had arrived in the dead-letter queue"),
        ],
    }
    if not _of_its_own(attempts, history):
        # Then nobody was there who could have noted when.
        del limits["failed_at"]
    for field, name in told.items():
        if field not in limits:
            continue
        moment = milliseconds(logged.fields[name])
        if moment is None:
            found = f"{name} is {shown(logged.fields[name])}, expected a time as ISO 8601 with its zone"
            yield _untrue(logged, found)
            continue
        for limit in limits[field]:
            if passed := limit.passed_by(moment, terms.tolerances.clock_ms):
                yield _untrue(logged, f"{name} is {passed}", limit.event, limit.excused_by)


def _deaths_unseen(history: History, terms: Terms) -> Iterator[Doubt]:
    dead = {arrival.task_id for arrival in history.of_kind(DeadLettered)}
    for task_id in sorted(history.accepted.keys() - dead):
        # What was delivered again had not died of the attempt before.
        for chain in history.chains_of(task_id):
            attempt = chain.attempts[-1]
            if attempt.failed is None:
                continue
            *_, (number, _) = counted(history, chain)
            if number == terms.contract.attempts.highest:
                message = f"task {task_id} failed {number} times, and its death was not seen"
                yield Doubt(task_id, message, attempt.events)


def _untrue(
    logged: DeadLetterLogged, found: str, beside: Event | None = None, excused_by: tuple[type[Event], ...] = ()
) -> Violation:
    shown = (logged,) if beside is None else (logged, beside)
    return Violation(logged.task_id, f"task {logged.task_id}: in its dead-letter record {found}", shown, excused_by)
