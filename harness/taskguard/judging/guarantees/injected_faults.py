"""Which injected faults struck which receive of a message, and which of them can have cost it.

The queue counts a *receive* whenever it hands a message out, whether or not the message ever reaches a function. A receive is
struck by a fault of the work queue's own side: one on its message, on its invocation, on an AWS call that was made for it, on
the whole batch that it came in, or on the part of the stack that it needed meanwhile. This module must not know how a pipeline
handles any of that, nor what a charged receive leads to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from taskguard.errors import FaultPlanError
from taskguard.faults.kinds import KINDS, Site
from taskguard.faults.plan import Fault, parse
from taskguard.history import ConfigurationObserved, Event, FaultInjected, History, ReceiveThrottled
from taskguard.history.events import DeliveryEvent

WORK_QUEUE = "work"

_NEVER_COSTLY = frozenset({"skew", "consumer-off", "monitor-off", "deploy"})
"""A wrong clock, waiting in the queue and a deploy are nothing that a receive may be lost to."""

_FOR_THE_CLIENT_TO_REPEAT = frozenset({"throttle", "error", "disconnect"})
"""What strikes the first try of a call alone is repeated by the AWS client, and costs nothing."""

_IN_TIME_SECONDS: Mapping[str, float] = {"slow": 1.5, "late": 30.0, "reorder": 30.0}
"""What is held up for less costs nothing: AWS clients are more patient, and so is a queue's visibility timeout."""

_TAKES_TIME = frozenset({*_FOR_THE_CLIENT_TO_REPEAT, "slow", "twice", "run-out"})
"""What holds up the invocation that it strikes, whichever of its messages it is about: tries that are made again, and waiting."""

_LONG_SHARE = 0.5
"""An invocation that took this much of its function's timeout may have left messages behind, lest it run into it."""

_USUAL_TIMEOUT_SECONDS = 15.0
"""The consumer's timeout where the configuration does not tell."""

_LEEWAY_MS = 1000.0
"""What strikes a process that works on nothing yet is noted a little before the invocation that it is started for."""


@dataclass(frozen=True, slots=True)
class Receive:
    """One hand-over of a message. Several with one receive count are several, each with an own invocation."""

    delivery_id: str
    events: tuple[Event, ...]

    @property
    def began_ms(self) -> float:
        return self.events[0].at_ms

    @property
    def ended_ms(self) -> float:
        """When its outcome was seen, or else the last of it."""
        return self.events[-1].at_ms


