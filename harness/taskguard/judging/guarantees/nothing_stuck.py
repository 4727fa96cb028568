"""At the end nothing is under way: no record at all is in a state that is not final, and both queues are empty and stay so.

Speaks of every record that was read, also of tasks whose submission was refused with a server's error: what was stored is worked
on, or it would wait for ever. What is left is a fail when the run waited to its deadline, or, of a record, when the queues were
empty: nothing would move it any more. This module must not know who handed a task in.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.contract.expectations import Expectations
from taskguard.history import History, QueueDepth, RecordObserved, RunEnded
from taskguard.history.events import QueueName
from taskguard.history.wording import by_its_record, describe, seconds, times
from taskguard.judging.checks.conclusion import Doubt, Question, Violation, conclude
from taskguard.judging.guarantees.records import finals
from taskguard.judging.verdict import Verdict

QUESTION = Question(
    check="nothing_stuck",
    claim="At the end no record is under way, and both queues are empty and stay so.",
    needs=(RecordObserved, QueueDepth, RunEnded),
)

_QUEUES: tuple[QueueName, ...] = ("work", "dead-letter")


def judge(history: History, expectations: Expectations) -> Verdict:
    """Judge what is left at the end."""
    records = [record for record in history.records.values() if record.status is not None]
    open_records = [record for record in records if record.status not in finals(expectations)]
    left = [depths[-1] for queue in _QUEUES if (depths := _depths(history, queue)) and depths[-1].total]
    return conclude(
        QUESTION,
        history,
        expected="each record in a final state, and the queues empty and still so "
        f"{seconds(expectations.empty_for_seconds)} later",
        observed=f"{times(len(records), 'record')}, {len(open_records)} not final; "
        f"{times(sum(depth.total for depth in left), 'message')} left in the queues",
        violations=[*_open(history, open_records), *_left_at_the_deadline(history, left)],
        doubts=[*_may_move(history, open_records), *_may_be_delivered(history, expectations)],
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
    if history.end is not None and history.end.deadline_reached:
        for depth in left:
            yield Violation(None, f"at the deadline there was something left: {describe(depth)}", (depth,))


def _may_be_delivered(history: History, expectations: Expectations) -> Iterator[Doubt]:
    at_deadline = history.end is not None and history.end.deadline_reached
    for queue in _QUEUES:
        depths = _depths(history, queue)
        if not depths:
            if QueueDepth.__name__ not in history.missing_kinds:
                yield Doubt(None, f"how many messages were left in the {queue} queue at the end was not read")
            continue
        last = depths[-1]
        before = [depth for depth in depths if last.at_ms - depth.at_ms >= expectations.empty_for_seconds * 1000]
        if last.total:
            if not at_deadline:
                yield Doubt(None, f"the run was stopped, and there was something left: {describe(last)}", (last,))
        elif not before:
            apart = seconds(expectations.empty_for_seconds)
            yield Doubt(
                None, f"the {queue} queue was not seen empty twice, {apart} apart, so it may not stay so", depths
            )
        elif before[-1].total:
            message = f"the {queue} queue was emptied only just before the end, so it may not stay so"
            yield Doubt(None, message, (before[-1], last))


def _is_at_rest(history: History) -> bool:
    """Whether nothing will happen any more, or there was all the time for it."""
    if history.end is not None and history.end.deadline_reached:
        return True
    looks = [_depths(history, queue) for queue in _QUEUES]
    return all(depths and depths[-1].total == 0 for depths in looks)


def _depths(history: History, queue: QueueName) -> list[QueueDepth]:
    return [depth for depth in history.of_kind(QueueDepth) if depth.queue == queue]
