"""When what stands beside a run's tasks is handed in: by what the recorder has seen, and never after the run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace as altered
from taskguard.contract.contract import Api
from taskguard.evidence.recorder.recording import Invocation, Message, Moved, Recording
from taskguard.history import InvalidSubmitted, RecordAnswered, TaskSubmitted
from taskguard.ingress.invalid import Invalid
from taskguard.ingress.load import Load, load_of, plain_load
from taskguard.ingress.probes import Moment
from taskguard.ingress.workload import Task
from taskguard.run import probing
from taskguard.run.events import Answered
from taskguard.run.probing import Probing, largest_message_bytes
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.terms import demanding, our_terms
from tests.unit.taskguard.recorder_lines import DEAD_ARN, FUNCTION, STACK, WORK_ARN

HERE = Endpoint(target="localstack", url=None, region="eu-central-1")
TERMS = our_terms("f")
LOAD = replace(load_of("s", 2, TERMS), unsent=None)
OF = {each.moment: each.task for each in LOAD.again}


@dataclass
class FakeClient:
    """Answers whatever it is given with an acceptance, and keeps it."""

    submitted: list[Task] = field(default_factory=list)
    invalid: list[Invalid] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def submit(self, task: Task) -> TaskSubmitted:
        self.submitted.append(task)
        return TaskSubmitted(
            at_ms=1, answered_ms=2, task_id=task.task_id, payload=task.payload, accepted=True, status_code=202
        )

    def at_once(self, task: Task) -> list[TaskSubmitted]:
        return [self.submit(task), self.submit(task)]

    def send_invalid(self, request: Invalid) -> InvalidSubmitted:
        self.invalid.append(request)
        return InvalidSubmitted(at_ms=1, answered_ms=2, task_id=request.task_id, what=request.what, status_code=400)

    def read_back(self, task_id: str) -> RecordAnswered:
        self.asked.append(task_id)
        return RecordAnswered(at_ms=1, task_id=task_id, status_code=200, answer={})


@dataclass
class Seen:
    """A run's probing, with a recording that a test writes, and what came of it."""

    client: FakeClient
    recording: Recording
    told: list[Answered]
    invocations: Iterator[int]
    let_go: list[str] = field(default_factory=list)

    def ended(self, task: Task, *, fails: bool = False, arn: str = WORK_ARN, ended_at_ms: float | None = 2.0) -> str:
        number = next(self.invocations)
        message = Message(
            message_id=f"m{number}",
            receipt_handle="",
            body=json.dumps({"taskId": task.task_id, "payload": {}}),
            receive_count=1,
            queue_arn=arn,
        )
        failures = [{"itemIdentifier": f"m{number}"}] if fails else []
        self.recording.invocations[f"r{number}"] = Invocation(
            function=FUNCTION,
            request_id=f"r{number}",
            payload="",
            messages=(message,),
            started_at_ms=1.0,
            ended_at_ms=ended_at_ms,
            response=json.dumps({"batchItemFailures": failures}),
        )
        return f"r{number}"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    found = Seen(FakeClient(), Recording(), [], iter(range(100)))
    monkeypatch.setattr(probing, "attributes_of", lambda *_: {"MaximumMessageSize": "262144"})
    return found


def of(seen: Seen, load: Load = LOAD, stack: Stack = STACK, terms: Any = TERMS, since_ms: float = 0.0) -> Probing:
    """Probing that looks when it is asked alone."""
    by: Any = seen.client
    made = Probing(HERE, stack, terms, load, by, seen.told.append, since_ms=since_ms, let_go=seen.let_go.append)
    made._recording = lambda: seen.recording
    return made


def test_before_work_tasks_are_handed_in_twice_at_once_and_again_in_a_row(seen: Seen) -> None:
    made = of(seen)
    made.before_work()
    twice, *rows = seen.client.submitted[1:]
    assert seen.client.submitted[0] == twice == OF[Moment.AT_ONCE]
    assert rows == [each.repeated for each in LOAD.again if each.moment is Moment.IN_A_ROW]
    assert any(row.payload == {"job": "build-report", "number": 1} for row in rows)
    assert made.events == seen.told
    assert len(seen.told) == 4


@pytest.mark.parametrize(
    ("moment", "fails", "arn"),
    [(Moment.BACKING_OFF, True, WORK_ARN), (Moment.COMPLETED, False, WORK_ARN), (Moment.DEAD, False, DEAD_ARN)],
)
def test_a_task_is_handed_in_again_once_when_it_has_come_to_its_moment(
    seen: Seen, moment: Moment, fails: bool, arn: str
) -> None:
    made, task = of(seen), OF[moment]
    assert made.handed_in() == []
    request_id = seen.ended(task, fails=fails, arn=arn, ended_at_ms=None)
    assert made.handed_in() == []
    seen.recording.invocations[request_id].ended_at_ms = 2.0
    assert made.handed_in() == [task.task_id]
    assert seen.client.submitted == [task]
    assert made.events == seen.told
    # What becomes of it now is the service's own doing.
    assert seen.let_go == [task.task_id]
    seen.ended(task, fails=fails, arn=arn)
    assert made.handed_in() == []


def test_what_became_of_a_task_in_a_run_before_is_no_moment_of_this_one(seen: Seen) -> None:
    made, task = of(seen, since_ms=10.0), OF[Moment.COMPLETED]
    seen.ended(task, ended_at_ms=9.0)
    assert made.handed_in() == []
    seen.ended(task, ended_at_ms=11.0)
    assert made.handed_in() == [task.task_id]


