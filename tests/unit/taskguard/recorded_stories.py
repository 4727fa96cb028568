"""Runs as the flight recorder and the client come to hear of them, in that order, from attempts that a test words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from taskguard.contract.draws import Fate, find_task_id
from taskguard.history import Event, TaskSubmitted

from tests.unit.judging.building import DEAD, FIRST_TRY, RATE, SCHEDULE, SECOND_TRY, SEED, START_MS, THIRD_TRY
from tests.unit.taskguard.recorder_lines import (
    DEAD_ARN,
    FUNCTION,
    STACK,
    WORK_URL,
    aws_call,
    ended,
    function,
    sqs_record,
    started,
)
from tests.unit.taskguard.told_events import failures

SUBMIT, MONITOR = "TaskGuard-dev-submitTask", "TaskGuard-dev-monitorDLQ"
SERVICE = replace(STACK, functions=tuple(function(name) for name in (SUBMIT, FUNCTION, MONITOR)))
USUALLY_LATE_MS = 40.0


@dataclass(frozen=True)
class Told:
    """Something that came at that moment: a line of the recorder's, or what the client was answered."""

    at_ms: float
    what: str | Event


@dataclass
class Story:
    """All that came of a run, and the tasks that the run handed in again."""

    told: list[Told] = field(default_factory=list)
    again: set[str] = field(default_factory=set)
    invocations: int = 0

    def say(self, at_ms: float, what: str | Event) -> None:
        self.told.append(Told(at_ms, what))

    def new_id(self) -> str:
        self.invocations += 1
        return f"r{self.invocations}"

    def cuts(self) -> Iterator[list[Told]]:
        """What had come after each line, or answer."""
        # What came at the same moment came as it was said.
        came = sorted(self.told, key=lambda each: each.at_ms)
        return (came[:number] for number in range(1, len(came) + 1))


@dataclass(frozen=True)
class Try:
    """One attempt: what its function asks for, whether its message is reported as failed, how much later than asked for it comes back,
    whether it is handed to two at once, and whether it sends its task to the queue again instead."""

    asked: float | None
    fails: bool
    late_ms: float = USUALLY_LATE_MS
    twice: bool = False
    again: bool = False
    cold_ms: float = 0.0


@dataclass(frozen=True)
class Job:
    """A task: its fate by its draws, its attempts, how often its message is sent, and whether the client hands it in again."""

    fate: Fate
    tries: tuple[Try, ...]
    messages: int = 1
    again_ms: float | None = None


RIGHT = {
    fate: Job(fate, tuple(Try(SCHEDULE[n], fails=n < fate.failures) for n in range(fate.attempts)))
    for fate in (FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD)
}


def tell(story: Story, number: int, job: Job) -> None:
    """Tell what became of a task."""
    task_id, at_ms = task_id_of(number, job), START_MS + 100.0 * number
    _submitted(story, task_id, at_ms)
    sends = [at_ms + 5.0 + 2.0 * n for n in range(job.messages)]
    if job.again_ms is not None:
        story.again.add(task_id)
        _submitted(story, task_id, at_ms + job.again_ms)
        sends.append(at_ms + job.again_ms + 5.0)
    for n, sent_ms in enumerate(sends):
        message_id = f"m{number}-{n}"
        _sent(story, task_id, message_id, sent_ms)
        _worked(story, task_id, message_id, job.tries, sent_ms + 10)


def tell_in_a_batch(story: Story, jobs: Sequence[Job]) -> None:
    """Tell what became of tasks that waited, and were handed over together at first."""
    tasks = [task_id_of(number, job) for number, job in enumerate(jobs)]
    for number, task_id in enumerate(tasks):
        _submitted(story, task_id, START_MS + number)
        _sent(story, task_id, f"m{number}", START_MS + number + 5)
    now, request = START_MS + 1000, story.new_id()
    records = [sqs_record(f"m{number}", body=_body(task_id)) for number, task_id in enumerate(tasks)]
    story.say(now, started(request, *records, at=now))
    for number, job in enumerate(jobs):
        if job.tries[0].fails:
            _asked(story, request, records[number], job.tries[0], now + 10)
    failed = [f"m{number}" for number, job in enumerate(jobs) if job.tries[0].fails]
    story.say(now + 10, ended(request, failures(*failed), at=now + 10))
    for number, job in enumerate(jobs):
        if job.tries[0].fails:
            _worked(story, tasks[number], f"m{number}", job.tries[1:], now + 10 + _away_ms(job.tries[0]), receives=1)


def task_id_of(number: int, job: Job) -> str:
    return find_task_id(SEED, RATE, job.fate, f"t{number}")


def _body(task_id: str) -> str:
    return json.dumps({"taskId": task_id, "payload": {"of": task_id}})


def _submitted(story: Story, task_id: str, at_ms: float) -> None:
    answer = {"task_id": task_id, "payload": {"of": task_id}, "accepted": True, "status_code": 202}
    story.say(at_ms + 20, TaskSubmitted(at_ms=at_ms, answered_ms=at_ms + 20, **answer))  # type: ignore[arg-type]


def _sent(story: Story, task_id: str, message_id: str, at_ms: float) -> None:
    parameters, told = {"QueueUrl": WORK_URL, "MessageBody": _body(task_id)}, {"MessageId": message_id}
    call = json.loads(aws_call("SendMessage", parameters, request_id=story.new_id(), told=told, at=at_ms))
    story.say(at_ms + 3, json.dumps(call | {"function": SUBMIT}))


def _asked(story: Story, request: str, record: dict[str, Any], attempt: Try, done_ms: float) -> None:
    """Tell of the wait that a failed attempt asks for, if it does, or of the message that it sends instead."""
    call = partial(aws_call, request_id=request, at=done_ms - 6)
    if attempt.again:
        parameters = {"QueueUrl": WORK_URL, "MessageBody": record["body"], "DelaySeconds": attempt.asked or 0}
        story.say(done_ms - 3, call("SendMessage", parameters, told={"MessageId": f"{record['messageId']}+"}))
    elif attempt.asked is not None:
        parameters = {
            "QueueUrl": WORK_URL,
            "ReceiptHandle": record["receiptHandle"],
            "VisibilityTimeout": attempt.asked,
        }
        story.say(done_ms - 3, call("ChangeMessageVisibility", parameters))


def _away_ms(attempt: Try) -> float:
    return max(1.0, (attempt.asked or 0.0) * 1000 + attempt.late_ms)


def _worked(
    story: Story, task_id: str, message_id: str, tries: Sequence[Try], now: float, *, receives: int = 0
) -> None:
    for each in tries:
        receives += 1
        record = sqs_record(message_id, receives=receives, body=_body(task_id))
        done = now + each.cold_ms + 10
        for _ in range(1 + each.twice):
            request = story.new_id()
            story.say(now + each.cold_ms, started(request, record, at=now))
            if each.fails:
                _asked(story, request, record, each, done)
            story.say(done, ended(request, failures(*[message_id] * (each.fails and not each.again)), at=done))
        if not each.fails:
            return
        if each.again:
            message_id, receives = f"{message_id}+", 0
        now = done + _away_ms(each)
    request, letter = story.new_id(), sqs_record(message_id, receives=1, body=_body(task_id), arn=DEAD_ARN)
    story.say(now, json.dumps(json.loads(started(request, letter, at=now)) | {"function": MONITOR}))
    story.say(now + 5, ended(request, failures(), at=now + 5))
