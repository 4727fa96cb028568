"""The stack's queues, as SQS and Lambda tell of them: what they hold, and how their messages are delivered."""

from __future__ import annotations

import json
from collections.abc import Mapping

from taskguard.history import QueueDepth
from taskguard.history.events import QueueName
from taskguard.service.event_sources import function_of, mappings_of, reports_failures
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint


class Queues:
    """The queues of one stack. Not safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, stack: Stack) -> None:
        self._endpoint = endpoint
        self._stack = stack
        self._now_ms = endpoint.clock.now_ms
        self._sqs = endpoint.sqs()

    def queue_depths(self) -> list[QueueDepth]:
        """Each queue, as it is now."""
        return [self._depth(name, queue.url) for name, queue in self._stack.queues.items()]

    def heeds_partial_batches(self) -> dict[str, bool | None]:
        """By function, whether its event source mapping of the work queue asks for a list of the batch's failed messages; none when
        it has several that differ in that."""
        found: dict[str, bool | None] = {}
        for mapping in mappings_of(self._endpoint, self._stack.work_queue.arn):
            asks, name = reports_failures(mapping), function_of(mapping)
            found[name] = asks if found.get(name, asks) is asks else None
        return found

    def visibility_timeout_seconds(self) -> float:
        """How long the work queue hides a message that was received, unless it is asked otherwise."""
        return float(self._attributes_of_work_queue()["VisibilityTimeout"])

    def receives_before_death(self) -> int:
        """How often the work queue hands a message out before it moves it to the dead-letter queue; 0 when it never does."""
        policy = self._attributes_of_work_queue().get("RedrivePolicy")
        return int(json.loads(policy)["maxReceiveCount"]) if policy else 0

    def _depth(self, name: QueueName, url: str) -> QueueDepth:
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )["Attributes"]
        return QueueDepth(
            at_ms=self._now_ms(),
            queue=name,
            visible=int(attributes["ApproximateNumberOfMessages"]),
            in_flight=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
            delayed=int(attributes["ApproximateNumberOfMessagesDelayed"]),
        )

    def _attributes_of_work_queue(self) -> Mapping[str, str]:
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._stack.work_queue.url, AttributeNames=["VisibilityTimeout", "RedrivePolicy"]
        )
        return {str(name): value for name, value in answer["Attributes"].items()}
