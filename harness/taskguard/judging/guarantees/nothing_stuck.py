"""At the end nothing is under way: no record at all is in a state that is not final, and both queues are empty and stay so.

Speaks of every record that was read, also of tasks whose submission was refused with a server's error: what was stored is worked
on, or it would wait for ever. What is left is a fail when the run waited to its deadline, or, of a record, when the queues were
empty: nothing would move it any more. This module must not know who handed a task in.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.contract.terms import Terms
from taskguard.history import History, QueueDepth, RecordObserved, RunEnded
from taskguard.history.wording import by_its_record, describe, seconds, times
from taskguard.judging.checks.asked import queues_to_be_emptied
from taskguard.judging.checks.conclusion import Doubt, Question, Violation, conclude
from taskguard.judging.checks.emptied import not_seen_to_stay_empty
from taskguard.judging.verdict import Verdict

QUESTION = Question(
    check="nothing_stuck",
    claim="At the end no record is under way, and both queues are empty and stay so.",
    needs=(RecordObserved, QueueDepth, RunEnded),
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge what is left at the end."""
    records = [record for record in history.records.values() if record.status is not None]
    open_records = [record for record in records if record.status not in terms.dialect.finals]
    left = [
        depths[-1]
        for queue in queues_to_be_emptied(history)
        if (depths := history.depths_of(queue)) and depths[-1].total
    ]
    return conclude(
        QUESTION,
        history,
        expected="each record in a final state, and the queues empty and still so "
        f"{seconds(terms.tolerances.empty_for_seconds)} later",
        observed=f"{times(len(records), 'record')}, {len(open_records)} not final; "
        f"{times(sum(depth.total for depth in left), 'message')} left in the queues",
        violations=[*_open(history, open_records), *_left_at_the_deadline(history, left)],
        doubts=[
            *_may_move(history, open_records),
            *not_seen_to_stay_empty(history, terms.tolerances.empty_for_seconds, _left),
        ],
        figures={
            "records": len(records),
            "not_final": len(open_records),
            "messages_left": sum(depth.total for depth in left),
        },
        exercised=bool(records),
    )


def _open(history: History, records: list[RecordObserved]) -> Iterator[Violation]:
    if _is_at_rest(history):
        for record in records:
            message = f"task {record.task_id} {by_its_record(record.status)}, and nothing will move it any more"
            yield Violation(record.task_id, message, history.of_task(record.task_id))


def _may_move(history: History, records: list[RecordObserved]) -> Iterator[Doubt]:
    if not _is_at_rest(history):
        for record in records:
            message = (
                f"task {record.task_id} {by_its_record(record.status)}, and the run was stopped before its deadline"
            )
            yield Doubt(record.task_id, message, history.of_task(record.task_id))


def _left_at_the_deadline(history: History, left: list[QueueDepth]) -> Iterator[Violation]:
    if history.deadline_reached:
        for depth in left:
            yield Violation(None, f"at the deadline there was something left: {describe(depth)}", (depth,))


def _left(depth: QueueDepth) -> str:
    return f"the run was stopped, and there was something left: {describe(depth)}"


def _is_at_rest(history: History) -> bool:
    """Whether nothing will happen any more, or there was all the time for it."""
    if history.deadline_reached:
        return True
    looks = [history.depths_of(queue) for queue in queues_to_be_emptied(history)]
    return all(depths and depths[-1].total == 0 for depths in looks)
