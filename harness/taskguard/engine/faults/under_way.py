"""Invocations that are under way, as an active plan sees them: which tasks they are about, and which calls they have made.

It knows what stands in an invocation and in a call, and decides nothing.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from taskguard.engine.faults.injector import ActivePlan, Ordinals, injector, json_object
from taskguard.faults.kinds import Site
from taskguard.faults.plan import Fault, Place
from taskguard.support.words import words_of


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of an invocation's batch; ``task_id`` is none when it is no task."""

    message_id: str
    receipt_handle: str
    queue_arn: str
    receive_count: int
    task_id: str | None


@dataclass(slots=True, eq=False)
class UnderWay:
    """An invocation under one plan. ``function`` is the name in the plan; ``kill`` ends its process at once;
    ``task_id`` is the one that a request to the API names, if it is one and does. What fails of its batch comes ``back_after`` so
    many seconds, where a fault says so."""

    plan: ActivePlan
    function: str
    request_id: str
    kill: Callable[[], None]
    deliveries: tuple[Delivery, ...]
    task_id: str | None
    back_after: dict[Delivery, float] = field(default_factory=dict)
    _ordinals: Ordinals = field(default_factory=Ordinals)

    @property
    def task_ids(self) -> list[str | None]:
        """All the tasks that the invocation was begun for."""
        return [delivery.task_id for delivery in self.deliveries] or [self.task_id]

    def places(self) -> list[Place]:
        """Where the invocation itself can be struck: at each message of a batch, or at the one request."""
        known = [(delivery.task_id, delivery.receive_count) for delivery in self.deliveries]
        if not known:
            known = [(self.task_id, self._request_of(self.task_id))]
        return [
            Place(site=Site.FUNCTION, function=self.function, task_id=task_id, receive=receive)
            for task_id, receive in known
        ]

    def place_of(self, call: str, request: Mapping[str, Any], sdk_id: str | None) -> Place:
        """Where a call of the invocation can be struck. Each is counted: ``sdk_id`` tells a client's tries of one call."""
        delivery = self._delivery_of(request)
        task_id = delivery.task_id if delivery else self._task_of(request)
        sdk_id = sdk_id or uuid.uuid4().hex
        delivery = delivery or next((each for each in self.deliveries if each.task_id == task_id), None)
        return Place(
            site=Site.CALL,
            function=self.function,
            task_id=task_id,
            receive=delivery.receive_count if delivery else self._request_of(task_id),
            call=call,
            number=self._ordinals.of((call, task_id), sdk_id),
            tries=self._ordinals.of(sdk_id, object()),
        )

    def _request_of(self, task_id: str | None) -> int:
        """The how-manieth invocation for this task it is, outside of messages."""
        return self.plan.ordinals.of((self.function, task_id), self.request_id)

    def _delivery_of(self, request: Mapping[str, Any]) -> Delivery | None:
        handles = {entry.get("ReceiptHandle") for entry in [request, *(request.get("Entries") or ())]}
        return next((each for each in self.deliveries if each.receipt_handle in handles), None)

    def _task_of(self, request: Mapping[str, Any]) -> str | None:
        names = self.plan.names
        for part in (request.get("Key"), request.get("Item")):
            if not isinstance(part, Mapping):
                # Of S3, for one, a key is a text.
                continue
            values = {name: value.get("S") for name, value in part.items() if isinstance(value, Mapping)}
            if isinstance(value := values.get(names.record), str):
                return value
        for entry in [request, *(request.get("Entries") or ())]:
            if (task_id := names.in_text(entry.get("MessageBody"))) is not None:
                return task_id
        # What does not say whose it is, is of the only task there is.
        known = {delivery.task_id for delivery in self.deliveries} or {self.task_id}
        named = known if len(known) == 1 else words_of(request) & known
        return next(iter(named)) if len(named) == 1 else None


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that strikes somewhere now. Which invocation is struck is not known of a message on its way, nor at the start of a
    process. What strikes a message of a batch may strike ``of_all`` of the batch."""

    fault: Fault
    place: Place
    plan: ActivePlan
    invocation: UnderWay | None = None
    of_all: bool = False

    def record(self, beside: Iterable[str | None] = ()) -> None:
        """Tell the flight recorder, before it takes effect; ``beside`` are tasks that are struck too."""
        task_ids, request_id = [self.place.task_id, *beside], None
        if self.invocation is not None:
            request_id = self.invocation.request_id
            # With its process, all that an invocation is about is struck.
            if self.of_all or self.place.site in (Site.FUNCTION, Site.PROCESS) or self.fault.about.strikes_all:
                task_ids += self.invocation.task_ids
        self.plan.record(self.fault, self.place, task_ids=task_ids, request_id=request_id)

    def of(self, invocations: Sequence[UnderWay]) -> "Strike":
        """The same, now that the invocation is known which it strikes."""
        return replace(self, invocation=next((each for each in invocations if each.plan is self.plan), None))

    def variant(self, count: int) -> int:
        """Which of ``count`` ways of doing it: always the same at one place under one seed."""
        drawn = sha256(f"{self.plan.plan.seed}:{self.place}".encode(errors="surrogatepass")).digest()
        return int.from_bytes(drawn[:4], "big") % count


_by_environment: dict[str, tuple[UnderWay, ...]] = {}


@contextmanager
def under_way(
    function: str, environment: str, request_id: str, payload: str, kill: Callable[[], None]
) -> Iterator[tuple[UnderWay, ...]]:
    """Know an invocation as under way: once for each plan that is active for its function now. ``function`` is the name on
    the engine, ``environment`` what its process is known by."""
    plans = injector().of_function.get(function)
    if not plans:
        yield ()
        return
    event = json_object(payload)
    seen = tuple(
        UnderWay(
            plan=plan,
            function=plan.functions[function],
            request_id=request_id,
            kill=kill,
            deliveries=_deliveries(event, plan),
            task_id=_requested_task(event, plan),
        )
        for plan in plans
    )
    _by_environment[environment] = seen
    try:
        yield seen
    finally:
        _by_environment.pop(environment, None)


def invocations_of(environment: str) -> tuple[UnderWay, ...]:
    """What this environment is at work on, under each plan that has not ended since."""
    return tuple(each for each in _by_environment.get(environment, ()) if not each.plan.ended)


def _deliveries(event: Mapping[str, Any], plan: ActivePlan) -> tuple[Delivery, ...]:
    try:
        return tuple(
            Delivery(
                message_id=record["messageId"],
                receipt_handle=record["receiptHandle"],
                queue_arn=record["eventSourceARN"],
                receive_count=int(record["attributes"]["ApproximateReceiveCount"]),
                task_id=plan.names.in_text(record["body"]),
            )
            for record in event.get("Records") or ()
        )
    except (KeyError, TypeError, ValueError):
        return ()


def _requested_task(event: Mapping[str, Any], plan: ActivePlan) -> str | None:
    named = event.get("pathParameters")
    task_id = plan.names.in_object(named) if isinstance(named, dict) else None
    return task_id if task_id is not None else plan.names.in_text(event.get("body"))
