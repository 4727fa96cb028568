"""What can happen to a task, as values: the vocabulary that running and judging share.

An event says what happened, to which task and message, and when; it must not know who saw it (a recorder, a log, a
table), nor which pipeline, queue product or handler it came from. Times are milliseconds since the epoch, on one clock
for the whole history, with microsecond precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, get_args

from taskguard.history.of_engine import ConsumersOff, HeldUp
from taskguard.history.of_functions import (
    AnswerMisread,
    AttemptLogged,
    Called,
    InvocationFailed,
    InvocationsCounted,
    NotInAccount,
    ProcessesLeft,
)
from taskguard.history.settings import ConfigurationObserved
from taskguard.history.stages import OnEarlierStage, OtherStage
from taskguard.history.values import (
    Count,
    Finite,
    Happened,
    Moment,
    OfDelivery,
    QueueName,
    refuse_other_queues,
    refuse_other_statuses,
)
from taskguard.support.json_values import Json
from taskguard.support.typed import Strict


class TaskSubmitted(Happened, frozen=True, kw_only=True):
    """A client handed in a task, at `at_ms`, and had its answer at `answered_ms`.

    `task_id` is the id asked for or answered; None when the pipeline refused a task that had none. `payload` is what
    the client sent. `status_code` is the HTTP status, or 0 when no answer came. One that was `chosen` stands beside the run's tasks,
    and says nothing of rates; `probe` is what it was handed in for (docs/workload.md). `answered_id` is the id by which the answer
    speaks of the task, None where it names none; `answer` what the one that took it is like, without what is each task's own.
    """

    answered_ms: Moment
    task_id: str | None
    payload: Json
    accepted: bool
    status_code: int
    chosen: bool = False
    probe: str | None = None
    answered_id: str | None = None
    answer: str | None = None

    def __post_init__(self) -> None:
        refuse_other_statuses(self.status_code)

    @property
    def in_doubt(self) -> bool:
        """Whether the answer leaves open if the task was taken: no answer at all, or a server's error."""
        return not self.accepted and (self.status_code == 0 or self.status_code >= 500)


class InvalidSubmitted(Happened, frozen=True, kw_only=True):
    """A client sent what is no task, at `at_ms`, and had its answer at `answered_ms`: `what` was wrong with it, as a phrase.

    `task_id` is an id that nothing else bears; it is somewhere in the request, so that what was made of it is known by it.
    `status_code` as of `TaskSubmitted`.
    """

    answered_ms: Moment
    task_id: str
    what: str
    status_code: int

    def __post_init__(self) -> None:
        refuse_other_statuses(self.status_code)


class RecordAnswered(Happened, frozen=True, kw_only=True):
    """A client asked the API for a task at the end of the run; `answer` is the JSON document that it got, None where it was none."""

    task_id: str
    status_code: int
    answer: Json

    def __post_init__(self) -> None:
        refuse_other_statuses(self.status_code)


class Delivered(OfDelivery, frozen=True, kw_only=True):
    """A message was handed to a work consumer; `environment` is the execution environment that it was handed to, None where that
    was not seen. Of a FIFO queue's message `group` is its message group, and `sequence` its place in it: a later message has a higher
    number. `queue` is the name of another queue of the service's than the work queue, in which tasks are tried again; it hides a message for
    `hidden_seconds` unless it is asked otherwise, none where that was not read."""

    payload: Json
    environment: str | None = None
    group: str | None = None
    sequence: int | None = None
    queue: str | None = None
    hidden_seconds: Finite | None = None


class AttemptSucceeded(OfDelivery, frozen=True, kw_only=True):
    """The consumer finished this delivery without reporting it as failed."""


REPORTED = "the function reported this message as failed"
"""The reason of a failure that the consumer named by itself, in a partial batch response."""


class AttemptFailed(OfDelivery, frozen=True, kw_only=True):
    """The consumer reported this delivery as failed (partial batch response), failed as a whole, or sent its message to the dead-letter
    queue itself or its task to the work queue again (`reason`)."""

    reason: str


class Deduplicated(Happened, frozen=True, kw_only=True):
    """The work queue took a message of the task for one that it had been sent before, and dropped it: for `first_task_id`'s, another
    task's. `deduplication_id` is the id by which it did so, None where it went by the message's content."""

    task_id: str
    first_task_id: str
    deduplication_id: str | None


class BackoffRequested(Happened, frozen=True, kw_only=True):
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


class Resent(OfDelivery, frozen=True, kw_only=True):
    """The consumer sent the task of this delivery to a queue again at `at_ms`, in a new message; the queue had answered at `answered_ms`.

    `accepted` tells whether it took it, as the message `new_message_id`; None where it took none, or took it for one that it had been
    sent before. That can first be received `delay_seconds` after it was sent, None: after as long as the queue has it by itself. It came
    `through` another queue of the service's, of this name: to be tried again there, or to be sent on from there, as the message that was
    tried next; then the delays are those of all these `sends` together.
    """

    answered_ms: Moment
    queue: QueueName
    new_message_id: str | None
    delay_seconds: Finite | None
    accepted: bool
    through: str | None = None
    sends: Count = 1

    def __post_init__(self) -> None:
        refuse_other_queues(self.queue)


