"""Each change of a task's record was a legal one, in order of time, and a final state was never left.

Judged are the changes as the store took them, in its order: which moves there are, and which of them only an
operator makes, is the dialect's; where that has none, any is legal but one out of a final state. No other change leads out of a
final state, not even to itself. An attempt begins with each change to the working state: its number is higher than any before, and its message was delivered by then; it ends with an outcome for which the dialect has a word. A time that the pipeline
wrote for a change lies between the change before it and the change itself; the first change after a task was stored may have been on
its way at that moment, so its time counts from the one written then. What became of an attempt is written within the late tolerance, and the time of an
invocation, after the attempt had ended, that a task is completed whatever else the record tells; later is excused as far as the engine
was held up, and so is a record that tells of no attempts, of a task that the attempt had sent on. What was seen to be changed was changed, so a fault
is a fail in spite of missing evidence; but where a record's first change may not have been seen, the first move that was seen
is excused, and so are missing deliveries and operators. Where a fault of the run's own broke an attempt off, what leads out of the states
that it left is not judged. A task whose changes were not seen, or not all of them, is unknown.
Where the stack has no table, or no record is described, the check is not applicable.
This module must not know where records are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from taskguard.contract.dialect import RecordWords
from taskguard.contract.terms import Terms
from taskguard.history import Attempt, Delivered, History, RecordChanged, Redriven, TaskSubmitted
from taskguard.history.wording import seconds, times
from taskguard.judging.checks.asked import longest_invocation_seconds, why_no_record
from taskguard.judging.checks.attempts import changes_in_doubt, has_several_messages, no_changes_seen
from taskguard.judging.checks.held_up import HeldUpTimes
from taskguard.judging.checks.recorded import without_repeats
from taskguard.judging.checks.struck import may_be_unwritten, not_in_full, touched_changes
from taskguard.judging.checks.work import was_handed_on
from taskguard.judging.verdict import (
    Doubt,
    Found,
    Question,
    Verdict,
    Violation,
    conclude,
    not_applicable,
    tasks_at_fault,
)

QUESTION = Question(
    check="transitions",
    claim="Each change of a task's record was legal, in order, and a final state was never left.",
    needs=(TaskSubmitted, Delivered, RecordChanged),
)

_Changes = Sequence[RecordChanged]


class _Moves:
    """Which moves a record may make by its words: by nobody's hand, or by an operator's."""

    def __init__(self, words: RecordWords) -> None:
        self.allows = cache(words.allows)
        self.by_operator = {(move.before, move.after) for move in words.moves if move.by_operator}


def judge(history: History, terms: Terms) -> Verdict:
    """Judge the changes of each accepted task's record, in the order in which the store took them."""
    words, why = terms.dialect.record, why_no_record(history, terms)
    if words is None or why:
        return not_applicable(QUESTION, why)
    changes = history.changes
    judged = {task_id: changes[task_id] for task_id in history.accepted_ids if task_id in changes}
    moves, held_up = _Moves(words), HeldUpTimes(history, (None,))
    # Whoever writes it, in an invocation of its own.
    most_seconds = terms.tolerances.late_seconds + longest_invocation_seconds(history, "work")
    found = [
        each
        for task_id, of_task in judged.items()
        for each in (
            *_of_task(task_id, of_task, history, words, moves, terms.tolerances.clock_ms),
            *_late(task_id, of_task, history, words, held_up, most_seconds),
        )
    ]
    violations = [each for each in found if isinstance(each, Violation)]
    struck = sum(map(history.was_broken_off, judged))
    at_fault = tasks_at_fault(violations)
    return conclude(
        QUESTION,
        history,
        [*found, *_doubts(history)],
        expected=_expected(words),
        observed=f"{times(len(judged), 'record')} followed: {len(judged) - at_fault} legal, {at_fault} not{not_in_full(struck)}",
        figures={"records": len(judged), "at_fault": at_fault, "struck": struck},
        exercised=bool(judged),
    )


def _of_task(
    task_id: str, changes: _Changes, history: History, words: RecordWords, moves: _Moves, tolerance_ms: float
) -> Iterator[Violation]:
    touched = touched_changes(history, task_id, tolerance_ms)
    wrong = _wrong(task_id, changes, history, words, moves, tolerance_ms)
    # What an attempt had done that was broken off stays done, and is begun anew.
    yield from (each for each in wrong if not touched(each.events[0]))


