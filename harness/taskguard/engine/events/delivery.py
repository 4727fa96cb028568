"""What becomes of a batch: its function is invoked with what passes the filters, and what has been processed is deleted.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html. It must not know how messages are received, nor what a pipeline is.
"""

import json
import logging
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from localstack.aws.api.lambda_ import TooManyRequestsException
from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import SqsPoller, transform_into_events

from taskguard.engine.clock.pacer import pacer
from taskguard.engine.events import gathering
from taskguard.engine.events.batches import Message, Record, group_of, payload_of
from taskguard.engine.events.responses import failed_messages
from taskguard.engine.events.throttling import Throttling
from taskguard.engine.faults.messages import throttled
from taskguard.engine.functions.invoking import invoke
from taskguard.engine.recorder.flight_recorder import now_ms, recorder

LOG = logging.getLogger(__name__)


class FunctionFailedError(Exception):
    """The invocation ended with an error of the function's."""


class ThrottledError(Exception):
    """There was no room for the invocation, and it did not begin."""


@dataclass(frozen=True, slots=True)
class Handed:
    """When a batch was handed over (``time.monotonic``), and when its messages are visible again, in pipeline time."""

    at: float
    visible_again_at: float


class Delivery:
    """That of one mapping. Its messages stay those of the poller, which deletes them."""

    def __init__(self, poller: SqsPoller) -> None:
        self._poller = poller
        self._sender = poller.processor.sender
        self._groups = _Groups()
        self.throttling = Throttling()

    def record_of(self, message: Message) -> Record:
        """The message as functions are shown it: JSON, its body as it was sent."""
        [record] = self._poller.add_source_metadata(transform_into_events([message]))
        attributes = {name: _in_base64(attribute) for name, attribute in record["messageAttributes"].items()}
        return {**record, "messageAttributes": attributes}

    def deliver(self, messages: list[Message], handed: Handed, at_work: ExitStack) -> None:
        """Whatever becomes of it, this returns: the next one is due. ``at_work`` is closed then."""
        try:
            with at_work, self._groups.held(messages if self._poller.is_fifo_queue else []):
                self._deliver(messages, handed.visible_again_at, at_work)
        except Exception as error:
            LOG.warning("A batch of %s failed: %s", self._poller.source_arn, error)

    def _deliver(self, messages: list[Message], until: float, at_work: ExitStack) -> None:
        records = [self.record_of(message) for message in messages]
        matching = [record for record in records if self._matches(record)]
        ids = {record["messageId"] for record in matching}
        self._poller.delete_messages(messages, {record["messageId"] for record in records} - ids)
        if not matching:
            return
        began_ms = now_ms()
        response = self._invoke(matching, until, at_work)
        if response is None:
            self._note_throttled(matching, began_ms)
            return
        failed = failed_messages(response, ids) if self._sender.report_batch_item_failures else frozenset()
        self._poller.delete_messages(messages, ids - failed)

    def _matches(self, record: Record) -> bool:
        """Whether a filter lets it through. Those look into a body that is JSON, which is handed over as it is all the same."""
        if not self._poller.filter_patterns:
            return True
        seen = dict(record)
        with suppress(ValueError, RecursionError):
            seen["body"] = json.loads(record["body"])
        return bool(self._poller.filter_events([seen]))

    def _note_throttled(self, records: list[Record], began_ms: float) -> None:
        """That each message of a batch was throttled until it was visible again: its receive is used up."""
        LOG.warning("A batch of %s was throttled until it was visible again", self._poller.source_arn)
        function = self._sender.target_arn.split(":function:")[-1].split(":")[0]
        for record in records:
            recorder().write(
                "receive-throttled",
                function=function,
                queue=self._poller.source_arn,
                messageId=record["messageId"],
                receiveCount=int(record["attributes"]["ApproximateReceiveCount"]),
                body=record["body"],
                startedAt=began_ms,
                endedAt=now_ms(),
            )

    def _invoke(self, records: list[Record], until: float, at_work: ExitStack) -> bytes | None:
        """The function's answer; none when it could not begin ``until`` that moment of pipeline time."""
        times, payload = 0, payload_of(records)
        handles = [record["receiptHandle"] for record in records]
        while True:
            try:
                if throttled().is_struck(handles):
                    raise ThrottledError
                return self._try_to_invoke(payload)
            except ThrottledError:
                times += 1
            # Nothing is at work while it waits.
            at_work.close()
            if not self.throttling.wait_for_turn(until, times):
                return None
            at_work.enter_context(pacer().work())

    def _try_to_invoke(self, payload: str) -> bytes:
        try:
            with gathering.for_a_mapping():
                answer = invoke(self._sender.target_arn, payload.encode())
        except TooManyRequestsException:
            raise ThrottledError from None
        self.throttling.try_now()
        if answer.is_error:
            raise FunctionFailedError(answer.payload.decode(errors="replace"))
        return answer.payload


def _in_base64(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """A message's attribute, whose value may be binary."""
    return {name: b64encode(value).decode() if isinstance(value, bytes) else value for name, value in attribute.items()}


class _Groups:
    """Message groups of a FIFO queue: each has one batch under way at once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: set[str] = set()

    @contextmanager
    def held(self, messages: list[Message]) -> Iterator[None]:
        """The groups of these messages, once none of them is any more."""
        groups = {group_of(message) for message in messages}
        with self._changed:
            self._changed.wait_for(lambda: not groups & self._held)
            self._held |= groups
        try:
            yield
        finally:
            with self._changed:
                self._held -= groups
                self._changed.notify_all()