class Sender(Strict, frozen=True, kw_only=True):
    """Who sent a message to the dead-letter queue; not an event, a part of `DeadLettered`. It was the consumer `function`, in this
    delivery and, so far as that can be told, for the message with this id, at this receive."""

    function: str
    delivery_id: str
    message_id: str | None
    receive_count: Count | None


class DeadLettered(Happened, frozen=True, kw_only=True):
    """The message was first seen in the dead-letter queue; `payload` is the task's payload as the message holds it. SQS moved it there
    or, with `sent_by`, a consumer sent it, and it is a new message. `delivery_ids` are the hand-overs (on Lambda the invocations) in
    which that queue's consumers were given it, so far as they were seen. With `queue` it is another queue of this name: one that keeps
    what is given up, and is not the work queue's by its redrive policy.
    """

    task_id: str | None
    message_id: str
    payload: Json
    delivery_ids: tuple[str, ...] = ()
    sent_by: Sender | None = None
    queue: str | None = None

    @property
    def where(self) -> str:
        """What to call where it is: `the dead-letter queue`, or the queue's name."""
        return "the dead-letter queue" if self.queue is None else f"the queue {self.queue}"

    @property
    def origin_id(self) -> str:
        """The message that died: this one or, where a consumer sent it, the one that it was sent for."""
        return self.sent_by.message_id or self.message_id if self.sent_by is not None else self.message_id


class ReceiveThrottled(Happened, frozen=True, kw_only=True):
    """A queue handed a message out at `at_ms`, and Lambda throttled each invocation for it until it was visible again, at `until_ms`:
    the receive is used up, and no attempt was made. `function` is the consumer."""

    until_ms: Moment
    queue: QueueName
    function: str
    task_id: str | None
    message_id: str
    receive_count: Count

    def __post_init__(self) -> None:
        refuse_other_queues(self.queue)


class DeadLetterLogged(Happened, frozen=True, kw_only=True):
    """A record of a dead task was logged; `fields` are the logged record's fields, untouched. `function` logged it, in the
    hand-over `delivery_id`; None where that is not known."""

    task_id: str | None
    message_id: str | None
    fields: Mapping[str, Json]
    function: str | None = None
    delivery_id: str | None = None


class Redriven(Happened, frozen=True, kw_only=True):
    """The dead-lettered task was put back to work: from now on it is to end once more, and may die again. An operator did that or, with
    `by`, a function of the service's of this name that consumes dead letters."""

    task_id: str
    by: str | None = None


class RecordedAttempt(Strict, frozen=True, kw_only=True):
    """One attempt as the task's record tells it; not an event, a part of `RecordObserved`."""

    number: int
    started_at_ms: Finite | None
    outcome: str
    error: str | None
    backoff_seconds: Finite | None
    finished_at_ms: Finite | None = None


class RecordObserved(Happened, frozen=True, kw_only=True):
    """The task's record as last read, at the end of the run; `status` is None when there was no record, and empty when
    there was one without a status.

    Its times are what the pipeline wrote: when the task was created, when the record was last changed, and when the task
    was completed. `counted` is how many attempts it tells of, where it has a number alone. None where the record does not say.
    """

    task_id: str
    status: str | None
    payload: Json
    attempts: tuple[RecordedAttempt, ...]
    last_error: str | None
    created_at_ms: Finite | None = None
    changed_at_ms: Finite | None = None
    completed_at_ms: Finite | None = None
    counted: int | None = None


class RecordChanged(Happened, frozen=True, kw_only=True):
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


class QueueDepth(Happened, frozen=True, kw_only=True):
    """How many messages a queue held, as last read at the end of the run."""

    queue: QueueName
    visible: Count
    in_flight: Count
    delayed: Count

    def __post_init__(self) -> None:
        refuse_other_queues(self.queue)

    @property
    def total(self) -> int:
        """All messages in the queue, in whatever state."""
        return self.visible + self.in_flight + self.delayed


class EvidenceMissing(Happened, frozen=True, kw_only=True):
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


class FaultInjected(Happened, frozen=True, kw_only=True):
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


class RunEnded(Happened, frozen=True, kw_only=True):
    """Nothing was watched after this; `deadline_reached` is False when every task had settled or the run was stopped."""

    deadline_reached: bool


Event: TypeAlias = (
    TaskSubmitted
    | InvalidSubmitted
    | RecordAnswered
    | Delivered
    | AttemptSucceeded
    | AttemptFailed
    | AnswerMisread
    | Deduplicated
    | OnEarlierStage
    | OtherStage
    | BackoffRequested
    | Resent
    | DeadLettered
    | ReceiveThrottled
    | DeadLetterLogged
    | AttemptLogged
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
    | NotInAccount
    | Called
    | ProcessesLeft
    | RunEnded
)

DeliveryEvent: TypeAlias = Delivered | AttemptSucceeded | AttemptFailed | BackoffRequested | Resent
"""What is said of one delivery."""

EVENT_KINDS: Mapping[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}
"""Every kind of event by its name, which is also its name in a saved history."""
