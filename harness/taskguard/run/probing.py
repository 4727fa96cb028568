"""Hands in what stands beside a run's tasks: tasks that are known already, requests that are no tasks, and questions for records.

Docs/workload.md says what each is for. A task is handed in again when the engine was seen to have brought it to some state: by what
the flight recorder tells, never by what a service says of itself. This module must not know how any of it is judged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import Self

from taskguard.contract.contract import Weight
from taskguard.contract.dialect import MessageWords
from taskguard.contract.terms import Terms
from taskguard.errors import SubmissionError, TaskGuardError
from taskguard.evidence.queues import attributes_of
from taskguard.evidence.recorder.answers import failure_reason
from taskguard.evidence.recorder.recording import Message, Moved, Recording
from taskguard.history import TaskSubmitted
from taskguard.ingress.client import Client
from taskguard.ingress.invalid import Invalid, invalid_requests
from taskguard.ingress.load import Load
from taskguard.ingress.probes import Moment
from taskguard.run.events import Answered
from taskguard.run.injecting.fates import sender_of
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

_LARGEST_ITEM_BYTES = 400_000
"""Of a table: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html."""

_LARGEST_EVENT_BYTES = 262_144
"""Of EventBridge, of Step Functions, and of a topic that is not set to more:
https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html."""

_MOST_READ_BACK = 10
_LOOK_EVERY_SECONDS = 0.02


def largest_message_bytes(endpoint: Endpoint, stack: Stack) -> int | None:
    """How large a message may be on its way: what its queue takes, an item of the table, and what may stand before the queue."""
    told = attributes_of(endpoint, stack.work_queue.url, "All").get("MaximumMessageSize")
    if told is None:
        return None
    relayed = stack.relays or any(each.submit.puts_events for each in stack.ingresses)
    limits = ((int(told), True), (_LARGEST_ITEM_BYTES, stack.table is not None), (_LARGEST_EVENT_BYTES, relayed))
    return min(limit for limit, applies in limits if applies)


def invalid_of(load: Load, terms: Terms, endpoint: Endpoint, stack: Stack) -> list[Invalid]:
    """What is no task and is sent beside this load: nothing where it has no probes, the contract does not demand a
    refusal, or there is no API to refuse it."""
    if not load.probes or stack.ingress.is_queue or terms.contract.api.refuses_invalid is Weight.OFF:
        return []
    largest = largest_message_bytes(endpoint, stack)
    return list(invalid_requests(load.seed, terms.dialect.ingress, stack.ingress, largest))


def fitted_to_stack(load: Load, endpoint: Endpoint, stack: Stack) -> Load:
    """The load as this stack can be given it: with the largest payload that it takes, and nothing to be done again to a queue. The API can be
    refused to send where there is an engine of ours that nobody else uses."""
    if load.probes:
        load = load.fitted(largest_message_bytes(endpoint, stack))
    if stack.ingress.is_queue:
        load = replace(load, again=())
    if not load.waiting or endpoint.recording is None or sender_of(stack) is None:
        load = replace(load, unsent=None)
    return load


class Probing:
    """What a run hands in beside the tasks of its ``load``, by the ``client``; each answer is told, and kept in ``events``.
    What was recorded before ``since_ms`` is of other runs. Before a task is handed in again, what the run itself lets become of it is to
    ``let_go`` of it. Within ``sends_refused`` the API may send nothing. Use as a context manager: once it is left nothing is handed in any more."""

    def __init__(
        self,
        endpoint: Endpoint,
        stack: Stack,
        terms: Terms,
        load: Load,
        client: Client,
        tell: Callable[[Answered], None],
        *,
        since_ms: float = 0.0,
        let_go: Callable[[str], None] = lambda _: None,
        sends_refused: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._let_go, self._sends_refused = let_go, sends_refused
        self._endpoint, self._stack, self._terms, self._client, self._tell = endpoint, stack, terms, client, tell
        self._load = load
        moments = (Moment.BACKING_OFF, Moment.COMPLETED, Moment.DEAD)
        self._pending = [each for each in load.again if each.moment in moments]
        self._handed_in: list[str] = []
        self._looking, self._over = threading.Lock(), threading.Event()
        self._seen = _Seen(
            stack, terms.dialect.message, frozenset(each.task.task_id for each in self._pending), since_ms
        )
        self._recording: Callable[[], Recording | None] = lambda: None
        self.events: list[Answered] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with self._looking:
            self._pending = []

    def before_work(self, *, takes: bool = True) -> None:
        """Hand in what is handed in while nobody works: tasks twice at once, again those that were handed in just now and, to an API that
        ``takes`` tasks, the one that it cannot send."""
        for each in self._load.again:
            if each.moment is Moment.AT_ONCE:
                self._note(self._client.at_once(each.task))
            elif each.moment is Moment.IN_A_ROW:
                self._note([self._client.submit(each.repeated)])
        # Last, since what was handed in before may be on its way still when it has been answered.
        if takes:
            self._in_vain()

    def refusals(self) -> None:
        """Send what is no task."""
        for invalid in invalid_of(self._load, self._terms, self._endpoint, self._stack):
            self._note([self._client.send_invalid(invalid)])

    def _in_vain(self) -> None:
        """Hand in a task that the API cannot send on, and then again, as its client would who was told of an error, where the contract has
        that taken for the same task. Nobody else may be at the API meanwhile.

        Raises:
            FaultPlanError: the engine does not answer.
        """
        if (task := self._load.unsent) is None:
            return
        submitted = list[TaskSubmitted]()
        # What takes a task that was not sent need not name an id as others do.
        with self._sends_refused(), suppress(SubmissionError):
            submitted.append(self._client.submit(task))
        is_same = self._terms.dialect.ingress.id == "request" and self._terms.contract.api.idempotent is not Weight.OFF
        if is_same and submitted and not submitted[0].accepted:
            submitted.append(self._client.submit(task))
        self._note(submitted)

    def begin(self, recording: Callable[[], Recording | None]) -> None:
        """Look from now on whether a task has come to its moment, which may last no longer than a wait on a fast clock.
        Where nothing is recorded there is nothing to look at."""
        self._recording = recording

        def looking() -> None:
            # Whoever waits for the run to end looks, too, and meets what is wrong.
            with suppress(TaskGuardError, OSError):
                while not self._over.wait(_LOOK_EVERY_SECONDS) and self._pending:
                    self._look()

        threading.Thread(target=looking, name="probing", daemon=True).start()

    def handed_in(self) -> list[str]:
        """The tasks that were handed in again since this was asked last."""
        self._look()
        with self._looking:
            found, self._handed_in = self._handed_in, []
        return found

    def _look(self) -> None:
        with self._looking:
            recording = self._recording() if self._pending else None
            if recording is None:
                return
            self._seen.look(recording)
            due = [each for each in self._pending if self._seen.moments.get(each.task.task_id) == each.moment]
            for each in due:
                self._let_go(each.task.task_id)
                self._note([self._client.submit(each.repeated)])
                self._pending.remove(each)
                self._handed_in.append(each.task.task_id)

    def read_back(self) -> None:
        """Ask for the records of the first probes, and of the first others, where there is a route for it."""
        by_id = self._terms.dialect.ingress.id == "request"
        if not self._load.probes or self._stack.ingress.record is None or not by_id:
            return
        first = sorted(self._load.tasks, key=lambda task: not task.chosen)[:_MOST_READ_BACK]
        for task in first:
            self._note([self._client.read_back(task.task_id)])

    def _note(self, answers: Sequence[Answered]) -> None:
        self.events += answers
        for answer in answers:
            self._tell(answer)


class _Seen:
    """To which moment some tasks have come, by what the recorder has of ended invocations and moved messages."""

    def __init__(self, stack: Stack, names: MessageWords, task_ids: frozenset[str], since_ms: float) -> None:
        self._stack, self._names, self._task_ids, self._since_ms = stack, names, task_ids, since_ms
        self._invocations: set[str] = set()
        self.moments: dict[str, Moment] = {}

    def look(self, recording: Recording) -> None:
        for request_id, invocation in list(recording.invocations.items()):
            if invocation.ended_at_ms is None or request_id in self._invocations:
                continue
            self._invocations.add(request_id)
            if invocation.ended_at_ms < self._since_ms:
                # Of another run, whose tasks may have had the same ids.
                continue
            for message in invocation.messages:
                if self._stack.is_dead_letter_queue(message.queue_arn):
                    self._note(message, Moment.DEAD)
                elif message.queue_arn == self._stack.work_queue.arn:
                    failed = failure_reason(invocation, message.message_id) is not None
                    self._note(message, Moment.BACKING_OFF if failed else Moment.COMPLETED)
        if self._stack.stays_filled:
            # Nobody consumes them: to lie there is their end.
            for moved in list(recording.moved):
                if moved.at_ms >= self._since_ms:
                    self._note(moved, Moment.DEAD)

    def _note(self, message: Message | Moved, moment: Moment) -> None:
        task_id = self._names.id_of(message.body)
        if task_id in self._task_ids:
            self.moments[task_id] = moment