def _wrong(
    task_id: str, changes: _Changes, history: History, words: RecordWords, moves: _Moves, tolerance_ms: float
) -> Iterator[Violation]:
    """Each thing that is wrong, shown by the change that it follows, if there is one, and the change itself."""
    changes = without_repeats(changes)
    yield from _moves(task_id, changes, history, words, moves)
    working = words.working if words.tells_of_attempts else None
    if working is not None:
        yield from _attempts(task_id, changes, working)
        yield from _outcomes(task_id, changes, working, words)
    yield from _times(task_id, changes, tolerance_ms)
    if working is not None and not has_several_messages(history, task_id):
        yield from _deliveries(task_id, changes, history, working, tolerance_ms)


def _moves(task_id: str, changes: _Changes, history: History, words: RecordWords, moves: _Moves) -> Iterator[Violation]:
    redrives = len(history.of_task(task_id, Redriven))
    before: RecordChanged | None = None
    for change in changes:
        move = (before.status if before else None, change.status)
        shown = (before, change) if before else (change,)
        put_back = not moves.by_operator and redrives > 0 and before is not None and before.status in words.dead
        # Where the record has no word for an operator's move, the next attempt's is the first after it.
        if move in moves.by_operator or put_back:
            redrives -= 1
            if redrives < 0:
                message = f"task {task_id}: its record went from {_named(move[0])} to {move[1]}, and no operator was seen to do so"
                yield Violation(task_id, message, shown, (Redriven,))
        elif not moves.allows(*move):
            # Of two that follow one another both were seen; and none may leave a record without a status.
            excuse = (RecordChanged,) if before is None and change.status else ()
            yield Violation(task_id, _illegal(task_id, move, words), shown, excuse)
        before = change


def _illegal(task_id: str, move: tuple[str | None, str | None], words: RecordWords) -> str:
    before, after = move
    if after is None:
        return f"task {task_id}: its record was removed when it was {_named(before)}"
    if not after:
        when = "begun" if before is None else f"left, when it was {_named(before)},"
        return f"task {task_id}: its record was {when} without a status"
    if before in words.finals:
        left = "written again" if before == after else f"left for {after}"
        return f"task {task_id}: its record was {before}, which is final, and was {left}"
    return f"task {task_id}: its record went from {_named(before)} to {_named(after)}, which is no legal change"


def _attempts(task_id: str, changes: _Changes, working: str) -> Iterator[Violation]:
    for before, change in pairwise(changes):
        # Not every record tells of attempts, and an operator lets them begin anew.
        if change.attempt == 0:
            continue
        if change.status == working:
            if change.attempt <= before.attempt:
                how = f"for attempt {change.attempt} after attempt {before.attempt}"
                yield Violation(task_id, f"{_changed(task_id, change)} {how}", (before, change))
        elif change.attempt != before.attempt:
            how = f"by attempt {change.attempt}, and the attempt under way was {before.attempt}"
            yield Violation(task_id, f"{_changed(task_id, change)} {how}", (before, change))


def _outcomes(task_id: str, changes: _Changes, working: str, words: RecordWords) -> Iterator[Violation]:
    known, begun = (words.attempt_succeeded, words.attempt_failed), None
    for change in changes:
        if change.status == working:
            # What the service calls an attempt that is under way, and so what one is called that was broken off.
            begun = change
        elif begun is not None and None not in known and change.outcome not in (*known, begun.outcome, None):
            message = (
                f"{_changed(task_id, change)} with {change.outcome} as the outcome of "
                f"attempt {change.attempt}, expected {' or '.join(map(str, known))}"
            )
            yield Violation(task_id, message, (begun, change))


def _times(task_id: str, changes: _Changes, tolerance_ms: float) -> Iterator[Violation]:
    for before, change in zip((None, *changes), changes, strict=False):
        if change.written_at_ms is None:
            continue
        ahead_ms = change.written_at_ms - (change.at_ms + change.within_ms)
        if ahead_ms > tolerance_ms:
            yield Violation(
                task_id, f"{_told(task_id, change)} {seconds(ahead_ms / 1000)} later than it was", (change,)
            )
        if before is None:
            continue
        earliest_ms = before.written_at_ms or 0.0
        if before.number > 1 or before.attempt:
            # Who stores a task and who works on it first may write at the same time; all else is written after what it follows.
            earliest_ms = max(before.at_ms, earliest_ms)
        back_ms = earliest_ms - change.written_at_ms
        if back_ms > tolerance_ms:
            when = f"{seconds(back_ms / 1000)} before it was changed to {_named(before.status)}, which came first"
            yield Violation(task_id, f"{_told(task_id, change)} {when}", (before, change))


