"""What a behaviour is given to try itself on an engine: clients, queues, functions and mappings of its own, the engine's clock, and
a time within which it must come to an end. All that it made is removed after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.conformance.functions import Function, package
from taskguard.conformance.queues import Queue, as_attributes
from taskguard.targets.base import Endpoint

RUNTIME = "python3.13"
LATE_SECONDS = 5.0
"""How late a message may come back: AWS promises no bound, see docs/aws.md."""

_EARLY_SECONDS = 0.2
_LOOK_SECONDS = 0.1
_MEMORY_MB = 128
_NOT_THERE = {
    "InvalidAction",
    "UnknownOperation",
    "UnknownOperationException",
    "NotImplemented",
    "NotImplementedException",
}


class NotSetUp(Exception):
    """What a behaviour needs could not be made in time."""


class Context:
    """For one behaviour, which must be over at ``deadline`` (by ``time.monotonic``); functions run in ``role``."""

    def __init__(self, endpoint: Endpoint, role: str, deadline: float) -> None:
        self.endpoint = endpoint
        self.sqs: Any = endpoint.sqs()
        self.functions: Any = endpoint.functions()
        self._role = role
        self._deadline = deadline
        self._made = ExitStack()

    def name(self) -> str:
        """One that nothing else has."""
        return f"conformance-{uuid4().hex[:12]}"

    def now(self) -> float:
        """Seconds since the epoch, on the engine's clock."""
        return self.endpoint.clock.now_ms() / 1000

    def in_time(self, so_far: str) -> None:
        """Fail the attempt when its time is over; ``so_far`` says what was missing."""
        if time.monotonic() > self._deadline:
            raise AssertionError(f"in the end, {so_far}")

    def queue(self, *, name: str | None = None, fifo: bool = False, **attributes: Any) -> Queue:
        """A new queue with these attributes; a FIFO queue deduplicates by content unless told otherwise. What is received is hidden for
        long unless told otherwise: a clock that runs fast would soon have it back."""
        if fifo:
            attributes = {"FifoQueue": True, "ContentBasedDeduplication": True, **attributes}
        attributes = {"VisibilityTimeout": 300, **attributes}
        name = name or self.name() + (".fifo" if fifo else "")
        url = self.sqs.create_queue(QueueName=name, Attributes=as_attributes(attributes))["QueueUrl"]
        self.remove_later(lambda: self.sqs.delete_queue(QueueUrl=url))
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return Queue(self.sqs, self.in_time, name, url, arn)

    def with_dead_letters(self, receives: int, *, fifo: bool = False, **attributes: Any) -> tuple[Queue, Queue]:
        """A queue and its dead-letter queue, to which messages go after so many receives."""
        dead = self.queue(fifo=fifo)
        return self.queue(fifo=fifo, RedrivePolicy=redrive_to(dead.arn, receives), **attributes), dead

    def function(self, source: str = "", *, timeout: int = 10, memory: int = _MEMORY_MB) -> Function:
        """A new function that reports what it gets, and then runs ``source``."""
        seen, name = self.queue(), self.name()
        self._until_accepted(
            lambda: self.functions.create_function(
                FunctionName=name,
                Runtime=RUNTIME,
                Role=self._role,
                Handler="task.handler",
                Code={"ZipFile": package(source)},
                Timeout=timeout,
                MemorySize=memory,
                Environment={"Variables": {"SEEN": seen.url}},
            )
        )
        self.remove_later(lambda: self.functions.delete_function(FunctionName=name))
        self._set_up(
            lambda: self.functions.get_function(FunctionName=name)["Configuration"].get("State", "Active") == "Active",
            f"the function {name} did not become active",
        )
        return Function(name, seen, self.in_time)

    def map(self, queue: Queue, function: Function, **options: Any) -> str:
        """Map the queue to the function; the mapping's id, once it is enabled."""
        made = self.functions.create_event_source_mapping(
            FunctionName=function.name, EventSourceArn=queue.arn, **options
        )
        mapping = str(made["UUID"])
        self.remove_later(lambda: self.functions.delete_event_source_mapping(UUID=mapping))
        self._set_up(lambda: self.state_of(mapping) == "Enabled", "the mapping did not become enabled")
        return mapping

    def state_of(self, mapping: str) -> str:
        return str(self.functions.get_event_source_mapping(UUID=mapping)["State"])

    def wait_until(self, holds: Callable[[], object], missing: str) -> None:
        """Fail the attempt unless it comes to hold in time."""
        while not holds():
            self.in_time(missing)
            time.sleep(_LOOK_SECONDS)

    def let_pass(self, seconds: int) -> None:
        """Wait on the engine's clock. A delayed message tells when it is over: an engine whose clock can run fast then does."""
        timer = self.queue()
        timer.send(DelaySeconds=seconds)
        timer.take()

    def remove_later(self, remove: Callable[[], object]) -> None:
        """When the attempt is over, however it ends."""
        self._made.callback(_forgiving, remove)

    def remove_all(self) -> None:
        self._made.close()

    @contextmanager
    def refused(self, what: str) -> Iterator[None]:
        """Expect that the engine refuses the call that is made here."""
        try:
            yield
        except ClientError as error:
            if status_of(error) >= 500 or is_not_there(error):
                raise
            return
        raise AssertionError(f"accepted: {what}")

    def _until_accepted(self, create: Callable[[], object]) -> None:
        """On AWS a new role cannot be used for some seconds."""

        def accepted() -> bool:
            try:
                create()
            except self.functions.exceptions.InvalidParameterValueException as error:
                if "role" in str(error):
                    return False
                raise
            return True

        self._set_up(accepted, "the function's role could not be used")

    def _set_up(self, holds: Callable[[], object], missing: str) -> None:
        while not holds():
            if time.monotonic() > self._deadline:
                raise NotSetUp(missing)
            time.sleep(_LOOK_SECONDS)


def redrive_to(dead_letter_arn: str, receives: int) -> dict[str, Any]:
    """The redrive policy."""
    return {"deadLetterTargetArn": dead_letter_arn, "maxReceiveCount": receives}


def in_good_time(seen_seconds: float, asked_seconds: float, what: str = "the message came back") -> None:
    """Expect that it took as long as asked.

    Raises:
        AssertionError: when it did not.
    """
    if not asked_seconds - _EARLY_SECONDS <= seen_seconds <= asked_seconds + LATE_SECONDS:
        raise AssertionError(f"{what} after {seen_seconds:.1f} s, not {asked_seconds:g}")


def status_of(error: ClientError) -> int:
    """The status code of its answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_not_there(error: ClientError) -> bool:
    """Whether the engine says that it does not have what was asked for."""
    told = error.response["Error"]
    words = str(told.get("Message", "")).lower()
    not_there = str(told.get("Code")) in _NOT_THERE or "not implemented" in words or "not yet implemented" in words
    return not_there or status_of(error) == 501 or (status_of(error) == 404 and str(told.get("Code")) == "404")


def _forgiving(remove: Callable[[], object]) -> None:
    with suppress(ClientError, BotoCoreError):
        remove()
