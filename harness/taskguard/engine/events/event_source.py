"""The SQS side of an event source mapping: it looks into a queue when there is something in it, and not on a timer.

LocalStack asks a queue for messages again and again, and less and less often while it is empty. This poller waits in the
engine itself until a message is visible, and receives it then with the same call in the same role. As on Lambda, several
batches may be under way at once (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html).
"""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

from localstack.services.lambda_.event_source_mapping.pollers.poller import EmptyPollResultsException
from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import SqsPoller

from taskguard.engine.clock.pacer import pacer
from taskguard.engine.events.crowding import crowd_of
from taskguard.engine.events.receivable import is_receivable, wait_until_receivable
from taskguard.engine.faults.messages import find_queue, handled, lost_deletions, strike_received

LOG = logging.getLogger(__name__)

_LOOK_AROUND_SECONDS = 0.25
"""How long a poller waits before it looks whether it is still wanted."""

_STILL_LOOKED_INTO_SECONDS = 2.0
"""How long after its poller's last look a queue counts as one that is looked into: a busy machine gives pollers little time."""

_last_looks: dict[str, float] = {}
"""By the queue's ARN, on the machine's clock."""

BATCHES_AT_ONCE = 5
"""As many as Lambda works on to begin with. With fewer, tasks that are handed in as fast as they go wait for their first attempt."""


class PromptSqsPoller(SqsPoller):
    """Delivers what is visible at once. FIFO queues, whose groups must not overtake themselves, have one batch at a time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._slots = threading.Semaphore(BATCHES_AT_ONCE)
        self._has_slot = False
        self._crowd = crowd_of(self.source_arn)
        self._batches = ThreadPoolExecutor(BATCHES_AT_ONCE, thread_name_prefix="batch")
        self._receiving = threading.Lock()
        self._is_over = False

    def poll_events(self) -> None:
        _last_looks[self.source_arn] = time.monotonic()
        if self.is_fifo_queue:
            if _wait_for_message(self.source_arn):
                with pacer().work(), suppress(EmptyPollResultsException):
                    super().poll_events()
            return
        # A message must not be received, and its visibility timeout begin, before there is room for it.
        if not self._take_slot(_LOOK_AROUND_SECONDS):
            return
        self._has_slot = True
        try:
            if _wait_for_message(self.source_arn):
                with self._receiving, pacer().work(), suppress(EmptyPollResultsException):
                    if not self._is_over:
                        super().poll_events()
        finally:
            if self._has_slot:
                self._slots.release()

    def handle_messages(self, messages: list[dict[str, Any]]) -> None:
        if self.is_fifo_queue:
            super().handle_messages(messages)
            return
        received = time.monotonic()
        messages = strike_received(self.source_arn, messages, self._handle_too)
        if not messages:
            return
        if not self._has_slot:
            self._take_slot()
        self._has_slot = False
        self._batches.submit(self._handle, messages, received)

    def close(self) -> None:
        self._crowd.leaves(self)
        super().close()

    def end(self) -> None:
        """Receive nothing any more. LocalStack calls a mapping disabled while its poller still waits for a last message."""
        with self._receiving:
            self._is_over = True

    def delete_messages(self, messages: list[dict[str, Any]], message_ids_to_delete: set[str]) -> None:
        lost = lost_deletions(self.source_arn, messages, message_ids_to_delete)
        super().delete_messages(messages, message_ids_to_delete - lost)

    def _take_slot(self, seconds: float | None = None) -> bool:
        """Whether there is room for a batch, after having waited for it for that long, or for as long as it takes."""
        if not self._slots.acquire(blocking=False):
            self._crowd.note(self, has_room=False)
            if not self._slots.acquire(timeout=seconds):
                return False
        self._crowd.note(self, has_room=True)
        return True

    def _handle_too(self, messages: list[dict[str, Any]]) -> None:
        """Handle a batch beside those that have slots, at work from now on."""
        at_work = ExitStack()
        at_work.enter_context(pacer().work())

        def handle() -> None:
            with at_work:
                self._try_to_handle(messages)

        threading.Thread(target=handle, name="batch-too", daemon=True).start()

    def _handle(self, messages: list[dict[str, Any]], received: float) -> None:
        try:
            with pacer().work():
                self._try_to_handle(messages)
                handled(self.source_arn, received)
        finally:
            self._slots.release()

    def _try_to_handle(self, messages: list[dict[str, Any]]) -> None:
        try:
            super().handle_messages(messages)
        except Exception as error:  # whatever becomes of a batch, the next one is due
            LOG.warning("A batch of %s failed: %s", self.source_arn, error)


def is_about_to_deliver() -> bool:
    """Whether a message is there to be received in a queue that a poller looks into: it is as good as at work."""
    now = time.monotonic()
    for queue_arn, looked in list(_last_looks.items()):
        queue = find_queue(queue_arn)
        if queue is None:
            _last_looks.pop(queue_arn, None)
        elif is_receivable(queue) and now - looked < _STILL_LOOKED_INTO_SECONDS:
            return True
    return False


def _wait_for_message(queue_arn: str) -> bool:
    """Whether there is a message to receive, after having waited for one."""
    queue = find_queue(queue_arn)
    # When it is gone, the call will say so.
    return queue is None or wait_until_receivable(queue, _LOOK_AROUND_SECONDS)