def _deliveries(
    task_id: str, changes: _Changes, history: History, working: str, tolerance_ms: float
) -> Iterator[Violation]:
    delivered = {a.number: a.delivered for a in history.attempts_of(task_id) if a.delivered is not None}
    for change in changes:
        if change.status != working or change.attempt == 0:
            continue
        delivery, what = delivered.get(change.attempt), f"for attempt {change.attempt}"
        if delivery is None:
            message = f"{_changed(task_id, change)} {what}, of which no delivery was seen"
            yield Violation(task_id, message, (change,), (Delivered,))
        elif (early_ms := delivery.at_ms - (change.at_ms + change.within_ms)) > tolerance_ms:
            message = f"{_changed(task_id, change)} {what} {seconds(early_ms / 1000)} before its delivery"
            yield Violation(task_id, message, (change, delivery), (Delivered,))


def _late(
    task_id: str,
    changes: _Changes,
    history: History,
    words: RecordWords,
    held_up: HeldUpTimes,
    most_seconds: float,
) -> Iterator[Found]:
    """The changes by which an attempt's end was recorded, and that came long after it."""
    if has_several_messages(history, task_id):
        return
    if not words.tells_of_attempts and history.was_broken_off(task_id):
        # It may go on with what was broken off, and nobody knows by which attempt it is done.
        return
    attempts = [each for each in history.attempts_of(task_id) if each.determined and not history.was_struck(each)]
    for before, change in zip((None, *changes), changes, strict=False):
        attempt = _whose_end(before, change, attempts, words)
        ended = (attempt.succeeded or attempt.failed) if attempt is not None else None
        if attempt is None or ended is None or (before is not None and before.at_ms > ended.at_ms):
            continue
        late_ms = change.at_ms - ended.at_ms
        if late_ms <= most_seconds * 1000:
            continue
        message = (
            f"{_changed(task_id, change)} {seconds(late_ms / 1000)} after attempt "
            f"{attempt.number} had ended, {seconds(most_seconds)} allowed"
        )
        held_ms = held_up.within(ended.at_ms, change.at_ms)
        if late_ms - held_ms <= most_seconds * 1000:
            held = f"the engine was held up for {seconds(held_ms / 1000)} of that"
            yield Doubt(task_id, f"{message}; {held}", (ended, change))
        elif not words.tells_of_attempts and was_handed_on(history, task_id, attempt):
            next_stage = "the attempt had sent it on, and it may have been worked on elsewhere until then"
            yield Doubt(task_id, f"{message}; {next_stage}", (ended, change))
        else:
            # Of a record whose first change was not seen nobody knows when it was that.
            excuse = (RecordChanged,) if before is None else ()
            yield Violation(task_id, message, (ended, change), excuse)


def _whose_end(
    before: RecordChanged | None, change: RecordChanged, attempts: Sequence[Attempt], words: RecordWords
) -> Attempt | None:
    """The attempt whose end is recorded by a change; none where none is."""
    left = before.status if before is not None else None
    completes = change.status in words.completed and left not in words.completed
    if not words.tells_of_attempts or change.attempt == 0:
        succeeded = (each for each in reversed(attempts) if each.succeeded and each.succeeded.at_ms <= change.at_ms)
        return next(succeeded, None) if completes else None
    # A task that is found dead is recorded then: its last attempt may have ended without a word.
    ends = words.working is not None and left == words.working and change.status not in (words.working, *words.dead)
    told = (each for each in reversed(attempts) if each.number == change.attempt)
    return next(told, None) if completes or ends else None


def _doubts(history: History) -> Iterator[Doubt]:
    yield from no_changes_seen(history)
    for task_id in history.accepted_ids if history.changes else ():
        record, seen = history.records.get(task_id), history.changes.get(task_id, [])
        if not seen:
            if not may_be_unwritten(history, task_id):
                yield Doubt(task_id, f"task {task_id}: no change of its record was seen", history.of_task(task_id))
            continue
        yield from changes_in_doubt(history, task_id)
        if record is not None and record.status not in [change.status for change in seen]:
            found = "it had no record" if record.status is None else f"its record was read as {_named(record.status)}"
            message = f"task {task_id}: {found}, and no change to that was seen"
            yield Doubt(task_id, message, (*seen, record))


def _expected(words: RecordWords) -> str:
    *others, last = [move.after for move in words.moves if not move.by_operator and move.before is None] or [
        "any state"
    ]
    begins = f"{', '.join(others)} or {last}" if others else last
    return (
        f"begun as {begins}, moved on as is legal, {' and '.join(words.finals)} never left, each attempt after its "
        "delivery, times in order and none ahead"
    )


def _changed(task_id: str, change: RecordChanged) -> str:
    return f"task {task_id}: its record was changed to {_named(change.status)}"


def _told(task_id: str, change: RecordChanged) -> str:
    return f"task {task_id}: its record says that it was changed to {_named(change.status)}"


def _named(status: str | None) -> str:
    return status or "no status"
