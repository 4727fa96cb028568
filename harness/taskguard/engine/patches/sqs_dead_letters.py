"""LocalStack: the flight recorder hears of each message that a queue moves to its dead-letter queue.

SQS moves a message when somebody asks for it once too often. Nobody is told: a dead-letter queue without a consumer would hold
messages of which no invocation tells. LocalStack puts them there with the queue that they come from as an attribute.

Needed as long as there are dead-letter queues without a consumer: ``tests/engine/test_dead_letters.py`` fails without it.
"""

from collections.abc import Callable
from typing import Any

from localstack.services.sqs.models import FifoQueue, StandardQueue

from taskguard.engine.recorder.flight_recorder import now_ms, recorder

_SOURCE = "DeadLetterQueueSourceArn"


def apply() -> None:
    for kind in (StandardQueue, FifoQueue):
        kind.put = _telling_of_dead_letters(kind.put)


def _telling_of_dead_letters(put: Callable[..., Any]) -> Callable[..., Any]:
    def telling(queue: Any, message: Any, *args: Any, **kwargs: Any) -> Any:
        stored = put(queue, message, *args, **kwargs)
        source = (message.get("Attributes") or {}).get(_SOURCE)
        # One that is put back to where it came from has the attribute, too.
        if source is not None and source != queue.arn:
            recorder().write(
                "dead-lettered",
                queue=queue.arn,
                source=source,
                messageId=message["MessageId"],
                body=message["Body"],
                startedAt=now_ms(),
            )
        return stored

    return telling
