"""The history: every event of a run in order of time, with indexes, and its file.

The only hand-over between running and judging. It must not know how events were gathered, nor what is expected of
them; it keeps them, finds them, and writes and reads them without losing anything.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from io import RawIOBase
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar, overload

from taskguard.errors import HistoryError
from taskguard.history.attempts import Attempt, Chain, chains
from taskguard.history.events import (
    EVENT_KINDS,
    DeadLettered,
    Delivered,
    Event,
    EvidenceMissing,
    FaultInjected,
    QueueDepth,
    RecordChanged,
    RecordObserved,
    Resent,
    RunEnded,
    TaskSubmitted,
)
from taskguard.history.lines import read_lines, refuse_repeated
from taskguard.history.of_engine import ConsumersOff
from taskguard.history.of_functions import AnswerMisread, Called
from taskguard.history.settings import ConfigurationObserved
from taskguard.history.values import QueueName
from taskguard.support.folders import naming
from taskguard.support.garbage_collection import without_garbage_collection
from taskguard.support.typed import unreadable, untyped

E = TypeVar("E", bound=Event)
K = TypeVar("K")
V = TypeVar("V")

_AT_MS = attrgetter("at_ms")

_MOST_TIMES = 1000
"""Of so many times it is remembered where their events are: an index of all events would take a third as much memory as they do."""

UNFINISHED = ".unfinished"
"""What is added to a history's name as long as it is not written whole."""


