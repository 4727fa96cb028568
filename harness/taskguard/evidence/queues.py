"""The stack's queues, as SQS and Lambda tell of them: what they hold, and how their messages are delivered."""

from __future__ import annotations

import json
from typing import Any

from taskguard.history import QueueDepth
from taskguard.history.values import QueueName
from taskguard.service.event_sources import function_of, mappings_of, reports_failures
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

_DEPTHS = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


def attributes_of(endpoint: Endpoint, url: str, *names: str) -> dict[str, str]:
    """The attributes of these names (``All``: of any) that the queue has."""
    sqs: Any = endpoint.sqs()
    # Of a queue that has none of them, the answer has no such part.
    return dict(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names)).get("Attributes", {}))


class Queues:
    """The queues of one stack. Not safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, stack: Stack) -> None:
        self._endpoint = endpoint
        self._stack = stack

    def queue_depths(self) -> list[QueueDepth]:
        """Each queue, as it is now."""
        return [self._depth(name, queue.url) for name, queue in self._stack.queues.items()]

    def are_empty_beside(self) -> bool:
        """Whether none of the stack's other queues that somebody consumes holds a message, in whatever state."""
        others = (queue for queue in self._stack.beside if queue.consumers)
        return not any(
            int(held)
            for queue in others
            for held in attributes_of(self._endpoint, queue.url, *_DEPTHS.values()).values()
        )

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
        return float(self._of_work_queue("VisibilityTimeout")["VisibilityTimeout"])

    def receives_before_death(self) -> int:
        """How often the work queue hands a message out before it moves it to the dead-letter queue; 0 when it never does."""
        policy = self._of_work_queue("RedrivePolicy").get("RedrivePolicy")
        return int(json.loads(policy)["maxReceiveCount"]) if policy else 0

    def _depth(self, name: QueueName, url: str) -> QueueDepth:
        told = attributes_of(self._endpoint, url, *_DEPTHS.values())
        depths = {field: int(told[attribute]) for field, attribute in _DEPTHS.items()}
        return QueueDepth(at_ms=self._endpoint.clock.now_ms(), queue=name, **depths)

    def _of_work_queue(self, attribute: str) -> dict[str, str]:
        return attributes_of(self._endpoint, self._stack.work_queue.url, attribute)
