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
from taskguard.judging.checks.emptied import not_empty, not_seen_to_stay_empty
from taskguard.judging.verdict import Doubt, Found, Question, Verdict, Violation, conclude

QUESTION = Question(
    check="nothing_stuck",
    claim="At the end no record is under way, and both queues are empty and stay so.",
    needs=(RecordObserved, QueueDepth, RunEnded),
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge what is left at the end."""
    records = [record for record in history.records.values() if record.status is not None]
    open_records = [record for record in records if record.status not in terms.dialect.finals]
    left = not_empty(history)
    messages = sum(depth.total for depth in left)
    return conclude(
        QUESTION,
        history,
        [*_open(history, open_records), *_left_over(history, left, terms)],
        expected="each record in a final state, and the queues empty and still so "
        f"{seconds(terms.tolerances.empty_for_seconds)} later",
        observed=f"{times(len(records), 'record')}, {len(open_records)} not final; "
        f"{times(messages, 'message')} left in the queues",
        figures={"records": len(records), "not_final": len(open_records), "messages_left": messages},
        exercised=bool(records),
    )


def _open(history: History, records: list[RecordObserved]) -> Iterator[Found]:
    # Nothing will happen any more, or there was all the time for it.
    looks = [history.depths_of(queue)[-1:] for queue in queues_to_be_emptied(history)]
    is_at_rest = history.deadline_reached or all(look and look[0].total == 0 for look in looks)
    for record in records:
        what, events = f"task {record.task_id} {by_its_record(record.status)}", history.of_task(record.task_id)
        if is_at_rest:
            yield Violation(record.task_id, f"{what}, and nothing will move it any more", events)
        else:
            yield Doubt(record.task_id, f"{what}, and the run was stopped before its deadline", events)


def _left_over(history: History, left: list[QueueDepth], terms: Terms) -> Iterator[Found]:
    for depth in left if history.deadline_reached else ():
        yield Violation(None, f"at the deadline there was something left: {describe(depth)}", (depth,))
    yield from not_seen_to_stay_empty(
        history,
        terms.tolerances.empty_for_seconds,
        lambda depth: f"the run was stopped, and there was something left: {describe(depth)}",
    )