def test_no_other_moment_and_no_other_task_or_queue_will_do(seen: Seen) -> None:
    made = of(seen)
    seen.ended(OF[Moment.BACKING_OFF])
    seen.ended(OF[Moment.COMPLETED], fails=True)
    seen.ended(OF[Moment.DEAD], fails=True)
    seen.ended(OF[Moment.AT_ONCE])
    seen.ended(replace(OF[Moment.COMPLETED], task_id="another"))
    seen.ended(OF[Moment.COMPLETED], arn="arn:aws:sqs:eu-central-1:0:another")
    assert made.handed_in() == []
    assert seen.client.submitted == []


def test_where_nobody_consumes_the_dead_to_lie_there_is_the_end(seen: Seen) -> None:
    task = OF[Moment.DEAD]
    body = json.dumps({"taskId": task.task_id, "payload": {}})
    seen.recording.moved.append(Moved(message_id="m", body=body, queue_arn=DEAD_ARN, at_ms=1.0))
    assert of(seen).handed_in() == []
    assert STACK.dead_letter_queue is not None
    unwatched = replace(STACK, dead_letter_queue=replace(STACK.dead_letter_queue, consumers=()))
    assert of(seen, stack=unwatched).handed_in() == [task.task_id]


def test_where_nothing_is_recorded_nothing_is_handed_in_again(seen: Seen) -> None:
    made = of(seen)
    made._recording = lambda: None
    assert made.handed_in() == []


def test_it_looks_by_itself_until_it_is_left_and_hands_in_nothing_after(seen: Seen) -> None:
    with of(seen) as made:
        made.begin(lambda: seen.recording)
        seen.ended(OF[Moment.COMPLETED])
        wait_for(lambda: seen.client.submitted, seconds=10)
    seen.ended(OF[Moment.BACKING_OFF], fails=True)
    made._look()
    # What was handed in before is still to be told.
    assert made.handed_in() == [OF[Moment.COMPLETED].task_id]
    assert seen.client.submitted == [OF[Moment.COMPLETED]]


def test_what_goes_wrong_is_met_by_who_waits_and_not_by_who_looks_beside(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Task) -> TaskSubmitted:
        raise OSError("File too large")

    unmet: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", unmet.append)
    monkeypatch.setattr(seen.client, "submit", refuse)
    with of(seen) as made:
        seen.ended(OF[Moment.COMPLETED])
        made.begin(lambda: seen.recording)
        wait_for(lambda: "probing" not in {each.name for each in threading.enumerate()}, seconds=10)
        with pytest.raises(OSError, match="File too large"):
            made.handed_in()
    assert unmet == []


def test_what_is_no_task_is_sent_where_the_contract_has_it_refused_and_there_are_probes(seen: Seen) -> None:
    unasked = altered(TERMS, contract=demanding(api=Api()))
    of(seen, terms=unasked).refusals()
    of(seen, plain_load("s", 2)).refusals()
    assert seen.client.invalid == []
    made = of(seen)
    made.refusals()
    assert [event.task_id for event in made.events if isinstance(event, InvalidSubmitted)] == [
        each.task_id for each in seen.client.invalid
    ]
    assert any("too-large" in each.task_id for each in seen.client.invalid)
    assert seen.told == made.events, "a run that breaks off keeps what was told"


def test_records_are_asked_for_of_a_few_probes_first_where_there_is_a_route(seen: Seen) -> None:
    made = of(seen)
    made.read_back()
    chosen = [task.task_id for task in LOAD.tasks if task.chosen]
    assert seen.client.asked == chosen[:10]
    assert len(made.events) == 10
    assert seen.told == made.events
    [ingress] = STACK.ingresses
    of(seen, stack=replace(STACK, ingresses=(replace(ingress, record=None),))).read_back()
    of(seen, plain_load("s", 2)).read_back()
    words = altered(TERMS.dialect.ingress, id="answer")
    of(seen, terms=altered(TERMS, dialect=msgspec.structs.replace(TERMS.dialect, ingress=words))).read_back()
    assert len(seen.client.asked) == 10


@pytest.mark.parametrize(
    ("told", "table", "relays", "expected"),
    [
        ({"MaximumMessageSize": "102400"}, True, ("AWS::SNS::Topic",), 102_400),
        ({"MaximumMessageSize": "262144"}, True, (), 262_144),
        ({"MaximumMessageSize": "1048576"}, True, (), 400_000),
        ({"MaximumMessageSize": "1048576"}, True, ("AWS::SNS::Topic",), 262_144),
        ({"MaximumMessageSize": "1048576"}, False, (), 1_048_576),
        ({}, True, (), None),
    ],
)
def test_how_large_a_message_may_be_is_the_smallest_limit_on_its_way(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str], table: bool, relays: tuple[str, ...], expected: int | None
) -> None:
    monkeypatch.setattr(probing, "attributes_of", lambda *_: told)
    stack = replace(STACK, table=STACK.table if table else None, relays=relays)
    assert largest_message_bytes(HERE, stack) == expected


def test_what_puts_events_takes_no_message_larger_than_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "attributes_of", lambda *_: {"MaximumMessageSize": "1048576"})
    [ingress] = STACK.ingresses
    events = replace(ingress, submit=replace(ingress.submit, puts_events=True))
    assert largest_message_bytes(HERE, replace(STACK, ingresses=(events,))) == 262_144
