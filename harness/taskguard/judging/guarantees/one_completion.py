"""At most one completion of a task takes effect, none after its death, and a final state is never left.

Judged are the changes of every record as the store took them, of all tasks, whatever became of their submission, with what the
record says of its attempts at the end and what the dead-letter log says. A task that was completed and yet marked or logged as
dead is a fail in whichever order; only an operator takes a dead task back to work, and then it may be completed once. What was
seen was done, so each fault is a fail in spite of missing evidence. This module must not know how duplicates are kept apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from taskguard.contract.terms import Terms
from taskguard.history import DeadLetterLogged, History, RecordChanged, RecordObserved, Redriven
from taskguard.history.wording import times
from taskguard.judging.checks.attempts import changes_in_doubt, no_changes_seen
from taskguard.judging.checks.dead_letter_records import Loggers
from taskguard.judging.guarantees.records import is_without_records, status_at_end, untold
from taskguard.judging.verdict import Question, Verdict, Violation, conclude, tasks_at_fault

QUESTION = Question(
    check="one_completion",
    claim="At most one completion of a task takes effect, none after its death, and a final state is never left.",
    needs=(RecordChanged, RecordObserved, DeadLetterLogged),
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge what was written to each record in and after its final state."""
    if is_without_records(history, terms):
        return untold(QUESTION, history)
    violations = [found for task_id in history.task_ids for found in _of_task(task_id, history, terms)]
    done, dead = terms.dialect.completed, terms.dialect.dead
    completed = sum(any(each.status in done for each in changes) for changes in history.changes.values())
    at_fault = tasks_at_fault(violations)
    gaps = (doubt for task_id in history.changes for doubt in changes_in_doubt(history, task_id))
    return conclude(
        QUESTION,
        history,
        [*violations, *no_changes_seen(history), *gaps],
        expected=f"one change to {' or '.join(done)} at most, none after {' or '.join(dead)}, and no change after either",
        observed=f"{times(completed, 'task')} completed: {times(at_fault, 'task')} done twice, or left a final state",
        figures={"completed": completed, "at_fault": at_fault},
        exercised=completed > 0,
    )


def _of_task(task_id: str, history: History, terms: Terms) -> Iterator[Violation]:
    done, dead, words = terms.dialect.completed, terms.dialect.dead, terms.dialect.record
    changes = history.changes.get(task_id, [])
    completions = [change for change in changes if change.status in done]
    if len(completions) > 1:
        yield Violation(task_id, f"task {task_id} was completed {len(completions)} times", completions)
    yield from _left(task_id, changes, history, terms)
    record = history.records.get(task_id)
    if record is not None and words is not None:
        successes = sum(each.outcome == words.attempt_succeeded for each in record.attempts)
        if successes > 1:
            message = f"task {task_id} was completed by {successes} attempts, as its record tells"
            yield Violation(task_id, message, (record,))
        if completions and record.status not in done:
            found = "no record" if record.status is None else record.status or "one without a status"
            message = f"task {task_id} was completed, and its record was found as {found} at the end"
            yield Violation(task_id, message, (completions[0], record))
    if (completions or status_at_end(history, task_id) in done) and not history.of_task(task_id, Redriven):
        logged = history.of_task(task_id, DeadLetterLogged)
        if logged := tuple(filter(Loggers(history).is_consumers, logged)) if logged else ():
            yield Violation(task_id, f"task {task_id} was completed, and logged as dead", (*completions, *logged))
        deaths = [change for change in changes if change.status in dead]
        if deaths:
            yield Violation(task_id, f"task {task_id} was both completed and dead-lettered", (*completions, *deaths))


def _left(task_id: str, changes: Sequence[RecordChanged], history: History, terms: Terms) -> Iterator[Violation]:
    words = terms.dialect.record
    by_operator = {(move.before, move.after) for move in (words.moves if words is not None else ()) if move.by_operator}
    left_to_operators = len(history.of_task(task_id, Redriven))
    for before, after in pairwise(changes):
        if before.status not in terms.dialect.finals:
            continue
        if (before.status, after.status) in by_operator:
            left_to_operators -= 1
            if left_to_operators < 0:
                message = f"task {task_id}: its record left {before.status}, and no operator was seen to do so"
                yield Violation(task_id, message, (before, after), (Redriven,))
            continue
        how = "was removed" if after.status is None else f"was changed to {after.status or 'no status'}"
        how = "was written again" if before.status == after.status else how
        yield Violation(task_id, f"task {task_id}: its record was {before.status}, and {how}", (before, after))
