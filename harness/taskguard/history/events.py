"""What can happen to a task, as values: the vocabulary that running and judging share.

An event says what happened, to which task and message, and when; it must not know who saw it (a recorder, a log, a
table), nor which pipeline, queue product or handler it came from. Times are milliseconds since the epoch, on one clock
for the whole history, with microsecond precision.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, get_args

from msgspec import Meta

from taskguard.support.json_values import Json
from taskguard.support.typed import Strict

QueueName: TypeAlias = Literal["work", "dead-letter"]

Moment: TypeAlias = Annotated[float, Meta(ge=0, le=1e14)]
"""A time that was seen, in milliseconds. No clock tells one before 1970, nor one after the year 5000."""

Finite: TypeAlias = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
"""A number that somebody told or wrote down: any there is."""

Count: TypeAlias = Annotated[int, Meta(ge=0)]


class _Event(Strict, frozen=True, kw_only=True, tag_field="event"):
    """What all events are: of a moment. A field with a default was added later: files that were written before lack it."""

    at_ms: Moment


class _OfDelivery(_Event, frozen=True, kw_only=True):
    """What is said of one delivery. `receive_count` is how often the queue had handed out this message, this time included.
    `delivery_id` names the hand-over (on Lambda the invocation's request id); the messages of one batch may share it. `task_id` is
    None when the message is not a task."""

    task_id: str | None
    message_id: str
    receive_count: Count
    delivery_id: str


class TaskSubmitted(_Event, frozen=True, kw_only=True):
    """A client handed in a task, at `at_ms`, and had its answer at `answered_ms`.

    `task_id` is the id asked for or answered; None when the pipeline refused a task that had none. `payload` is what
    the client sent. `status_code` is the HTTP status, or 0 when no answer came. One that was `chosen` for its fate stands
    beside the run's tasks, and says nothing of rates.
    """

    answered_ms: Moment
    task_id: str | None
    payload: Json
    accepted: bool
    status_code: int
    chosen: bool = False

    def __post_init__(self) -> None:
        # More than HTTP gives a meaning to, as any client takes them: a pipeline may answer so.
        if self.status_code != 0 and not 100 <= self.status_code <= 999:
            raise ValueError(f"status_code is 0, or a number of three digits, not {self.status_code}")

    @property
    def in_doubt(self) -> bool:
        """Whether the answer leaves open if the task was taken: no answer at all, or a server's error."""
        return not self.accepted and (self.status_code == 0 or self.status_code >= 500)


class Delivered(_OfDelivery, frozen=True, kw_only=True):
    """A message was handed to a work consumer; `environment` is the execution environment that it was handed to, None where that
    was not seen."""

    payload: Json
    environment: str | None = None


class AttemptSucceeded(_OfDelivery, frozen=True, kw_only=True):
    """The consumer finished this delivery without reporting it as failed."""


class AttemptFailed(_OfDelivery, frozen=True, kw_only=True):
    """The consumer reported this delivery as failed (partial batch response), or failed as a whole (`reason`)."""

    reason: str


class BackoffRequested(_Event, frozen=True, kw_only=True):
    """The consumer asked the queue at `at_ms` to hide the message for `delay_seconds`.

    The queue had answered at `answered_ms`; `accepted` tells whether it agreed. The delay runs from some moment
    between the two.
    """

    answered_ms: Moment
    task_id: str | None
    message_id: str
    receive_count: Count
    delivery_id: str
    delay_seconds: Finite
    accepted: bool


class DeadLettered(_Event, frozen=True, kw_only=True):
    """The message was first seen in the dead-letter queue; `payload` is the task's payload as the message holds it."""

    task_id: str | None
    message_id: str
    payload: Json


class DeadLetterLogged(_Event, frozen=True, kw_only=True):
    """A record of a dead task was logged; `fields` are the logged record's fields, untouched."""

    task_id: str | None
    message_id: str | None
    fields: Mapping[str, Json]


class Redriven(_Event, frozen=True, kw_only=True):
    """An operator put the dead-lettered task back to work: from now on it is to end once more, and may die again."""

    task_id: str


class RecordedAttempt(Strict, frozen=True, kw_only=True):
    """One attempt as the task's record tells it; not an event, a part of `RecordObserved`."""

    number: int
    started_at_ms: Finite | None
    outcome: str
    error: str | None
    backoff_seconds: Finite | None
    finished_at_ms: Finite | None = None


class RecordObserved(_Event, frozen=True, kw_only=True):
    """The task's record as last read, at the end of the run; `status` is None when there was no record, and empty when
    there was one without a status.

    Its times are what the pipeline wrote: when the task was created, when the record was last changed, and when the task
    was completed. None where the record does not say.
    """

    task_id: str
    status: str | None
    payload: Json
    attempts: tuple[RecordedAttempt, ...]
    last_error: str | None
    created_at_ms: Finite | None = None
    changed_at_ms: Finite | None = None
    completed_at_ms: Finite | None = None


class RecordChanged(_Event, frozen=True, kw_only=True):
    """The task's record was changed, as the store itself told: each write, in the order in which the store took them.

    `number` counts the changes of this record from 1. The store took this one between `at_ms` and `within_ms` later: some
    stores tell the second alone. `status` is that after the change, None when the record was removed, and empty when it
    had none any more. The rest is what the pipeline wrote: `written_at_ms` the time of the change, `attempt` the number of the last attempt (0: none yet), and
    `outcome` what became of it.
    """

    within_ms: Moment
    task_id: str
    number: int
    status: str | None
    written_at_ms: Finite | None
    attempt: int
    outcome: str | None


class QueueDepth(_Event, frozen=True, kw_only=True):
    """How many messages a queue held, as last read at the end of the run."""

    queue: QueueName
    visible: Count
    in_flight: Count
    delayed: Count

    def __post_init__(self) -> None:
        _refuse_other_queues(self.queue)

    @property
    def total(self) -> int:
        """All messages in the queue, in whatever state."""
        return self.visible + self.in_flight + self.delayed


class QueueSettings(Strict, frozen=True, kw_only=True):
    """How a queue is set; not an event, a part of `ConfigurationObserved`. None: it could not be read.

    After `max_receives` receives (0: never) a message is moved on; `dead_letters_watched` is whether it is moved to the
    dead-letter queue of this run. With `unencrypted_refused` nobody can use it but by TLS.
    """

    queue: QueueName
    visibility_timeout_seconds: Finite | None
    retention_seconds: Finite | None
    encrypted: bool | None
    max_receives: int | None
    dead_letters_watched: bool | None
    unencrypted_refused: bool | None = None

    def __post_init__(self) -> None:
        _refuse_other_queues(self.queue)


class ConsumerSettings(Strict, frozen=True, kw_only=True):
    """How a queue's consumer is set; not an event, a part of `ConfigurationObserved`. None: it could not be read.

    With `partial_batches` the queue heeds which messages of a batch the consumer reports as failed.
    """

    name: str
    queue: QueueName
    enabled: bool | None
    partial_batches: bool | None
    timeout_seconds: Finite | None

    def __post_init__(self) -> None:
        _refuse_other_queues(self.queue)


class Permission(Strict, frozen=True, kw_only=True):
    """What a part of the pipeline may do; not an event, a part of `ConfigurationObserved`. Both are patterns."""

    holder: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]


