"""What a dead letter's log record has to tell, what it may not, and by whom it was logged.

It must not know what is true of a task.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from taskguard.contract.contract import LogField
from taskguard.contract.dialect import LogWords
from taskguard.contract.terms import Terms
from taskguard.history import DeadLettered, DeadLetterLogged, Delivered, Event, History
from taskguard.history.wording import named, seconds
from taskguard.judging.verdict import Doubt, Violation


def why_no_log(history: History, terms: Terms) -> str:
    """Why nothing is claimed of the dead-letter log; empty where something is."""
    configuration = history.configuration
    if not terms.contract.dead_letter.log:
        return "the contract asks for no log of dead letters"
    if configuration is not None and configuration.dead_letter_queue is False:
        return "the stack has no dead-letter queue"
    if configuration is not None and configuration.dead_letter_consumer is False:
        return "the dead-letter queue has no consumer"
    return ""


@dataclass(frozen=True, slots=True)
class AskedOfLog:
    """What a dead letter's log record has to tell: the fields of the contract, by what the service calls them.

    `unnamed` are those of which nobody knows what the service calls them. `words` are none where nobody knows how it logs a dead task
    and its id: then no record can be told from another."""

    words: LogWords | None
    names: Mapping[str, str]
    unnamed: tuple[LogField, ...]

    @classmethod
    def of(cls, terms: Terms) -> Self:
        """What these terms ask for."""
        log, fields = terms.dialect.log, terms.contract.dead_letter.fields
        if log is None or log.task_id is None:
            return cls(None, {}, fields)
        names: dict[str, str] = {field: name for field in fields if (name := log.name_of(field)) is not None}
        return cls(log, {"event": log.event or "", **names}, tuple(field for field in fields if field not in names))

    @property
    def all_fields(self) -> tuple[str, ...]:
        """Every field that a record must have, in the order in which they are spoken of; of a text those that it has to tell."""
        is_text = self.words is not None and self.words.text is not None
        return (*(name for field, name in self.names.items() if field != "event" or not is_text), *self.unnamed)

    def told_in(self, record: DeadLetterLogged) -> dict[str, str]:
        """The names of the fields that a record has, by the contract's word for them; `event` is that which tells it from others."""
        return {field: name for field, name in self.names.items() if name in record.fields}

    def absent_from(self, record: DeadLetterLogged) -> Iterator[Violation]:
        """That a record lacks fields, of those whose name is known."""
        if absent := [name for name in self.names.values() if name not in record.fields]:
            message = f"task {record.task_id}: its dead-letter record lacks {', '.join(absent)}"
            yield Violation(record.task_id, message, (record,))

    def doubts(self) -> Iterator[Doubt]:
        """What cannot be judged, since the service's words for it are not known."""
        if self.words is None:
            yield Doubt(None, "in what words the service logs a dead task, and its id, is not known")
        elif self.unnamed:
            yield Doubt(None, f"what the service's log calls {', '.join(self.unnamed)} of a dead task is not known")


class Loggers:
    """By whom dead tasks were logged, as far as the hand-overs tell in which it was done."""

    def __init__(self, history: History) -> None:
        self._of_dead_letters = {each for arrival in history.of_kind(DeadLettered) for each in arrival.delivery_ids}
        self._of_work = {delivered.delivery_id for delivered in history.of_kind(Delivered)}

    def is_consumers(self, record: DeadLetterLogged) -> bool:
        """Whether it was logged by the dead-letter queue's consumer; so is what nobody else is known to have logged."""
        known, delivery_id = self._of_dead_letters, record.delivery_id
        return delivery_id is None or delivery_id in known or not (known or delivery_id in self._of_work)

    def is_workers(self, record: DeadLetterLogged) -> bool:
        """Whether it was logged while tasks were worked on."""
        return not self.is_consumers(record) and record.delivery_id in self._of_work

    def records(self, history: History) -> tuple[DeadLetterLogged, ...]:
        """What the dead-letter queue's consumers logged."""
        return tuple(filter(self.is_consumers, history.of_kind(DeadLetterLogged)))


@dataclass(frozen=True, slots=True)
class Limit:
    """An event that a logged time must not lie ``before``, or ``after``, and what happened then."""

    event: Event
    side: Literal["before", "after"]
    what: str
    excused_by: tuple[type[Event], ...] = ()

    def passed_by(self, moment_ms: float, tolerance_ms: float) -> str | None:
        """By how much a time lies on that side, in words; none where it does not."""
        off_ms = moment_ms - self.event.at_ms if self.side == "after" else self.event.at_ms - moment_ms
        return f"{seconds(off_ms / 1000)} {self.side} {self.what}" if off_ms > tolerance_ms else None


def logged_alive(
    records: Iterable[DeadLetterLogged],
    history: History,
    dead: Container[str | None],
    of_task: str,
    of_message: str,
    excused_by: tuple[type[Event], ...],
) -> Iterator[Violation]:
    """Those of the records that name no dead task nor, where they name none, a dead message; with what to say of either."""
    messages = {arrival.message_id for arrival in history.of_kind(DeadLettered)}
    for record in records:
        if record.task_id is not None and record.task_id not in dead:
            yield Violation(record.task_id, f"task {record.task_id} {of_task}", (record,), excused_by)
        elif record.task_id is None and record.message_id not in messages:
            what = named(None, record.message_id) if record.message_id is not None else "neither a task nor a message"
            yield Violation(None, f"a dead-letter record names {what}, {of_message}", (record,), (DeadLettered,))
