"""LocalStack: a receive from a FIFO queue that is repeated with its ``ReceiveRequestAttemptId`` returns the same messages.

For five minutes, "during a visibility timeout, subsequent calls with the same ReceiveRequestAttemptId return the same messages and
receipt handles", the visibility timeout begins anew, and none of the messages may "have been modified (deleted or had their visibility
changes)" (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html). LocalStack ignores it, so a
consumer that asks again after a lost answer waits for the visibility timeout.

Needed until LocalStack does so: ``tests/engine/test_fifo.py`` fails without it.
"""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from localstack.aws.api import RequestContext
from localstack.services.sqs.models import FifoQueue, ReceiveMessageResult
from localstack.services.sqs.provider import SqsProvider

_REPEATABLE_SECONDS = 300

_attempt: ContextVar[str | None] = ContextVar("attempt", default=None)


@dataclass(slots=True)
class _Attempt:
    """A receive from this queue, and when each of its messages is visible again."""

    queue: FifoQueue
    result: ReceiveMessageResult
    made_at: float = field(default_factory=time.time)
    _visible_again_at: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self._visible_again_at = self._deadlines()

    @property
    def can_be_repeated(self) -> bool:
        return (
            time.time() < self.made_at + _REPEATABLE_SECONDS
            and all(message in self.queue.inflight for message in self.result.successful)
            and self._deadlines() == self._visible_again_at
        )

    def repeat(self, hidden_seconds: int | None) -> ReceiveMessageResult:
        seconds = self.queue.visibility_timeout if hidden_seconds is None else hidden_seconds
        again = ReceiveMessageResult()
        again.successful, again.receipt_handles = self.result.successful, self.result.receipt_handles
        for handle in again.receipt_handles:
            self.queue.update_visibility_timeout(handle, seconds)
        self._visible_again_at = self._deadlines()
        return again

    def _deadlines(self) -> list[float]:
        return [message.visibility_deadline for message in self.result.successful]


def apply() -> None:
    SqsProvider.receive_message = _telling_of_the_attempt(SqsProvider.receive_message)
    FifoQueue.receive = _repeating(FifoQueue.receive)


def _telling_of_the_attempt(receive: Callable[..., Any]) -> Callable[..., Any]:
    def receive_message(
        provider: SqsProvider, context: RequestContext, *, receive_request_attempt_id: str | None = None, **options: Any
    ) -> Any:
        token = _attempt.set(receive_request_attempt_id)
        try:
            return receive(provider, context, **options)
        finally:
            _attempt.reset(token)

    return receive_message


def _repeating(receive: Callable[..., ReceiveMessageResult]) -> Callable[..., ReceiveMessageResult]:
    def repeating(
        queue: FifoQueue,
        num_messages: int = 1,
        wait_time_seconds: int | None = None,
        visibility_timeout: int | None = None,
        **options: Any,
    ) -> ReceiveMessageResult:
        if (attempt_id := _attempt.get()) is None:
            return receive(queue, num_messages, wait_time_seconds, visibility_timeout, **options)
        with queue.mutex:
            attempts: dict[str, _Attempt] = vars(queue).setdefault("receive_attempts", {})
            for each in [each for each, attempt in attempts.items() if not attempt.can_be_repeated]:
                del attempts[each]
            if attempt_id in attempts:
                return attempts[attempt_id].repeat(visibility_timeout)
        result = receive(queue, num_messages, wait_time_seconds, visibility_timeout, **options)
        if result.successful:
            attempts[attempt_id] = _Attempt(queue, result)
        return result

    return repeating
