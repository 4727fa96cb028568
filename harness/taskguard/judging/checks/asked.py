"""What is asked of a run, and whether the stack has the part that it is asked of.

A check of which nothing is asked is not applicable; each reason stands here once. What the stack has is told by its configuration
as it was read: where that was not read, a part may be there. This module must not know any property.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import msgspec

from taskguard.contract.contract import Attempts, LogField
from taskguard.contract.dialect import LogWords
from taskguard.contract.terms import Terms
from taskguard.contract.waiting import AS_DEPLOYED
from taskguard.history import History
from taskguard.history.events import QueueName
from taskguard.judging.checks.conclusion import Doubt
from taskguard.support.json_values import Json


def as_deployed(terms: Terms, history: History) -> Terms:
    """The terms with what the contract leaves to the stack: the number of receives, where the work queue says one that the
    contract allows. Unchanged where that was not read."""
    attempts, deployed = terms.contract.attempts, _receives_before_death(history)
    if deployed is None:
        return terms
    if attempts.most == AS_DEPLOYED:
        # Without a dead-letter queue a message may be received as often as there is need.
        attempts = Attempts(most=deployed or None)
    elif attempts.range is not None and attempts.range[0] <= deployed <= attempts.range[1]:
        attempts = Attempts(most=deployed)
    contract = msgspec.structs.replace(terms.contract, attempts=attempts)
    return msgspec.structs.replace(terms, contract=contract)


NO_RECEIVES = "neither the contract nor the stack says after how many receives a message dies"

NO_RECEIVES_READ = "after how many receives a message dies is left to the stack, and was not read"


NO_TABLE = "the stack has no table"

NO_RECORD = "nothing asks for a record of each task, and none is described"


def has_no_table(history: History) -> bool:
    """Whether the stack is known to have none."""
    return history.configuration is not None and history.configuration.table is False


def why_no_log(history: History, terms: Terms) -> str | None:
    """Why nothing is claimed of the dead-letter log; none where something is."""
    if not terms.contract.dead_letter.log:
        return "the contract asks for no log of dead letters"
    if lacks_dead_letter_queue(history):
        return "the stack has no dead-letter queue"
    configuration = history.configuration
    if configuration is not None and configuration.dead_letter_consumer is False:
        return "the dead-letter queue has no consumer"
    return None


@dataclass(frozen=True, slots=True)
class AskedOfLog:
    """What a dead letter's log record has to tell: the fields of the contract, by what the service calls them.

    `unnamed` are those of which nobody knows what the service calls them. `words` are none where nobody knows how it logs a dead task
    and its id: then no record can be told from another."""

    words: LogWords | None
    names: Mapping[LogField, str]
    unnamed: tuple[LogField, ...]

    @classmethod
    def of(cls, terms: Terms) -> Self:
        """What these terms ask for."""
        log, fields = terms.dialect.log, terms.contract.dead_letter.fields
        words = log if log is not None and log.task_id is not None else None
        names = {field: name for field in fields if words is not None and (name := words.name_of(field)) is not None}
        return cls(words, names, tuple(field for field in fields if field not in names))

    @property
    def all_fields(self) -> tuple[str, ...]:
        """Every field that a record must have, in the order in which they are spoken of."""
        event = () if self.words is None else (self.words.event,)
        return (*event, *self.names.values(), *self.unnamed)

    def absent_from(self, fields: Mapping[str, Json]) -> list[str]:
        """The fields that a record lacks, of those whose name is known."""
        event = () if self.words is None else (self.words.event,)
        return [name for name in (*event, *self.names.values()) if name not in fields]

    def doubts(self) -> Iterator[Doubt]:
        """What cannot be judged, since the service's words for it are not known."""
        if self.words is None:
            yield Doubt(None, "in what words the service logs a dead task, and its id, is not known")
        elif self.unnamed:
            yield Doubt(None, f"what the service's log calls {', '.join(self.unnamed)} of a dead task is not known")


NO_FAILURES = "the contract asks for no simulated failures"


def lacks_dead_letter_queue(history: History) -> bool:
    """Whether the stack is known to have none."""
    return history.configuration is not None and history.configuration.dead_letter_queue is False


def queues_to_be_emptied(history: History) -> tuple[QueueName, ...]:
    """The queues that somebody empties: not a dead-letter queue that is not there, or that nothing consumes."""
    configuration = history.configuration
    if configuration is not None and False in (configuration.dead_letter_queue, configuration.dead_letter_consumer):
        return ("work",)
    return ("work", "dead-letter")


def hidden_seconds(history: History) -> float | None:
    """How long the work queue hides a message unless it is asked otherwise; none where that was not read."""
    queues = history.configuration.queues if history.configuration is not None else ()
    return next((queue.visibility_timeout_seconds for queue in queues if queue.queue == "work"), None)


def _receives_before_death(history: History) -> int | None:
    queues = history.configuration.queues if history.configuration is not None else ()
    return next((queue.max_receives for queue in queues if queue.queue == "work"), None)
