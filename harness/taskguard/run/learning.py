"""Learns a service's words in the course of a run: those of its messages before any work begins, those of its records and its log
when all of it is over.

It gathers what :mod:`taskguard.contract.learning` decides by, as the engine saw it. Learnt is only what nobody stated. What the
run itself broke off or denied teaches nothing. It must not know how a run is judged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from taskguard.contract.dialect import Dialect, IngressWords, LogWords
from taskguard.contract.learning.deaths import Death
from taskguard.contract.learning.learnt import Learnt, times, with_learnt
from taskguard.contract.learning.logs import words_of_log
from taskguard.contract.learning.messages import Probe, ids_in, otherwise_worded, with_their_bodies, words_of_messages
from taskguard.contract.learning.records import Kept, words_of_records
from taskguard.contract.learning.texts import words_of_texts
from taskguard.evidence.dead_letters import LineOf
from taskguard.evidence.recorder.recording import Recording
from taskguard.evidence.runtime_lines import documents_in, said_in
from taskguard.evidence.table_images import TableImages
from taskguard.faults.plan import Phase
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    DeadLettered,
    Delivered,
    Event,
    FaultInjected,
    TaskSubmitted,
)
from taskguard.ingress.client import Client
from taskguard.ingress.load import Load
from taskguard.run.refused import Asked, first_asked, learnt_of
from taskguard.service.stack import Stack
from taskguard.support.json_values import Json
from taskguard.targets.base import Endpoint

_LOOK_EVERY_SECONDS = 0.02
_MESSAGES_WITHIN_SECONDS = 1.0
"""After its answer a message may still be on its way, over a bus or a topic."""

_WITHHELD = ("fail", Phase.BEFORE)
_CLOCKS_APART_MS = 1000.0


class Learning:
    """What one run learns of the service on ``stack``, whose ``dialect`` is at first what was stated. With ``log`` the log of dead tasks
    is learnt, too."""

    def __init__(self, endpoint: Endpoint, stack: Stack, dialect: Dialect, load: Load, *, log: bool) -> None:
        self._endpoint, self._stack, self._load = endpoint, stack, load
        self._stated, self._log = dialect, log
        self._asked_in = dialect.ingress
        self._found: dict[str, tuple[Learnt, ...]] = {}
        of_records = dialect.record is None and stack.table is not None
        self._images = TableImages(endpoint, stack.table) if of_records and stack.table is not None else None

    @property
    def learnt(self) -> tuple[Learnt, ...]:
        """All that was learnt up to now, and what is in doubt."""
        return tuple(each for found in self._found.values() for each in found)

    @property
    def dialect(self) -> Dialect:
        """What was stated, and what was learnt beside it up to now."""
        return with_learnt(self._stated, self.learnt)

    def begin(self) -> None:
        """A run begins, and nothing was handed in yet."""
        if self._images is not None:
            self._images.begin()

    def of_request(self, words: IngressWords) -> None:
        """The first task was taken in these words."""
        if words != self._stated.ingress:
            self._asked_in, self._found["request"] = words, learnt_of(words)

    def ask_first(
        self, client_of: Callable[[IngressWords], Client], recording: Callable[[], Recording | None]
    ) -> list[TaskSubmitted]:
        """Hand in the first tasks of the load, and learn of them: how they were answered, by the words that are known then.

        Raises:
            IngressError: no words are known in which a task is taken.
        """
        words, first = first_asked(client_of, self._load.tasks[0], self._stated.ingress, self._stack, recording)
        self.of_request(words)
        client = client_of(words)
        return self.of_first(
            [first, *(client.ask(each) for each in self._load.tasks[1 : self._load.wording])], recording
        )

    def of_first(self, asked: Sequence[Asked], recording: Callable[[], Recording | None]) -> list[TaskSubmitted]:
        """Learn of the messages of the tasks that were handed in first; how they were answered, by the words that are known then."""
        if self._load.wording:
            deadline = time.monotonic() + _MESSAGES_WITHIN_SECONDS
            while not self._all_sent(probes := self._probes(asked, recording())) and time.monotonic() < deadline:
                time.sleep(_LOOK_EVERY_SECONDS)
            self._found["message"] = self._unstated(words_of_messages(probes))
        words = self.dialect.ingress
        if words.id == self._asked_in.id:
            return [event for event, _ in asked]
        return [_by_its_own_id(event, words.answered_id(told.document) if told else None) for event, told in asked]

    def of_ends(self, events: Sequence[Event], recording: Recording | None) -> None:
        """Learn of the records, when nothing more will happen to any task; and whether all messages are worded alike."""
        submitted = {each.task_id: each for each in events if isinstance(each, TaskSubmitted) and each.task_id}
        names = self.dialect.message
        if names.id is not None and names.id != self._stated.message.id and recording is not None:
            other = otherwise_worded(self._bodies(recording, submitted.keys()), names.id)
            self._found["otherwise"] = (other,) if other is not None else ()
        if self._images is not None and self._stack.table is not None:
            images, ends, disturbed = self._images.of(submitted), _ends(events), _disturbed(events)
            failed = {each.task_id for each in events if isinstance(each, AttemptFailed)}
            kept = [
                Kept(
                    task_id=task_id,
                    ended=ends.get(task_id),
                    at_once=task_id not in failed,
                    images=images.get(task_id, ()),
                    sent=each.payload if self._asked_in.tells_payload else None,
                )
                for task_id, each in submitted.items()
                if task_id not in disturbed
            ]
            self._found["record"] = words_of_records(self._stack.table.key, kept)

    def words_of_log(self, events: Sequence[Event]) -> LogWords | Callable[[Sequence[LineOf]], LogWords | None] | None:
        """The words for the log of dead tasks, or how to learn them of what was logged; none where nothing asks for them."""
        if self._stated.log is not None or not self._log:
            return self._stated.log

        def learn(said: Sequence[LineOf]) -> LogWords | None:
            deaths, others, texts = _deaths(events, said)
            self._found["log"] = (
                words_of_log(deaths, others) or words_of_texts(deaths, texts) or self._of_silence(events, said)
            )
            return self.dialect.log

        return learn

    def _of_silence(self, events: Sequence[Event], said: Sequence[LineOf]) -> tuple[Learnt, ...]:
        """That nobody said anything of any dead task, but for those who had worked on it or had taken it in."""
        dead = {each.task_id for each in events if isinstance(each, DeadLettered) and each.delivery_ids}
        worked = {each.delivery_id for each in events if isinstance(each, Delivered)}
        route = self._stack.ingress.submit.function
        taking_in = {each.log_group for each in self._stack.functions if each.name == route}
        untold = sorted(task_id for task_id in dead if task_id is not None)
        for each in said:
            line = each.line
            is_other = each.delivery_id not in worked and line.group not in taking_in
            if is_other and any(task_id in line.message for task_id in untold):
                return ()
        if not untold:
            return ()
        evidence = f"nothing that was logged names any of {times(len(untold), 'dead task')}"
        return (Learnt(table="log", key="event", evidence=evidence, untold=tuple(untold)),)

    def _unstated(self, learnt: Iterable[Learnt]) -> tuple[Learnt, ...]:
        stated = msgspec.to_builtins(self._stated.message)
        return tuple(each for each in learnt if each.table != "message" or stated[each.key] is None)

    def _probes(self, asked: Sequence[Asked], recording: Recording | None) -> list[Probe]:
        bodies = list(_sent_to(self._stack, recording)) if recording is not None else []
        tells = self._asked_in.tells_payload
        probes = [
            Probe(
                task_id=task.task_id,
                sent=event.payload if tells else None,
                answer=told.document if told is not None else None,
            )
            for (event, told), task in zip(asked, self._load.tasks, strict=False)
            if event.accepted
        ]
        return with_their_bodies(probes, bodies)

    def _all_sent(self, probes: Sequence[Probe]) -> bool:
        return all(probe.bodies for probe in probes)

    def _bodies(self, recording: Recording, task_ids: Iterable[str]) -> Mapping[str, list[str]]:
        """The messages that were delivered from the work queue and name one of these tasks anywhere."""
        known, found = frozenset(task_ids), dict[str, list[str]]()
        for invocation in recording.invocations.values():
            for message in invocation.messages:
                if message.queue_arn == self._stack.work_queue.arn:
                    for task_id in ids_in(message.body, known):
                        found.setdefault(task_id, []).append(message.body)
        return found


def can_learn(endpoint: Endpoint, stack: Stack, dialect: Dialect, load: Load) -> bool:
    """Whether a run may learn anything: an engine records what happens, there are probes, and something was not stated."""
    unstated = load.wording or dialect.log is None or (dialect.record is None and stack.table is not None)
    return endpoint.recording is not None and load.probes and bool(unstated)


def _by_its_own_id(event: TaskSubmitted, answered_id: str | None) -> TaskSubmitted:
    return msgspec.structs.replace(event, task_id=answered_id, answered_id=answered_id) if event.accepted else event


def _sent_to(stack: Stack, recording: Recording) -> Iterator[str]:
    """The bodies of the messages that the work queue was sent."""
    for call in (*recording.calls, *recording.service_calls):
        if call.error_code is None:
            for entry in call.entries("SendMessage", stack.work_queue.name):
                yield str(entry.get("MessageBody", ""))


def _disturbed(events: Iterable[Event]) -> frozenset[str]:
    """The tasks that the run itself struck while they were worked on. What a function was not shown disturbs no record."""
    struck = (each for each in events if isinstance(each, FaultInjected))
    return frozenset(task_id for each in struck if (each.kind, each.when) != _WITHHELD for task_id in each.task_ids)


def _ends(events: Iterable[Event]) -> Mapping[str, Literal["completed", "dead"]]:
    """How tasks ended that ended in one way."""
    found: dict[str, set[Literal["completed", "dead"]]] = {}
    for event in events:
        if isinstance(event, (AttemptSucceeded, DeadLettered)) and event.task_id is not None:
            found.setdefault(event.task_id, set()).add("dead" if isinstance(event, DeadLettered) else "completed")
    return {task_id: next(iter(ends)) for task_id, ends in found.items() if len(ends) == 1}


def _deaths(events: Sequence[Event], said: Sequence[LineOf]) -> tuple[list[Death], list[Mapping[str, Json]], list[str]]:
    """The deaths, each with what was logged of it while its dead letter was handled; and the records, and the texts, that name no dead
    task."""
    dead = {each.task_id: each for each in events if isinstance(each, DeadLettered) and each.task_id is not None}
    handled = {(task_id, delivery) for task_id, each in dead.items() for delivery in each.delivery_ids}
    records: dict[str, list[Mapping[str, Json]]] = {task_id: [] for task_id in dead}
    texts: dict[str, list[str]] = {task_id: [] for task_id in dead}
    others, other_texts = list[Mapping[str, Json]](), list[str]()
    lines: dict[str | None, list[str]] = {}
    for line in said:
        message = line.line.message
        lines.setdefault(line.delivery_id, []).append(message)
        documents, text = list(documents_in(message)), said_in(message).text
        for document in documents:
            named = [task_id for task_id in dead if task_id in document.values()]
            if not named:
                others.append(document)
            for task_id in named:
                if (task_id, line.delivery_id) in handled:
                    records[task_id].append(document)
        if not documents:
            in_text = [task_id for task_id in dead if task_id in text]
            if not in_text:
                other_texts.append(text)
            for task_id in in_text:
                if (task_id, line.delivery_id) in handled:
                    texts[task_id].append(text)
    of_tasks: dict[str | None, list[Event]] = {task_id: [] for task_id in dead}
    for event in events:
        ids = event.task_ids if isinstance(event, FaultInjected) else (getattr(event, "task_id", None),)
        for each_id in ids:
            if each_id in of_tasks:
                of_tasks[each_id].append(event)
    found = (_death(each, of_tasks[task_id], lines, records[task_id], texts[task_id]) for task_id, each in dead.items())
    return [death for death in found if death is not None], others, other_texts


def _death(
    arrival: DeadLettered,
    of_task: Sequence[Event],
    lines: Mapping[str | None, Sequence[str]],
    records: Sequence[Mapping[str, Json]],
    texts: Sequence[str],
) -> Death | None:
    task_id = arrival.task_id
    submitted = [each for each in of_task if isinstance(each, TaskSubmitted)]
    delivered = [each for each in of_task if isinstance(each, Delivered) and each.message_id == arrival.origin_id]
    if task_id is None or not submitted or not delivered:
        return None
    struck = {each.delivery_id for each in of_task if isinstance(each, FaultInjected)}
    failed = [each for each in of_task if isinstance(each, AttemptFailed) and each.delivery_id not in struck]
    return Death(
        task_id=task_id,
        sent=submitted[0].payload,
        message_id=arrival.message_id,
        receives=max(each.receive_count for each in delivered),
        own=len(failed),
        created=(submitted[0].at_ms - _CLOCKS_APART_MS, delivered[0].at_ms + _CLOCKS_APART_MS),
        failed=(delivered[-1].at_ms - _CLOCKS_APART_MS, arrival.at_ms + _CLOCKS_APART_MS),
        errors=tuple(line for each in failed for line in lines.get(each.delivery_id, ())),
        records=tuple(records),
        texts=tuple(texts),
    )