class InjectedFaults:
    """The faults of a history, asked for by what they struck."""

    def __init__(self, history: History) -> None:
        seen = history.of_kind(ConfigurationObserved)
        consumers = [each for settings in seen for each in settings.consumers if each.queue == WORK_QUEUE]
        self._consumers = frozenset(each.name for each in consumers)
        timeouts = [each.timeout_seconds for each in consumers if each.timeout_seconds is not None]
        self._long_ms = min(timeouts, default=_USUAL_TIMEOUT_SECONDS) * _LONG_SHARE * 1000
        self._history = history
        self._handed_over: dict[str, set[tuple[str | None, int]]] = defaultdict(set)
        for event in history:
            if isinstance(event, DeliveryEvent):
                self._handed_over[event.delivery_id].add((event.task_id, event.receive_count))
        self._by_task: dict[str | None, list[FaultInjected]] = defaultdict(list)
        self._by_delivery: dict[str, list[FaultInjected]] = defaultdict(list)
        for fault in history.of_kind(FaultInjected):
            if fault.delivery_id is not None:
                self._by_delivery[fault.delivery_id].append(fault)
            for task_id in fault.task_ids or (None,):
                self._by_task[task_id].append(fault)

    def receives(self, message_id: str, count: int) -> list[Receive]:
        """Those of a message with this receive count that were seen at all, in order of time."""
        found: dict[str, list[Event]] = defaultdict(list)
        for event in self._history.of_message(message_id):
            if isinstance(event, DeliveryEvent) and event.receive_count == count:
                found[event.delivery_id].append(event)
        return [Receive(delivery_id, tuple(events)) for delivery_id, events in found.items()]

    def of_receive(self, task_id: str, message_id: str, count: int) -> list[FaultInjected]:
        """The faults that struck the task's receive with this count, whether or not it reached a function."""
        seen = self.receives(message_id, count)
        at_work = [
            fault
            for receive in seen
            for fault in self._by_delivery[receive.delivery_id]
            if task_id in fault.task_ids or strikes_the_batch(fault)
        ]
        meanwhile = [
            fault
            for fault in self._by_task[None]
            if self._is_of_work(fault) and any(_is_meanwhile(fault, receive) for receive in seen)
        ]
        return [*self._on_their_way(task_id, count), *self._throttled(task_id, message_id, count), *at_work, *meanwhile]

    def explain(self, task_id: str, message_id: str, count: int) -> bool:
        """Whether a fault explains why a receive was charged although no attempt failed by its own draw."""
        if any(map(can_cost, self.of_receive(task_id, message_id, count))):
            return True
        # What made the invocation last so long may have left the message for its next delivery.
        return any(
            fault.kind in _TAKES_TIME
            for receive in self.receives(message_id, count)
            if receive.ended_ms - receive.began_ms >= self._long_ms
            for fault in self._of_invocation(receive.delivery_id)
        )

    def _of_invocation(self, delivery_id: str) -> Iterator[FaultInjected]:
        yield from self._by_delivery[delivery_id]
        for task_id, count in self._handed_over[delivery_id]:
            yield from self._on_their_way(task_id, count)

    def _on_their_way(self, task_id: str | None, count: int) -> list[FaultInjected]:
        return [
            fault
            for fault in self._by_task[task_id]
            if fault.delivery_id is None and fault.receive_count == count and self._is_of_work(fault)
        ]

    def throttled(self, message_id: str, count: int) -> list[ReceiveThrottled]:
        """That the receive with this count was throttled, whoever did it."""
        events = self._history.of_message(message_id)
        return [each for each in events if isinstance(each, ReceiveThrottled) and each.receive_count == count]

    def _throttled(self, task_id: str, message_id: str, count: int) -> Iterator[FaultInjected]:
        """The faults that throttled the receive, also for the sake of another message of its batch."""
        for receive in self.throttled(message_id, count):
            for fault in self._by_task[task_id]:
                is_then = receive.at_ms - _LEEWAY_MS <= fault.at_ms <= receive.until_ms
                if fault.kind == "throttle-function" and is_then and fault.receive_count != count:
                    yield fault

    def _is_of_work(self, fault: FaultInjected) -> bool:
        """Whether it struck the work queue or who consumes it, rather than the API or the dead letters' consumer."""
        if fault.function is None or fault.function == WORK_QUEUE or site_of(fault) is Site.STACK:
            return True
        names = self._consumers
        return not names or any(name == fault.function or name.endswith(f"-{fault.function}") for name in names)


def can_cost(fault: FaultInjected) -> bool:
    """Whether a receive that was struck by it may have been charged for nothing else."""
    line = line_of(fault)
    if fault.kind in _NEVER_COSTLY:
        return False
    if fault.kind in _FOR_THE_CLIENT_TO_REPEAT:
        return line is None or line.every_try
    if fault.kind in _IN_TIME_SECONDS:
        return line is None or line.takes_seconds >= _IN_TIME_SECONDS[fault.kind]
    return True


def strikes_the_batch(fault: FaultInjected) -> bool:
    """Whether it strikes all messages that are in one invocation, as the end of its process does."""
    return fault.kind in ("kill", "deny", "slow") or site_of(fault) in (Site.FUNCTION, Site.PROCESS)


def site_of(fault: FaultInjected) -> Site | None:
    """Where it strikes; none when this version does not know its kind."""
    return KINDS[fault.kind].site if fault.kind in KINDS else None


def line_of(fault: FaultInjected) -> Fault | None:
    """The line of the plan that it came from; none when this version does not understand it."""
    try:
        (line,) = parse(fault.fault)
    except (FaultPlanError, ValueError):
        return None
    return line


def _is_meanwhile(fault: FaultInjected, receive: Receive) -> bool:
    until_ms = fault.at_ms if fault.until_ms is None else max(fault.at_ms, fault.until_ms)
    return fault.at_ms <= receive.ended_ms + _LEEWAY_MS and receive.began_ms - _LEEWAY_MS <= until_ms
