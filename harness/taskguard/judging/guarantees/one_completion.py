"""At most one completion of a task takes effect, none after its death, and a final state is never left.

Judged are the changes of every record as the store took them, of all tasks, whatever became of their submission, with what the
record says of its attempts at the end and what the dead-letter log says. A task that was completed and yet marked or logged as
dead is a fail in whichever order; only an operator takes a dead task back to work, and then it may be completed once. What was
seen was done, so each fault is a fail in spite of missing evidence. This module must not know how duplicates are kept apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from taskguard.contract.expectations import Expectations
from taskguard.history import DeadLetterLogged, History, RecordChanged, RecordObserved, Redriven
from taskguard.history.wording import times
from taskguard.judging.checks.conclusion import Doubt, Question, Violation, conclude
from taskguard.judging.guarantees.records import finals, logs_of, redrives, status_at_end
from taskguard.judging.verdict import Verdict

QUESTION = Question(
    check="one_completion",
    claim="At most one completion of a task takes effect, none after its death, and a final state is never left.",
    needs=(RecordChanged, RecordObserved, DeadLetterLogged),
)


def judge(history: History, expectations: Expectations) -> Verdict:
    """Judge what was written to each record in and after its final state."""
    violations = [found for task_id in history.task_ids for found in _of_task(task_id, history, expectations)]
    done, _ = finals(expectations)
    completed = sum(any(each.status == done for each in changes) for changes in history.changes.values())
    at_fault = len({violation.task_id for violation in violations})
    return conclude(
        QUESTION,
        history,
        expected=f"one change to {done} at most, none after {expectations.record.dead}, and no change after either",
        observed=f"{times(completed, 'task')} completed: {times(at_fault, 'task')} done twice, or left a final state",
        violations=violations,
        doubts=_unseen(history),
        figures={"completed": completed, "at_fault": at_fault},
        exercised=completed > 0,
    )


def _of_task(task_id: str, history: History, expectations: Expectations) -> Iterator[Violation]:
    done, dead = finals(expectations)
    changes = history.changes.get(task_id, [])
    completions = [change for change in changes if change.status == done]
    if len(completions) > 1:
        yield Violation(task_id, f"task {task_id} was completed {len(completions)} times", completions)
    yield from _left(task_id, changes, history, expectations)
    record = history.records.get(task_id)
    if record is not None:
        successes = sum(each.outcome == expectations.record.attempt_succeeded for each in record.attempts)
        if successes > 1:
            message = f"task {task_id} was completed by {successes} attempts, as its record tells"
            yield Violation(task_id, message, (record,))
        if completions and record.status != done:
            found = "no record" if record.status is None else record.status or "one without a status"
            message = f"task {task_id} was completed, and its record was found as {found} at the end"
            yield Violation(task_id, message, (completions[0], record))
    if (completions or status_at_end(history, task_id) == done) and not redrives(history, task_id):
        logged = logs_of(history, task_id)
        if logged:
            yield Violation(task_id, f"task {task_id} was completed, and logged as dead", (*completions, *logged))
        deaths = [change for change in changes if change.status == dead]
        if deaths:
            yield Violation(task_id, f"task {task_id} was both completed and dead-lettered", (*completions, *deaths))


def _left(
    task_id: str, changes: Sequence[RecordChanged], history: History, expectations: Expectations
) -> Iterator[Violation]:
    by_operator = {(move.before, move.after) for move in expectations.record.moves if move.by_operator}
    left_to_operators = redrives(history, task_id)
    for before, after in pairwise(changes):
        if before.status not in finals(expectations):
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


def _unseen(history: History) -> Iterator[Doubt]:
    if history.accepted and not history.changes:
        yield Doubt(None, "no change of any record was seen: the pipeline keeps none, or its store does not tell")
    for task_id, changes in history.changes.items():
        if [change.number for change in changes] != list(range(1, len(changes) + 1)):
            yield Doubt(task_id, f"task {task_id}: not every change of its record was seen", changes)
