"""Whether tasks have come to their end, as the flight recorder tells it: a service may have no records, nobody may know how it words them,
and what they say may come before the end.

It must not know what is right: that a task ended is all that it says.
"""

from __future__ import annotations

from collections.abc import Iterable

from taskguard.evidence.queues import Queues
from taskguard.evidence.recorder.deliveries import events_of
from taskguard.evidence.recorder.recording import Recording
from taskguard.history import Attempt, DeadLettered, Delivered, History, Resent
from taskguard.run.running import Run


class Ends:
    """The ends of one stack's tasks."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._heeded = Queues(run.endpoint, run.stack).heeds_partial_batches()

    def all_ended(self, task_ids: Iterable[str]) -> bool:
        """Whether nothing more will happen to any of these tasks by itself; never where there is no flight recorder."""
        ids, recording = list(task_ids), self._run.recording()
        if recording is None:
            return False
        stack, names = self._run.stack, self._run.dialect.message
        events = events_of(recording, stack, names, partial_batches=self._heeded, only=frozenset(ids))
        history = History(events)
        return all(self._has_ended(history, task_id, recording) for task_id in ids)

    def _has_ended(self, history: History, task_id: str, recording: Recording) -> bool:
        deaths = history.of_task(task_id, DeadLettered)
        if not all(self._is_handled(death, recording) for death in deaths):
            return False
        dead = {death.origin_id for death in deaths}
        last: dict[str, Attempt] = {attempt.message_id: attempt for attempt in history.attempts_of(task_id)}
        sent = {each.new_message_id for each in history.of_task(task_id, Resent) if each.new_message_id is not None}
        delivered = {each.message_id for each in history.of_task(task_id, Delivered)}
        on_their_way = (delivered | sent) - dead
        return bool(delivered | dead) and all(_is_gone(last.get(message_id)) for message_id in on_their_way)

    def _is_handled(self, death: DeadLettered, recording: Recording) -> bool:
        """Whether the dead letter was given to its consumer, if it has one, who did not fail."""
        queue = self._run.stack.dead_letter_queue
        if queue is None or not queue.consumers:
            return True
        invocations = (recording.invocations.get(each) for each in death.delivery_ids)
        return any(each is not None and each.ended_at_ms is not None and not each.is_error for each in invocations)


def _is_gone(attempt: Attempt | None) -> bool:
    """Whether a message will not come again after what was seen of it last."""
    return attempt is not None and (attempt.succeeded is not None or attempt.sent_again is not None)
