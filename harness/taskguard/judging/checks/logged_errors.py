"""Whether the error that was logged of a dead task is that of its last failed attempt, by what that attempt showed of it itself.

Only a text that an earlier attempt ended with, when the last one ended with another and says nothing of this one, is at fault: a
service is free to word its errors as it likes, or to log none. One text for failures of different kinds is advised against. It must
not know what a record in the store says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from taskguard.history import Attempt, DeadLettered, DeadLetterLogged, History
from taskguard.history.wording import shown
from taskguard.judging.checks.own_errors import OwnErrors, OwnErrorsIn
from taskguard.judging.verdict import Advice, Violation


class LoggedErrors:
    """The errors that were logged of dead tasks, beside the attempts' own; each that is looked at counts for the advice."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._own = OwnErrorsIn(history)
        self._texts = set[str]()
        self._kinds = set[str]()
        self._records = list[DeadLetterLogged]()
        self._held = False

    def found(self, name: str, record: DeadLetterLogged, arrival: DeadLettered) -> Iterator[Violation]:
        """That the text in the field ``name`` is the error of an earlier attempt."""
        error = record.fields.get(name)
        failed = self._failed(arrival)
        if not isinstance(error, str) or not error or not failed:
            return
        known = [*map(self._own.of, failed)]
        self._count(error, record, failed, known)
        *earlier, last = known
        if not last.errors or last.may_hold(error):
            return
        for attempt in reversed(earlier):
            if attempt.ended_with(error):
                message = (
                    f"task {record.task_id}: in its dead-letter record {name} is {shown(error)}, which is the error of attempt "
                    f"{attempt.number}; attempt {last.number}, the last one, ended with {shown(last.errors[0])}"
                )
                yield Violation(record.task_id, message, (record, *attempt.events, *last.events))
                return

    def advice(self, name: str) -> Iterator[Advice]:
        """That one text was logged for failures of different kinds."""
        if len(self._texts) == 1 and len(self._kinds) > 1 and not self._held:
            (text,), kinds = self._texts, sorted(self._kinds)
            message = (
                f"{name} is {shown(text)} in each dead-letter record, and attempts failed for different reasons: "
                f"{shown(kinds[0])}, {shown(kinds[1])}"
            )
            yield Advice(None, message, self._records)

    def _failed(self, arrival: DeadLettered) -> Sequence[Attempt]:
        """The failed attempts of the message that died, the last one last; none where what followed what cannot be told."""
        chains = self._history.chains_of(arrival.task_id) if arrival.task_id is not None else ()
        if len(chains) != 1 or arrival.message_id not in chains[0].message_ids:
            return ()
        return [attempt for attempt in chains[0].attempts if attempt.failed is not None]

    def _count(
        self, error: str, record: DeadLetterLogged, failed: Sequence[Attempt], known: Sequence[OwnErrors]
    ) -> None:
        self._texts.add(error)
        self._records.append(record)
        for attempt, own in zip(failed, known, strict=True):
            self._kinds |= own.kinds(attempt.task_id, attempt.message_id)
            self._held = self._held or own.may_hold(error)