class ConfigurationObserved(_Event, frozen=True, kw_only=True):
    """How the pipeline is set up, as read back from where it runs. `store_encrypted` is of the tasks' records.

    `table`, `dead_letter_queue` and `dead_letter_consumer` are whether the stack has such a part; None: it could not be read, or was
    not looked for.
    """

    queues: tuple[QueueSettings, ...]
    consumers: tuple[ConsumerSettings, ...]
    store_encrypted: bool | None
    permissions: tuple[Permission, ...]
    table: bool | None = None
    dead_letter_queue: bool | None = None
    dead_letter_consumer: bool | None = None


class EvidenceMissing(_Event, frozen=True, kw_only=True):
    """Some evidence could not be gathered: events of the kinds in `affects` (class names) may be absent. It is of the tasks in
    `task_ids` alone, or, without any, of no task in particular.

    Raises:
        ValueError: `affects` names something that is no kind of event (a misspelt kind would go unnoticed).
    """

    source: str
    what: str
    affects: tuple[str, ...]
    task_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if strangers := sorted(set(self.affects) - EVENT_KINDS.keys()):
            raise ValueError(f"affects names no kind of event: {', '.join(strangers)}")


class HeldUp(_Event, frozen=True, kw_only=True):
    """What the pipeline runs on was held up from `at_ms` to `until_ms`: whatever was due then, it could only be late.

    With a `queue` that is said of its messages alone: there was no room for another batch of them.
    """

    until_ms: Moment
    queue: QueueName | None = None

    def __post_init__(self) -> None:
        if self.queue is not None:
            _refuse_other_queues(self.queue)


