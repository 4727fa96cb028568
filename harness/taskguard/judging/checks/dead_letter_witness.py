"""By whom a dead letter's log record was logged, and when: by who was handed the dead letter, after the death, and soon.

The consumers of the dead-letter queue see a death when they are handed the message. An attempt at the task cannot have seen it,
unless it sent the message there itself. Any other function may have been told, in ways that are not followed: that is advised
against, and nobody is accused. This module must not know what a record has to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from taskguard.contract.terms import Terms
from taskguard.history import DeadLettered, DeadLetterLogged, Delivered, Event, History
from taskguard.history.wording import seconds
from taskguard.judging.checks.asked import longest_invocation_seconds
from taskguard.judging.checks.dead_letter_records import AskedOfLog, Loggers
from taskguard.judging.checks.held_up import HeldUpTimes
from taskguard.judging.verdict import Advice, Doubt, Found, Violation


class Witnesses:
    """Who may have seen the deaths of a history."""

    def __init__(self, history: History, asked: AskedOfLog, terms: Terms) -> None:
        self._history, self._tolerances = history, terms.tolerances
        self._loggers = Loggers(history)
        self._held_up = HeldUpTimes(history, (None, "dead-letter"))
        logged = history.of_kind(DeadLetterLogged)
        # Whoever else uses the same word for something else is no writer of these records.
        passed_over = {id(e) for e in logged if not self._loggers.is_consumers(e) and any(asked.absent_from(e))}
        self.records = tuple(e for e in logged if id(e) not in passed_over)
        self._passed_over = tuple(e for e in logged if id(e) in passed_over)
        self._counted = {id(e) for e in self.records}

    def records_among(self, events: Iterable[Event]) -> Sequence[DeadLetterLogged]:
        """The records of dead tasks among these events."""
        return [each for each in events if isinstance(each, DeadLetterLogged) and id(each) in self._counted]

    def consumers(self, records: Sequence[DeadLetterLogged]) -> Sequence[DeadLetterLogged]:
        """Those that the dead-letter queue's consumers logged; all, where they logged none."""
        return [each for each in records if self._loggers.is_consumers(each)] or records

    def advice(self) -> Iterator[Advice]:
        """That others log records which look the same to who searches for them by their word."""
        for function in sorted({each.function or "a function" for each in self._passed_over}):
            found = [each for each in self._passed_over if (each.function or "a function") == function]
            message = (
                f"{function} logs records under the same word as the dead letters', with other fields: who counts dead tasks "
                "by that word counts them too"
            )
            yield Advice(None, message, found)

    def found(self, name: str, record: DeadLetterLogged, arrival: DeadLettered) -> Iterator[Found]:
        """What is wrong with who logged this record of a dead task, and when."""
        task_id, shown, by = arrival.task_id, (record, arrival), record.function or "a function"
        early_ms = arrival.at_ms - record.at_ms
        if self._loggers.is_workers(record):
            if not self._was_sent(arrival):
                before = (
                    f", {seconds(early_ms / 1000)} before it was one" if early_ms > self._tolerances.clock_ms else ""
                )
                message = f"{name} was logged as a dead letter by {by}, which had not seen the death{before}"
                yield Violation(task_id, message, shown)
            return
        if early_ms > self._tolerances.clock_ms:
            message = f"{name} was logged as a dead letter {seconds(early_ms / 1000)} before it was one"
            yield Violation(task_id, message, shown, (DeadLettered,))
        elif not self._loggers.is_consumers(record):
            message = (
                f"{name} was logged as a dead letter by {by}, which the dead-letter queue does not feed: whether it "
                "saw the death cannot be told"
            )
            yield Advice(task_id, message, shown)
        elif (
            None not in (record.delivery_id, *arrival.delivery_ids[:1])
            and record.delivery_id not in arrival.delivery_ids
        ):
            message = (
                f"{name} was logged as a dead letter by an invocation of {by} that was not handed that dead letter"
            )
            yield Violation(task_id, message, shown, (DeadLettered,))
        else:
            yield from self._late(name, record, arrival)

    def _was_sent(self, arrival: DeadLettered) -> bool:
        """Whether a worker sent the message to the dead-letter queue: then it knew."""
        about: Sequence[Event] = self._history.of_message(arrival.message_id)
        return not any(isinstance(event, Delivered) for event in about)

    def _late(self, name: str, record: DeadLetterLogged, arrival: DeadLettered) -> Iterator[Found]:
        due_ms = self._history.let_go_ms(arrival.at_ms, "dead-letter")
        took_seconds = (record.at_ms - due_ms) / 1000
        most = self._tolerances.late_seconds + longest_invocation_seconds(self._history, "dead-letter")
        if took_seconds <= most:
            return
        message = (
            f"{name} was logged as a dead letter {seconds(took_seconds)} after it was one, {seconds(most)} allowed"
        )
        held_ms = self._held_up.within(due_ms, record.at_ms)
        if took_seconds - held_ms / 1000 > most:
            yield Violation(arrival.task_id, message, (arrival, record))
        else:
            held = f"the engine was held up, or had no room for another batch of the queue, for {seconds(held_ms / 1000)} of that"
            yield Doubt(arrival.task_id, f"{message}; {held}", (arrival, record))
