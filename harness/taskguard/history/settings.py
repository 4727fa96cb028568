"""How a stack was set up, as values of an event. It must not know what the settings should be, nor who read them."""

from __future__ import annotations

from taskguard.history.values import Finite, Happened, QueueName, refuse_other_queues
from taskguard.support.typed import Strict


class EventRule(Strict, frozen=True, kw_only=True):
    """A rule of EventBridge's that sends to a queue; not an event, a part of `QueueSettings`. It sends what matches its `pattern`, as
    long as it is `enabled`."""

    name: str
    pattern: str
    enabled: bool = True


class QueueSettings(Strict, frozen=True, kw_only=True):
    """How a queue is set; not an event, a part of `ConfigurationObserved`. None: it could not be read.

    After `max_receives` receives (0: never) a message is moved on; `dead_letters_watched` is whether it is moved to the
    dead-letter queue of this run. With `unencrypted_refused` nobody can use it but by TLS. It is `fifo` where it keeps the order of
    a message group. Each message can first be received `delay_seconds` after it was sent, unless its sender says otherwise. `rules` of event buses send to it (none: there are
    none, or they were not read). `logical_id` is what the service's own template calls it. By `own_policy` the queue itself may let callers in
    whose roles do not.
    """

    queue: QueueName
    visibility_timeout_seconds: Finite | None
    retention_seconds: Finite | None
    encrypted: bool | None
    max_receives: int | None
    dead_letters_watched: bool | None
    unencrypted_refused: bool | None = None
    fifo: bool | None = None
    delay_seconds: Finite | None = None
    rules: tuple[EventRule, ...] = ()
    logical_id: str | None = None
    own_policy: bool = False

    def __post_init__(self) -> None:
        refuse_other_queues(self.queue)


class ConsumerSettings(Strict, frozen=True, kw_only=True):
    """How a queue's consumer is set; not an event, a part of `ConfigurationObserved`. None: it could not be read.

    With `partial_batches` the queue heeds which messages of a batch the consumer reports as failed. A batch has at most
    `batch_size` messages, which are gathered for `window_seconds`; a message that matches none of the `filters` (none: there are
    none) is deleted, and never reaches the consumer. At most `most_at_once` batches are handed over at once, and the function has
    a concurrency of `reserved` for itself; None of these two: it was not set, or not read. `label` is what the service itself calls the
    function.
    """

    name: str
    queue: QueueName
    enabled: bool | None
    partial_batches: bool | None
    timeout_seconds: Finite | None
    batch_size: int | None = None
    window_seconds: Finite | None = None
    filters: tuple[str, ...] = ()
    most_at_once: int | None = None
    reserved: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        refuse_other_queues(self.queue)


class Permission(Strict, frozen=True, kw_only=True):
    """What a part of the pipeline may do; not an event, a part of `ConfigurationObserved`. Both are patterns."""

    holder: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]


class ConfigurationObserved(Happened, frozen=True, kw_only=True):
    """How the pipeline is set up, as read back from where it runs. `store_encrypted` is of the tasks' records, in the
    table that the service's template calls `store`.

    `table`, `dead_letter_queue` and `dead_letter_consumer` are whether the stack has such a part; None: it could not be read, or was
    not looked for; so is `api`, whether tasks come by one. `unused` are permissions that nothing in the run made use of, and `lacking` those that something in it
    needed and was not granted, as far as that could be seen.
    """

    queues: tuple[QueueSettings, ...]
    consumers: tuple[ConsumerSettings, ...]
    store_encrypted: bool | None
    permissions: tuple[Permission, ...]
    table: bool | None = None
    dead_letter_queue: bool | None = None
    dead_letter_consumer: bool | None = None
    unused: tuple[Permission, ...] = ()
    lacking: tuple[Permission, ...] = ()
    api: bool | None = None
    store: str | None = None


class StandIn(Strict, frozen=True, kw_only=True):
    """Functions of a Lambda `runtime`, by their names, that ran on another version than the runtime has: `runs_on` (`Node.js 20.20.2`)."""

    runtime: str
    runs_on: str
    functions: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.runs_on} in place of {self.runtime} ({', '.join(self.functions)})"


IMPORT = "Fn::ImportValue"


class Unsupported(Strict, frozen=True, kw_only=True):
    """A resource of a stack, by CloudFormation's `type` and its `logical_id`, that the engine took and did not make; or what it imports in vain
    (`Fn::ImportValue`), by its name."""

    type: str
    logical_id: str

    def __str__(self) -> str:
        return f"{self.logical_id} ({self.type})"
