"""An event source mapping of a queue: it receives messages as soon as there are some, or a moment later while callers wait for answers of
functions, gathers them to batches, and hands these over.

LocalStack asks a queue for messages again and again, and less and less often while it is empty. This poller waits in the
engine itself until a message is visible, and receives it then with the same call in the same role. As on Lambda, several
batches may be under way at once (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html), and a batch with a window
is open until that is over (https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html). It must not know what
becomes of a batch.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cached_property
from typing import Any

from localstack.aws.api.sqs import MessageSystemAttributeName
from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import DEFAULT_MAX_RECEIVE_COUNT, SqsPoller

from taskguard.engine.clock.pacer import pacer
from taskguard.engine.events import gathering
from taskguard.engine.events.batches import Batch, Message, by_group
from taskguard.engine.events.crowding import crowd_of
from taskguard.engine.events.delivery import Delivery, Handed
from taskguard.engine.events.receivable import end_wait, is_receivable, wait_until_receivable
from taskguard.engine.faults.messages import find_queue, handled, lost_deletions, strike_received

_LOOK_AROUND_SECONDS = 0.25
"""How long a poller waits before it looks whether it is still wanted."""

_STILL_LOOKED_INTO_SECONDS = 2.0
"""How long after its poller's last look a queue counts as one that is looked into: a busy machine gives pollers little time."""

BATCHES_AT_ONCE = 5
"""As many as Lambda works on to begin with. With fewer, tasks that are handed in as fast as they go wait for their first attempt."""

GROUPS_AT_ONCE = 10
"""Of a FIFO queue: as many message groups as there can be in what is received at once."""


