"""Puts the dead letters that nobody consumes back to work, once, by SQS's own redrive, as an operator would.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html. Each comes as a new message, with
another id. Where a function consumes the dead-letter queue nothing lies there; why nothing is moved is told, whenever that is so. This
module must not know how a run is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.evidence.queues import Queues
from taskguard.history import DeadLettered, Event, EvidenceMissing, Redriven
from taskguard.history.wording import times
from taskguard.run.events import Announced, Tell, Warned, nobody
from taskguard.service.stack import Stack
from taskguard.support.this_command import runnable
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.aws_errors import explain
from taskguard.targets.base import Endpoint

_MOVED_WITHIN_SECONDS = 60.0
_MAY_BE_MISSING = ("Redriven", "Delivered", "AttemptSucceeded", "AttemptFailed", "DeadLettered")


class Redrive:
    """The redrive of one run. ``events`` are the tasks that were put back, and what is not known of that."""

    def __init__(self, endpoint: Endpoint, stack: Stack, tell: Tell = nobody) -> None:
        self._endpoint, self._stack, self._tell = endpoint, stack, tell
        self.events: list[Event] = []

    def put_back(self, seen: Callable[[], Iterable[Event]]) -> Sequence[str]:
        """Move what lies in the dead-letter queue back to the queue that it came from, and return its tasks; ``seen`` is what happened
        up to now."""
        queue = self._stack.dead_letter_queue
        if queue is None:
            return self._nothing("the stack has no dead-letter queue")
        if queue.consumers:
            who = " and ".join(each.label for each in self._stack.functions if each.name in queue.consumers)
            return self._nothing(
                f"{who} takes dead letters out of their queue. TaskGuard's own pipeline puts tasks back by "
                f"`{runnable('taskguard redrive')}`"
            )
        left = sum(each.total for each in Queues(self._endpoint, self._stack).queue_depths() if each.queue != "work")
        if not left:
            return self._nothing("the dead-letter queue is empty")
        dead = {each.message_id: each.task_id for each in seen() if isinstance(each, DeadLettered)}
        if len(dead) != left:
            return self._nothing(
                f"there are {times(left, 'message')} in the dead-letter queue, and {len(dead)} were seen to come"
            )
        at_ms = self._endpoint.clock.now_ms()
        try:
            self._endpoint.sqs().start_message_move_task(SourceArn=queue.arn)
        except (ClientError, BotoCoreError) as error:
            return self._nothing(explain(error))
        task_ids = sorted({task_id for task_id in dead.values() if task_id is not None})
        self.events.extend(Redriven(at_ms=at_ms, task_id=task_id) for task_id in task_ids)
        if failure := self._wait_until_moved(queue.arn):
            self._tell(Warned(f"Of {times(left, 'dead letter')} some may not have been put back: {failure}"))
            what = f"which dead letters were put back ({failure})"
            self.events.append(EvidenceMissing(at_ms=at_ms, source="SQS", what=what, affects=_MAY_BE_MISSING))
        else:
            self._tell(Announced(f"Put {times(left, 'dead letter')} back to work, by StartMessageMoveTask"))
        return task_ids

    def _wait_until_moved(self, arn: str) -> str:
        """Why not all were moved; empty when they were."""
        sqs: Any = self._endpoint.sqs()
        task: dict[str, Any] = {}

        def has_ended() -> bool:
            task.update(sqs.list_message_move_tasks(SourceArn=arn)["Results"][0])
            return bool(task["Status"] != "RUNNING")

        try:
            wait_for(has_ended, seconds=_MOVED_WITHIN_SECONDS, every=0.1, at_most_every=0.5)
        except WaitedInVain:
            return f"the move had not ended after {_MOVED_WITHIN_SECONDS:.0f} s"
        except (ClientError, BotoCoreError) as error:
            return explain(error)
        return "" if task["Status"] == "COMPLETED" else str(task.get("FailureReason") or task["Status"])

    def _nothing(self, why: str) -> Sequence[str]:
        self._tell(Announced(f"Nothing was put back: {why}"))
        return ()