class History(Sequence[Event]):
    """The events of one run, ordered by `at_ms`; events of the same time keep the order they were given in.

    Never changes once made. Two histories are equal when their events are.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._events: tuple[Event, ...] = tuple(sorted(events, key=_AT_MS))
        self._told = self._events
        self.made_of_it: dict[Hashable, Any] = {}
        """What others worked out of these events, by what they did: it stays as long as the history."""

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Event, ...]: ...
    def __getitem__(self, index: int | slice) -> Event | tuple[Event, ...]:
        return self._events[index]

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __eq__(self, other: object) -> bool:
        return self._events == other._events if isinstance(other, History) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # payloads are JSON, which does not hash

    def __repr__(self) -> str:
        return f"<History of {len(self)} events, {len(self.task_ids)} tasks>"

    def of_kind(self, kind: type[E]) -> tuple[E, ...]:
        """Return the events of one kind, in order of time."""
        found: tuple[E, ...] = self._by_kind.get(kind, ())  # type: ignore[assignment]  # each is of its key's type
        return found

    @overload
    def of_task(self, task_id: str) -> tuple[Event, ...]: ...
    @overload
    def of_task(self, task_id: str, kind: type[E]) -> tuple[E, ...]: ...
    def of_task(self, task_id: str, kind: type[Any] = object) -> tuple[Any, ...]:
        """Return all that happened to a task, or all of one kind, in order of time; nothing when the id is unknown. A fault
        happened to each task that it struck."""
        if kind is object:
            return self._by_task.get(task_id, ())
        if kind not in self._by_kind:
            return ()
        return tuple([event for event in self._by_task.get(task_id, ()) if type(event) is kind])

    def of_message(self, message_id: str) -> tuple[Event, ...]:
        """Return all that happened to a message, in order of time; nothing when the id is unknown."""
        return self._by_message.get(message_id, ())

    def position(self, event: Event) -> int:
        """Return the index of this very event; a `ValueError` when it is not of this history."""
        try:
            return self._positions(event.at_ms)[id(event)]
        except KeyError:
            raise ValueError(f"not an event of this history: {event!r}") from None

    @cached_property
    def task_ids(self) -> tuple[str, ...]:
        """Every task id that any event names, sorted."""
        return tuple(sorted(self._by_task))

    @cached_property
    def accepted(self) -> dict[str, TaskSubmitted]:
        """The first accepted submission of each task, by task id: the pipeline answers for these."""
        found: dict[str, TaskSubmitted] = {}
        for event in self.of_kind(TaskSubmitted):
            if event.accepted and event.task_id is not None:
                found.setdefault(event.task_id, event)
        return found

    @cached_property
    def accepted_ids(self) -> tuple[str, ...]:
        """The ids of the tasks that were accepted, sorted."""
        return tuple(sorted(self.accepted))

    @cached_property
    def chosen(self) -> frozenset[str]:
        """The tasks that were chosen for their fate, beside the run's own."""
        return frozenset(task_id for task_id, event in self.accepted.items() if event.chosen)

    @cached_property
    def handed_in_again(self) -> frozenset[str]:
        """The tasks that the run itself handed in more than once, whatever was answered."""
        submitted = Counter(event.task_id for event in self.of_kind(TaskSubmitted))
        return frozenset(task_id for task_id, count in submitted.items() if task_id is not None and count > 1)

    def is_explained(self, task_id: str) -> bool:
        """Whether a task that was handed in more than once was carried by no more messages than it was handed in."""
        return len(self.chains_of(task_id)) <= len(self.of_task(task_id, TaskSubmitted))

    @cached_property
    def aside(self) -> frozenset[str]:
        """The tasks that say nothing of rates: those that were chosen, and what a fault struck."""
        return self.chosen.union(*(fault.task_ids for fault in self.of_kind(FaultInjected)))

    def was_struck(self, attempt: Attempt) -> bool:
        """Whether a fault that was injected made this attempt fail, or stands in the way of what it did."""
        return (attempt.delivery_id, attempt.task_id) in self._struck

    def was_withheld(self, delivered: Delivered) -> bool:
        """Whether a fault kept this delivery's message from the function."""
        faults = self.of_task(delivered.task_id, FaultInjected) if delivered.task_id is not None else ()
        return any(
            fault.kind == "fail" and fault.when == "before" and fault.delivery_id == delivered.delivery_id
            for fault in faults
        )

    def was_broken_off(self, task_id: str) -> bool:
        """Whether a fault struck a function while it was at work on this task, rather than before or after."""
        return bool(self.breaking_off(task_id))

    def breaking_off(self, task_id: str) -> list[FaultInjected]:
        """The faults that did."""
        faults = self.of_task(task_id, FaultInjected)
        return [fault for fault in faults if fault.kind != "fail" and fault not in self.denied_beside]

    @cached_property
    def denied_beside(self) -> tuple[FaultInjected, ...]:
        """The calls that were denied to a function at work on no message: to one that takes tasks."""
        deliveries = {each.delivery_id for each in self.of_kind(Delivered)}
        denied = (fault for fault in self.of_kind(FaultInjected) if fault.kind == "deny")
        return tuple(fault for fault in denied if fault.delivery_id not in deliveries)

    @cached_property
    def _struck(self) -> frozenset[tuple[str | None, str | None]]:
        faults = self.of_kind(FaultInjected)
        return frozenset((fault.delivery_id, task_id) for fault in faults for task_id in fault.task_ids)

    @cached_property
    def doubled_by_faults(self) -> frozenset[str]:
        """The tasks that an attempt had sent again when a fault broke it off: the message that was to be replaced comes back, too, and
        from then on there are two, by nobody's doing but the fault's."""
        resent = (event for event in self.of_kind(Resent) if event.new_message_id is not None)
        return frozenset(
            event.task_id
            for event in resent
            if event.task_id is not None
            and (event.delivery_id, event.task_id) in self._struck
            and self.was_broken_off(event.task_id)
        )

    def without(self, task_ids: frozenset[str]) -> History:
        """What was seen of all but these tasks; events have the positions that they have here."""
        rest = History(
            event for event in self._events if task_ids.isdisjoint(_tasks_of(event)) or isinstance(event, FaultInjected)
        )
        rest._told = self._told
        return rest

    def let_go_ms(self, due_ms: float, queue: QueueName) -> float:
        """When a message of this queue that was due at that moment could come at the earliest: later than that where the run
        itself had switched the queue's consumers off."""
        held = (off for off in self.of_kind(ConsumersOff) if off.queue == queue)
        return max([due_ms, *(off.until_ms for off in held if off.at_ms <= due_ms <= off.until_ms)])

    @cached_property
    def chains(self) -> tuple[Chain, ...]:
        """All attempts, joined into chains."""
        return chains(self._events)

    def chains_of(self, task_id: str) -> tuple[Chain, ...]:
        """Return the chains of one task; usually one."""
        return self._chains_by_task.get(task_id, ())

    def attempts_of(self, task_id: str) -> tuple[Attempt, ...]:
        """Return the attempts of one task over all of its chains, in order of time."""
        found = self.chains_of(task_id)
        if len(found) == 1:
            return found[0].attempts
        attempts = (attempt for chain in found for attempt in chain.attempts)
        return tuple(sorted(attempts, key=lambda attempt: attempt.at_ms))

    @cached_property
    def changes(self) -> dict[str, list[RecordChanged]]:
        """The changes of each record, by task id, in the order in which the store took them, whatever its clock says."""
        found = _grouped((change.task_id, change) for change in self.of_kind(RecordChanged))
        return {task_id: sorted(changes, key=attrgetter("number")) for task_id, changes in found.items()}

    @cached_property
    def calls(self) -> dict[str, tuple[Called, ...]]:
        """The calls of functions that name each task, by task id, in order of time."""
        return _grouped((task_id, call) for call in self.of_kind(Called) for task_id in call.task_ids)

    @cached_property
    def dead_letters(self) -> dict[str, tuple[DeadLettered, ...]]:
        """The arrivals of each task in a dead-letter queue, by task id, in order of time."""
        arrivals = self.of_kind(DeadLettered)
        return _grouped((event.task_id, event) for event in arrivals if event.task_id is not None)

    @cached_property
    def records(self) -> dict[str, RecordObserved]:
        """Each task's record as last read, by task id; also that there was none."""
        return {record.task_id: record for record in self.of_kind(RecordObserved)}

    @cached_property
    def configuration(self) -> ConfigurationObserved | None:
        """How the stack is set up, as last read; None when it was not."""
        return next(reversed(self.of_kind(ConfigurationObserved)), None)

    @cached_property
    def end(self) -> RunEnded | None:
        """The end of the run; None when the history was cut short."""
        return next(reversed(self.of_kind(RunEnded)), None)

    @property
    def deadline_reached(self) -> bool:
        """Whether the run was watched for as long as it was to be."""
        return self.end is not None and self.end.deadline_reached

    def depths_of(self, queue: QueueName) -> tuple[QueueDepth, ...]:
        """How much the queue held, each time that it was looked at."""
        return tuple(depth for depth in self.of_kind(QueueDepth) if depth.queue == queue)

    @cached_property
    def waited_long_enough(self) -> bool:
        """Whether nothing more was to be expected: the deadline was reached, or at the last look there was no work left."""
        looks = self.depths_of("work")
        return self.deadline_reached or bool(looks and looks[-1].total == 0)

    @cached_property
    def missing_kinds(self) -> frozenset[str]:
        """The kinds of event that may be incomplete: all of them when the run's end was not seen."""
        if self.end is None:
            return frozenset(EVENT_KINDS)
        return frozenset(kind for event in self.of_kind(EvidenceMissing) for kind in event.affects)

    def write(self, path: Path | str) -> None:
        """Write the history as JSON Lines, one event a line, replacing the file only when it is written whole. Room that was set
        aside for it, as a file with :data:`UNFINISHED` added to its name, is used.

        Raises:
            OSError: it cannot be written, as on a full disk; names the file, which has as many events as there was room for.
        """
        target = Path(path)
        unfinished = target.with_name(target.name + UNFINISHED)
        unfinished.touch()
        written = 0
        with naming(target), unfinished.open("r+b", buffering=0) as file:
            try:
                for event in self._events:
                    line = json.dumps(untyped(event)).encode() + b"\n"
                    written += _write_all(file, line)
            except OSError:
                if not target.exists():
                    unfinished.replace(target)
                raise
            finally:
                file.truncate(written)
        unfinished.replace(target)

    @classmethod
    def read(cls, path: Path | str) -> History:
        """Read what `write` wrote.

        Raises:
            HistoryError: the file cannot be read, a line is not an event, or is out of order, or tells again what was told; names the
                file and the line.
        """
        source = Path(path)
        try:
            with source.open("rb") as file, without_garbage_collection():
                history = cls(read_lines(file, source))
                refuse_repeated(history._by_kind, history.position, source)
                return history
        except (OSError, UnicodeDecodeError) as error:
            raise HistoryError(
                f"Reading the history {source}: {unreadable(error)}. Give the folder of a finished run."
            ) from error

    @cached_property
    def _positions(self) -> Callable[[float], dict[int, int]]:
        """The indexes of the events of one time: few have the same, but where a store tells the second alone."""
        told = self._told

        @lru_cache(_MOST_TIMES)
        def of_time(at_ms: float) -> dict[int, int]:
            positions: dict[int, int] = {}
            index = bisect_left(told, at_ms, key=_AT_MS)
            while index < len(told) and told[index].at_ms == at_ms:
                positions.setdefault(id(told[index]), index)
                index += 1
            return positions

        return of_time

    @cached_property
    def _by_kind(self) -> dict[type, tuple[Event, ...]]:
        return _grouped((type(event), event) for event in self._events)

    @cached_property
    def _by_task(self) -> dict[str, tuple[Event, ...]]:
        return _grouped((task_id, event) for event in self._events for task_id in _tasks_of(event))

    @cached_property
    def _by_message(self) -> dict[str, tuple[Event, ...]]:
        named = ((getattr(event, "message_id", None), event) for event in self._events)
        return _grouped((message_id, event) for message_id, event in named if message_id is not None)

    @cached_property
    def _chains_by_task(self) -> dict[str | None, tuple[Chain, ...]]:
        return _grouped((chain.task_id, chain) for chain in self.chains)


def _write_all(file: RawIOBase, line: bytes) -> int:
    """Write the whole line: a disk that is all but full takes a part of it first."""
    rest = line
    while rest:
        rest = rest[file.write(rest) or 0 :]
    return len(line)


def _tasks_of(event: Event) -> tuple[str, ...]:
    if type(event) is AnswerMisread or type(event) is FaultInjected:
        return event.task_ids
    task_id: str | None = getattr(event, "task_id", None)
    return () if task_id is None else (task_id,)


def _grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, tuple[V, ...]]:
    lists: dict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        lists[key].append(value)
    return {key: tuple(values) for key, values in lists.items()}
