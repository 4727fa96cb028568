"""Who can be refused to send on what it is handed, what that takes, and how a task is handed in meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as altered
from taskguard.contract.contract import Api, Weight
from taskguard.errors import FaultPlanError, SubmissionError
from taskguard.faults.plan import Plan
from taskguard.history import TaskSubmitted
from taskguard.ingress.load import Load, load_of
from taskguard.ingress.probes import SENDS_REFUSED
from taskguard.ingress.workload import Task
from taskguard.run import probing
from taskguard.run.injecting import fates as fates_module
from taskguard.run.injecting.fates import Fates, sender_of
from taskguard.run.outside import Outside
from taskguard.run.probing import Probing, fitted_to_stack
from taskguard.service.stack import Queue, Stack
from taskguard.targets.base import Endpoint

from tests.terms import demanding, our_terms
from tests.unit.taskguard.recorder_lines import STACK, function

NAMES = ("TaskGuard-dev-submitTask", "TaskGuard-dev-processTask")
HERE = replace(STACK, functions=tuple(map(function, NAMES)))
ENGINE = Endpoint(target="localstack", url="http://127.0.0.1:1", region="eu-central-1", recording=Path("recording"))
LOAD = load_of("s", 2, our_terms("f"))
TASK = LOAD.unsent
ALONE = replace(LOAD, again=())
ONCE = altered(our_terms("f"), contract=demanding(api=Api(idempotent=Weight.OFF)))


def route(stack: Stack, **changes: Any) -> Stack:
    [ingress] = stack.ingresses
    return replace(stack, ingresses=(replace(ingress, submit=replace(ingress.submit, **changes)),))


def test_a_graded_run_s_load_has_such_a_task_which_is_done_at_once_and_counted_among_the_probes() -> None:
    assert TASK is not None
    assert (TASK.probe, TASK.chosen) == (SENDS_REFUSED, True)
    assert TASK.task_id in LOAD.task_ids
    assert TASK not in LOAD.tasks
    assert replace(LOAD, unsent=None).chosen == LOAD.chosen - 1


def test_the_function_of_the_route_can_be_refused_to_send() -> None:
    assert sender_of(HERE) == "submitTask"


@pytest.mark.parametrize(
    "stack",
    [
        route(HERE, function=None),
        route(HERE, function="another-stack-s"),
        route(HERE, function="TaskGuard-dev-processTask"),
        replace(HERE, sends_later=True),
        replace(HERE, beside=(Queue(logical_id="Q", url="q", arn="q", consumers=("TaskGuard-dev-submitTask",)),)),
        replace(HERE, functions=tuple(replace(each, label="a name") for each in HERE.functions)),
    ],
)
def test_nobody_can_where_it_has_other_work_or_what_it_cannot_send_may_be_sent_later(stack: Stack) -> None:
    assert sender_of(stack) is None


@pytest.mark.parametrize(
    ("endpoint", "stack", "load", "kept"),
    [
        (ENGINE, HERE, LOAD, True),
        (replace(ENGINE, recording=None), HERE, LOAD, False),
        (ENGINE, replace(HERE, sends_later=True), LOAD, False),
        # Others use this stage, too.
        (ENGINE, HERE, replace(LOAD, waiting=0), False),
    ],
)
def test_where_that_cannot_be_had_the_task_is_left_out(
    monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint, stack: Stack, load: Load, kept: bool
) -> None:
    monkeypatch.setattr(probing, "largest_message_bytes", lambda *_: 262_144)
    assert (fitted_to_stack(load, endpoint, stack).unsent is not None) is kept


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that are active, and those that were."""
    found: list[Plan] = []

    @contextmanager
    def injecting(_endpoint: object, _stack: object, plan: Plan, _dialect: object) -> Iterator[None]:
        found.append(plan)
        yield
        found.append(Plan(seed="ended"))

    monkeypatch.setattr(fates_module, "injecting", injecting)
    return found


def test_all_by_which_it_could_send_is_denied_to_it_and_the_manifest_has_the_lines(plans: list[Plan]) -> None:
    outside = Outside(fates=Fates(ENGINE, HERE, {}))
    with outside.sends_refused(our_terms("f").dialect):
        [plan] = plans
    assert tuple(map(str, plan.faults)) == outside.fate_lines
    assert "deny when=before function=submitTask call=SendMessage every-try" in outside.fate_lines
    assert {fault.call for fault in plan.faults} > {"SendMessage", "Publish", "PutEvents"}


class Client:
    """Answers with one status after the other; with none it has lost the answer."""

    def __init__(self, *statuses: int | None) -> None:
        self.statuses, self.submitted = list(statuses), list[Task]()

    def submit(self, task: Task) -> TaskSubmitted:
        self.submitted.append(task)
        status = self.statuses.pop(0)
        if status is None:
            raise SubmissionError("there is no id in it")
        accepted = status == 202
        return TaskSubmitted(
            at_ms=1, answered_ms=2, task_id=task.task_id, payload={}, accepted=accepted, status_code=status
        )


@pytest.mark.parametrize(
    ("statuses", "terms", "answers"),
    [
        ((503, 202), our_terms("f"), [503, 202]),
        ((202,), our_terms("f"), [202]),
        ((503,), ONCE, [503]),
        ((None,), our_terms("f"), []),
    ],
)
def test_who_is_told_of_an_error_hands_it_in_again_where_that_is_the_same_task(
    statuses: tuple[int | None, ...], terms: Any, answers: list[int]
) -> None:
    client: Any = Client(*statuses)
    refused = list[int]()

    @contextmanager
    def sends_refused() -> Iterator[None]:
        try:
            yield
        finally:
            refused.append(len(client.submitted))

    told: list[Any] = []
    made = Probing(ENGINE, HERE, terms, ALONE, client, told.append, sends_refused=sends_refused)
    made.before_work()
    assert [event.status_code for event in told] == answers
    assert made.events == told
    assert all(task == TASK for task in client.submitted)
    # Only the first time is anything refused.
    assert refused == [1]


def test_who_takes_nothing_is_handed_nothing() -> None:
    client: Any = Client()
    made = Probing(ENGINE, HERE, our_terms("f"), ALONE, client, lambda _: None)
    made.before_work(takes=False)
    assert (client.submitted, made.events) == ([], [])


def test_an_engine_that_does_not_answer_is_told() -> None:
    client: Any = Client()

    @contextmanager
    def sends_refused() -> Iterator[None]:
        raise FaultPlanError("is the engine still up?")
        yield

    made = Probing(ENGINE, HERE, our_terms("f"), ALONE, client, lambda _: None, sends_refused=sends_refused)
    with pytest.raises(FaultPlanError, match="still up"):
        made.before_work()
    assert (client.submitted, made.events) == ([], [])