class QueuePoller(SqsPoller):
    """The poller of one mapping. At most ``MaximumConcurrency`` of its batches are under way at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.maximum_concurrency: int | None = None
        self._received: deque[Message] = deque()
        self._batch = Batch(self.batch_size)
        self._received_at = 0.0
        self._has_slot = False
        self._crowd = crowd_of(self.source_arn)
        self._delivery = Delivery(self)
        self._receiving = threading.Lock()
        self._is_over = False
        self._last_look = 0.0

    @cached_property
    def _at_once(self) -> int:
        most = GROUPS_AT_ONCE if self.is_fifo_queue else BATCHES_AT_ONCE
        return min(most, self.maximum_concurrency or most)

    @cached_property
    def _slots(self) -> threading.Semaphore:
        return threading.Semaphore(self._at_once)

    @cached_property
    def _batches(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._at_once, thread_name_prefix="batch")

    # What LocalStack calls, again and again

    def poll_events(self) -> None:
        """Take one look into the queue, which may last for a moment."""
        _looking.add(self)
        self._last_look = time.monotonic()
        # A message must not be received, and its visibility timeout begin, before there is room for it.
        if not self._has_room():
            return
        is_there = bool(self._received) or self._wait_for_message()
        if not is_there and not self._is_due():
            return
        with pacer().unheard(), pacer().work():
            self._fill()
            if self._is_due():
                self._hand_over()

    def close(self) -> None:
        """Hand over what was received, and look no more."""
        if self._batch.messages:
            self._hand_over()
        _looking.discard(self)
        self._crowd.leaves(self)
        super().close()

    def end(self) -> None:
        """Receive nothing any more. LocalStack calls a mapping disabled while its poller still waits for a last message."""
        with self._receiving:
            self._is_over = True

    def delete_messages(self, messages: list[Message], message_ids_to_delete: set[str]) -> None:
        lost = lost_deletions(self.source_arn, messages, message_ids_to_delete)
        super().delete_messages(messages, message_ids_to_delete - lost)

    # What the engine's clock asks

    def is_about_to_deliver(self) -> bool:
        """Whether a message is there that this poller will take at once: it is as good as at work."""
        queue = find_queue(self.source_arn)
        return (
            queue is not None
            and (bool(self._received) or is_receivable(queue))
            and self.looks()
            and not self._delivery.throttling.is_on()
        )

    def looks(self) -> bool:
        """Whether it looks into its queue again and again."""
        return time.monotonic() - self._last_look < _STILL_LOOKED_INTO_SECONDS

    def window_ends_at(self) -> float:
        """When the batch that is being gathered is handed over at the latest, in pipeline time."""
        return self._received_at + self.maximum_batching_window if self._batch.messages else math.inf

    def look_again(self) -> None:
        """The clock's pace has changed."""
        if self._batch.messages and (queue := find_queue(self.source_arn)) is not None:
            end_wait(queue)

    # From the queue into a batch

    def _has_room(self) -> bool:
        """Whether there is room for the batch that is being gathered; if there is none, some time has passed."""
        if self._batch.messages:
            return True
        self._has_slot = self._has_slot or self._slots.acquire(blocking=False)
        has_room = self._has_slot and self._delivery.throttling.is_over()
        self._crowd.note(self, has_room=has_room)
        if not has_room and self._has_slot:
            self._delivery.throttling.wait_until_over(_LOOK_AROUND_SECONDS)
        elif not has_room:
            self._has_slot = self._slots.acquire(timeout=_LOOK_AROUND_SECONDS)
        return has_room

    def _wait_for_message(self) -> bool:
        seconds = _LOOK_AROUND_SECONDS
        if self._batch.messages:
            seconds = min(seconds, max(0.0, pacer().seconds_until(self.window_ends_at())))
        queue = find_queue(self.source_arn)
        if queue is None:
            # The call will say so.
            return True
        is_there = wait_until_receivable(queue, seconds)
        if is_there and not self.is_fifo_queue:
            gathering.let_gather(queue, self._batch.most)
        return is_there

    def _fill(self) -> None:
        with self._receiving:
            if not self._received and not self._is_over:
                self._received.extend(self._receive(self._batch.most - len(self._batch.messages)))
        while self._received and self._batch.add(self._received[0], self._delivery.record_of(self._received[0])):
            self._received.popleft()
            if len(self._batch.messages) == 1:
                self._received_at = time.time()

    def _receive(self, most: int) -> list[Message]:
        # LocalStack hands out, and deletes, more than ten at once to its own poller.
        answer = self.source_client.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=min(most, DEFAULT_MAX_RECEIVE_COUNT),
            WaitTimeSeconds=0,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=[MessageSystemAttributeName.All],
            sqs_override_max_message_count=most,
        )
        return list(answer.get("Messages", []))

    def _is_due(self) -> bool:
        """Whether the batch is to be handed over as it is."""
        return bool(self._batch.messages) and (
            self._batch.is_full or bool(self._received) or time.time() >= self.window_ends_at()
        )

    # From there to the function

    def _hand_over(self) -> None:
        handed = Handed(time.monotonic(), self._visible_again_at())
        messages, self._batch = self._batch.messages, Batch(self.batch_size)
        if self.is_fifo_queue:
            batches = self._spread(by_group(messages))
        else:
            messages = strike_received(self.source_arn, messages, lambda too: self._hand_over_too(too, handed))
            batches = [messages] if messages else []
        self._has_slot = self._has_slot and not batches
        for batch in batches:
            self._batches.submit(self._deliver, batch, handed, _at_work())

    def _spread(self, groups: list[list[Message]]) -> list[list[Message]]:
        """Batches of whole groups, as many as there is room for at once: one has its slot already."""
        slots = 1
        while slots < len(groups) and self._slots.acquire(blocking=False):
            slots += 1
        return [[message for group in groups[n::slots] for message in group] for n in range(slots)]

    def _hand_over_too(self, messages: list[Message], handed: Handed) -> None:
        """Hand over a batch beside those that have slots, at work from now on."""
        threading.Thread(
            target=self._delivery.deliver, args=(messages, handed, _at_work()), name="batch-too", daemon=True
        ).start()

    def _deliver(self, messages: list[Message], handed: Handed, at_work: ExitStack) -> None:
        try:
            with pacer().unheard():
                self._delivery.deliver(messages, handed, at_work)
            handled(self.source_arn, handed.at)
        finally:
            self._slots.release()

    def _visible_again_at(self) -> float:
        queue = find_queue(self.source_arn)
        return self._received_at + (0 if queue is None else queue.visibility_timeout)


_looking: set[QueuePoller] = set()


def is_about_to_deliver() -> bool:
    """Whether a message is there to be received in a queue that a poller with room for it looks into."""
    return any(poller.is_about_to_deliver() for poller in tuple(_looking))


def is_looked_into(queue_arn: str) -> bool:
    """Whether a poller takes what becomes visible in this queue."""
    return any(poller.source_arn == queue_arn and poller.looks() for poller in tuple(_looking))


def next_due() -> Iterator[float]:
    """When batching windows are over, in pipeline time."""
    return (poller.window_ends_at() for poller in tuple(_looking))


def look_again() -> None:
    """The clock's pace has changed."""
    for poller in tuple(_looking):
        poller.look_again()


def _at_work() -> ExitStack:
    at_work = ExitStack()
    at_work.enter_context(pacer().work())
    return at_work
