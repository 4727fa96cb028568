"""What is deployed of a service: queues, functions, table and APIs, each with its names on the platform.

Plain values. How they are found is :mod:`taskguard.service.discovery`'s business, and what a pipeline does with them is nobody's here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from taskguard.errors import DiscoveryError
from taskguard.history import Unsupported
from taskguard.history.values import QueueName

ApiKind = Literal["rest", "http", "url", "queue"]

QUEUE_ITSELF = "queue"
"""The method of the way in that is no route of an API, but the work queue; so it is called in `taskguard.toml`, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """An SQS queue. ``consumers`` are the full names of the functions that event source mappings invoke with its messages, ``reporting``
    those of them whose mappings heed a list of the batch's failed messages. A message is delayed by ``delay_seconds`` unless its
    sender says otherwise, and hidden for ``hidden_seconds`` when it was received; none where that was not read."""

    logical_id: str
    url: str
    arn: str
    consumers: tuple[str, ...] = ()
    reporting: frozenset[str] = frozenset()
    delay_seconds: float = 0.0
    hidden_seconds: float | None = None

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]

    @property
    def in_template(self) -> str:
        """What its author calls it: CloudFormation may give it a new name at each deploy."""
        return self.logical_id or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A Lambda function. ``label`` is what its author calls it, as far as that can be told; ``role`` is the role's ARN, ``runtime`` Lambda's
    name of what it runs on (``nodejs20.x``), empty for a container image, ``processor`` Lambda's name of the one it is for (``arm64``). Two with the same ``code``, a package's digest and the handler in it,
    do the same; it is empty where that was not told."""

    logical_id: str
    name: str
    arn: str
    label: str
    log_group: str
    role: str
    runtime: str = ""
    code: str = ""
    processor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A DynamoDB table; ``key`` is its partition key's attribute. By the attribute ``expires_by`` its items expire, of which a function is told
    by its stream; none where they do not, or no function is."""

    logical_id: str
    name: str
    key: str
    expires_by: str | None = None

    @property
    def in_template(self) -> str:
        """As a queue's."""
        return self.logical_id or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a token (JWT) is asked for: its ``issuer``, whom it must be for (``audience``, none: anybody), and of which ``scopes`` it must
    have one (none: any). ``header`` is where it belongs."""

    issuer: str
    audience: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    header: str = "Authorization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method and path of an API, as ``POST`` and ``/task``. ``function`` is the full name of the function that it invokes, none
    where it invokes none. One that has no function may send to a ``queue``, of this name, or it ``puts_events`` on a bus, by itself.
    ``authorization`` is the API's own word for it, ``NONE`` when everybody may; ``token`` is what it asks of a token."""

    method: str
    path: str
    function: str | None
    authorization: str = "NONE"
    api_key_required: bool = False
    queue: str | None = None
    puts_events: bool = False
    token: Token | None = None

    @property
    def takes_any_method(self) -> bool:
        """Whether it is no method's in particular."""
        return self.method in ("ANY", "$default")

    @property
    def verb(self) -> str:
        """The method to hand a task in by: ``POST`` where any is taken."""
        return "POST" if self.takes_any_method else self.method

    def __str__(self) -> str:
        return f"{self.method} {self.path}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Where requests come in: a REST API, an HTTP API, a function's URL or, where there is none of these, the work queue. ``url`` is what paths are added to; ``key_ids`` are
    the ids of the API keys that it knows, where a route wants one."""

    logical_id: str
    kind: ApiKind
    id: str
    stage: str
    url: str
    routes: tuple[Route, ...]
    key_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingress:
    """The route by which tasks are handed in, and the one that answers with a task's record (none: there is no such route)."""

    api: Api
    submit: Route
    record: Route | None

    @property
    def is_queue(self) -> bool:
        """Whether tasks are sent to the work queue itself, and there is no API."""
        return self.api.kind == "queue"

    @property
    def place(self) -> str:
        """How to speak of it: by its address, or the queue's name."""
        return f"the queue {self.api.id} itself, to which no route of an API leads" if self.is_queue else self.api.url


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the user has decided where more than one thing is possible; whatever is not given is looked for. A queue, a table or a
    function is named by its name or its logical id, a route as ``POST /tasks``. ``functions`` gives functions other labels: the
    keys are names or logical ids. With ``records`` it is stated how tasks are recorded, so that it must be known in which table."""

    work_queue: str | None = None
    table: str | None = None
    records: bool = True
    route: str | None = None
    functions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A deployed service. ``name`` is CloudFormation's, or the names of its several stacks (:mod:`taskguard.service.resources`). ``functions`` are the stack's own and all consumers, by their labels;
    ``ingresses`` are the ways in which a task may be handed in. ``beside`` are the stack's other queues, and ``expiring`` the tables whose items expire for a function to be told of it. Of several tables
    of which nobody said that one keeps the tasks' records there is no ``table``, and all are ``tables_in_doubt``. A schedule or a stream starts functions of one that ``sends_later``, which may send what others could not. ``relays`` are the types of the resources through which a
    message may pass before it comes to a queue; ``unsupported`` are the resources that the engine does not know, or took and did not make;
    ``set_aside`` has a sentence for each thing that was not deployed as the service has it."""

    name: str
    stage: str
    region: str
    work_queue: Queue
    dead_letter_queue: Queue | None
    functions: tuple[Function, ...]
    table: Table | None
    ingresses: tuple[Ingress, ...]
    relays: tuple[str, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()
    set_aside: tuple[str, ...] = ()
    beside: tuple[Queue, ...] = ()
    expiring: tuple[Table, ...] = ()
    sends_later: bool = False
    tables_in_doubt: tuple[str, ...] = ()

    @property
    def queues(self) -> Mapping[QueueName, Queue]:
        """The work queue, and the dead-letter queue where there is one."""
        found: dict[QueueName, Queue] = {"work": self.work_queue}
        if self.dead_letter_queue is not None:
            found["dead-letter"] = self.dead_letter_queue
        return found

    @property
    def stays_filled(self) -> tuple[QueueName, ...]:
        """The dead-letter queue, where nobody consumes it: what lies in it has come to its end."""
        dead = self.dead_letter_queue
        return ("dead-letter",) if dead is not None and not dead.consumers else ()

    @property
    def ingress(self) -> Ingress:
        """The way in.

        Raises:
            DiscoveryError: there is none, or more than one.
        """
        if not self.ingresses:
            raise DiscoveryError(f"looking for a way into the stack {self.name}: it has none.")
        routes = [str(each.submit) for each in self.ingresses]
        return self.ingresses[
            only_one(routes, f"the route of the stack {self.name} by which tasks are handed in", "route", "ingress")
        ]

    @property
    def api_url(self) -> str:
        """The address of the API by which tasks are handed in, without a route.

        Raises:
            DiscoveryError: as :attr:`ingress`.
        """
        return self.ingress.api.url

    @property
    def table_name(self) -> str:
        """The table's name, for what cannot do without.

        Raises:
            DiscoveryError: there is no table.
        """
        if self.table is None:
            raise DiscoveryError(f"looking for the table of the stack {self.name}: it has none.")
        return self.table.name

    def is_dead_letter_queue(self, arn: str | None) -> bool:
        """Whether this is the ARN of the dead-letter queue; never, where there is none."""
        return self.dead_letter_queue is not None and self.dead_letter_queue.arn == arn

    def function(self, label: str) -> Function:
        """The function with this label.

        Raises:
            DiscoveryError: there is none.
        """
        for each in self.functions:
            if each.label == label:
                return each
        known = ", ".join(each.label for each in self.functions) or "none"
        raise DiscoveryError(f"looking for the function {label} of the stack {self.name}: it has {known}.")

    def log_group_of(self, function: str) -> str:
        """The log group of the function with this full name."""
        groups = {each.name: each.log_group for each in self.functions}
        return groups.get(function, default_log_group(function))


def default_log_group(function: str) -> str:
    """Where a function logs that names no group of its own."""
    return f"/aws/lambda/{function}"


def only_one(candidates: Sequence[str], what: str, key: str, table: str = "service") -> int:
    """The index of the only candidate; ``key``, below ``table``, is what decides in taskguard.toml.

    Raises:
        DiscoveryError: there are several. The message names them, and the line that decides.
    """
    if len(candidates) == 1:
        return 0
    raise DiscoveryError(
        f"looking for {what}: it may be {' or '.join(candidates)}. Say which in taskguard.toml:\n"
        f'  [{table}]\n  {key} = "{candidates[0]}"'
    )
