"""What functions did, beside what became of messages: how invocations ended, which AWS calls they made, what they answered and logged."""

from __future__ import annotations

from typing import Literal

from taskguard.history.values import Count, Finite, Happened, Moment, OfDelivery


class InvocationFailed(Happened, frozen=True, kw_only=True):
    """An invocation of one of the stack's functions ended at `at_ms` without an answer of the function's: by an error, out of time,
    or with its process.

    `error_type` and `message` are what Lambda tells the caller. It was not `loaded` when the function failed before its handler
    was called. `lines` are those of its own log that tell of it, `log_bytes` how much the invocation wrote there. `task_ids` are
    the tasks that it was handed. `load` is how many processes there were then for each processor of the machine (0: not told).
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
    load: Finite = 0.0


class InvocationsCounted(Happened, frozen=True, kw_only=True):
    """How many invocations of a function have ended, however they did; told of functions that have an `InvocationFailed`."""

    function: str
    invocations: Count


class NotInAccount(Happened, frozen=True, kw_only=True):
    """A function asked for the first time for a parameter of Parameter Store (`ssm`) or a secret of Secrets Manager, of this `name`, and the
    engine's account has none."""

    function: str
    service: Literal["ssm", "secretsmanager"]
    name: str


class Called(Happened, frozen=True, kw_only=True):
    """A function made an AWS call that may change or send something, at `at_ms`, and had its answer at `answered_ms`; or a service did,
    which is the `function` then, as API Gateway, which sends to a queue for a route.

    `delivery_id` is the invocation that made it, None between two. `resource` is the table, queue, topic or the like that it was
    about, None where it names none. `task_ids` are the tasks that its parameters name or, when they name none, the only one that the
    invocation was handed: then that is `guessed`. `status` is the answer's HTTP status, 0 when that is not known; `error` its code. It was
    `left` under way when its function had answered, or even made after that.
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
    guessed: bool = False
    left: bool = False

    @property
    def took_effect(self) -> bool:
        """Whether the service did what was asked."""
        return self.error is None and 200 <= self.status < 300

    @property
    def what(self) -> str:
        """The operation, and what it was about: `dynamodb.PutItem on tasks`."""
        return f"{self.service}.{self.operation}" + (f" on {self.resource}" if self.resource else "")


class ProcessesLeft(Happened, frozen=True, kw_only=True):
    """A function left processes running when an invocation of it had ended: how many, and the `commands` of the first of them."""

    function: str
    delivery_id: str
    count: Count
    commands: tuple[str, ...]


class AnswerMisread(Happened, frozen=True, kw_only=True):
    """A consumer (`function`) answered a batch, and Lambda read its list of failed messages otherwise than it was meant: as the
    success of all or, with `fails_all`, as the failure of all. `what` says why, to follow on the function's name.

    `message_ids` are the messages that it meant, and `task_ids` their tasks, so far as that can be told.
    """

    function: str
    delivery_id: str
    what: str
    fails_all: bool
    message_ids: tuple[str, ...]
    task_ids: tuple[str, ...]


class AttemptLogged(OfDelivery, frozen=True, kw_only=True):
    """What a function logged during a failed attempt at a task that died later, as far as it may tell of an error.

    `lines` are those that speak of a failure, or hold the error that was logged of the dead task; of a batch those that name no
    other task of it. Long ones are cut, and of very many the last are kept.
    """

    function: str
    lines: tuple[str, ...]