class ConsumersOff(_Event, frozen=True, kw_only=True):
    """The run itself kept a queue's consumers switched off from `at_ms` to `until_ms`: what was due meanwhile had to wait."""

    until_ms: Moment
    queue: QueueName

    def __post_init__(self) -> None:
        _refuse_other_queues(self.queue)


class FaultInjected(_Event, frozen=True, kw_only=True):
    """Something was broken on purpose, at `at_ms`; for a while, until `until_ms`, or once: none.

    `kind` and `when` are of the catalogue (`taskguard.faults.kinds`), `fault` is the line of the plan that it came from.
    `function` is the function's name as in that plan, or the name of a queue; `call` the operation that was struck, and
    `number` which call of it this was within the delivery, or at the start of a process, which process of the function.
    `task_ids` are the tasks that it struck: with a process, all of its batch; none for what strikes the whole stack, or a
    process from its start to its end. `receive_count` is that of the delivery for which it was drawn, and `delivery_id` the
    invocation that it struck, if it did: the same as that of all its deliveries.
    """

    until_ms: Moment | None
    kind: str
    when: str | None
    fault: str
    function: str | None
    call: str | None
    number: int | None
    task_ids: tuple[str, ...]
    receive_count: Count | None
    delivery_id: str | None = None


class InvocationFailed(_Event, frozen=True, kw_only=True):
    """An invocation of one of the stack's functions ended at `at_ms` without an answer of the function's: by an error, out of time,
    or with its process.

    `error_type` and `message` are what Lambda tells the caller. It was not `loaded` when the function failed before its handler
    was called. `lines` are those of its own log that tell of it, `log_bytes` how much the invocation wrote there. `task_ids` are
    the tasks that it was handed.
    """

    started_ms: Moment
    function: str
    delivery_id: str
    error_type: str
    message: str
    loaded: bool
    lines: tuple[str, ...]
    log_bytes: Count
    task_ids: tuple[str, ...]


class InvocationsCounted(_Event, frozen=True, kw_only=True):
    """How many invocations of a function have ended, however they did; told of functions that have an `InvocationFailed`."""

    function: str
    invocations: Count


class Called(_Event, frozen=True, kw_only=True):
    """A function made an AWS call that may change or send something, at `at_ms`, and had its answer at `answered_ms`.

    `delivery_id` is the invocation that made it, None between two. `resource` is the table, queue, topic or the like that it was
    about, None where it names none. `task_ids` are the tasks that its parameters name or, when they name none, the only one that the
    invocation was handed. `status` is the answer's HTTP status, 0 when that is not known; `error` its code.
    """

    answered_ms: Moment
    function: str
    delivery_id: str | None
    service: str
    operation: str
    resource: str | None
    task_ids: tuple[str, ...]
    status: int
    error: str | None = None

    @property
    def took_effect(self) -> bool:
        """Whether the service did what was asked."""
        return self.error is None and 200 <= self.status < 300

    @property
    def what(self) -> str:
        """The operation, and what it was about: `dynamodb.PutItem on tasks`."""
        return f"{self.service}.{self.operation}" + (f" on {self.resource}" if self.resource else "")


class ProcessesLeft(_Event, frozen=True, kw_only=True):
    """A function left processes running when an invocation of it had ended: how many, and the `commands` of the first of them."""

    function: str
    delivery_id: str
    count: Count
    commands: tuple[str, ...]


class RunEnded(_Event, frozen=True, kw_only=True):
    """Nothing was watched after this; `deadline_reached` is False when every task had settled or the run was stopped."""

    deadline_reached: bool


Event: TypeAlias = (
    TaskSubmitted
    | Delivered
    | AttemptSucceeded
    | AttemptFailed
    | BackoffRequested
    | DeadLettered
    | DeadLetterLogged
    | Redriven
    | RecordObserved
    | RecordChanged
    | ConfigurationObserved
    | QueueDepth
    | EvidenceMissing
    | HeldUp
    | ConsumersOff
    | FaultInjected
    | InvocationFailed
    | InvocationsCounted
    | Called
    | ProcessesLeft
    | RunEnded
)

DeliveryEvent: TypeAlias = Delivered | AttemptSucceeded | AttemptFailed | BackoffRequested
"""What is said of one delivery."""

EVENT_KINDS: Mapping[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}
"""Every kind of event by its name, which is also its name in a saved history."""


def _refuse_other_queues(name: str) -> None:
    if name not in ("work", "dead-letter"):
        raise ValueError(f'queue is "work" or "dead-letter", not {name!r}')
