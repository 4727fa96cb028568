"""A plan is handed over, and ended; what it strikes is told as events of a run."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from taskguard.errors import FaultPlanError
from taskguard.faults.plan import Plan, parse
from taskguard.run.injecting.handing_over import end_all, injecting
from taskguard.targets.base import Endpoint
from taskguard.targets.process import direct

from tests.engine.conftest import Create
from tests.engine.faulty import Small, batch, small_stack

WORKER = "def handler(event, context):\n    return {'batchItemFailures': []}\n"
PATH = "/_taskguard/faults"


@pytest.fixture
def small(endpoint: Endpoint, function: Create) -> Small:
    return small_stack(endpoint, function(WORKER))


def ask(endpoint: Endpoint, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, str]]:
    request = urllib.request.Request(f"{endpoint.url}{path}", data=body, method=method)  # noqa: S310
    try:
        with direct.open(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("no json", "JSON"),
        ("[]", "What is handed over is"),
        ('{"plan": {}, "functions": {}, "queues": {"work": "a", "dead-letter": "b"}}', "A plan of faults is"),
        (
            '{"plan": {"seed": "s", "faults": ["nonsense"]}, "functions": {}, "queues": {"work": "a", "dead-letter": "b"}}',
            "There is no fault 'nonsense'",
        ),
        (
            '{"plan": {"seed": "s", "faults": []}, "functions": {}, "queues": {"work": "a", "dead-letter": "b"}, '
            '"names": {"colour": "red"}}',
            "colour",
        ),
    ],
)
def test_what_is_no_plan_is_refused_with_what_is_wrong(endpoint: Endpoint, body: str, said: str) -> None:
    status, answer = ask(endpoint, "POST", PATH, body.encode())
    assert status == 400
    assert said in answer["message"]


def test_a_plan_can_be_ended_again_and_again(endpoint: Endpoint) -> None:
    document = {"plan": {"seed": "s", "faults": ["lose"]}, "functions": {}, "queues": {"work": "a", "dead-letter": "b"}}
    status, answer = ask(endpoint, "POST", PATH, json.dumps(document).encode())
    assert status == 200
    assert [ask(endpoint, "DELETE", f"{PATH}/{answer['id']}")[0] for _ in range(2)] == [200, 200]


def test_a_fault_for_a_function_that_the_stack_lacks_is_refused(small: Small) -> None:
    with (
        pytest.raises(FaultPlanError, match=r"no function=proces.*There are: worker"),
        small.struck_by("kill-first function=proces"),
    ):
        pass
    with pytest.raises(FaultPlanError, match="There are: work, dead-letter"), small.struck_by("lose function=worker"):
        pass


def test_when_a_plan_ends_by_an_error_it_has_ended(small: Small) -> None:
    class Wrong(Exception):
        pass

    with pytest.raises(Wrong), small.struck_by("kill-first"):
        raise Wrong
    assert small.function.invoke(**batch("t")).error is None


def test_plans_that_a_killed_run_left_behind_are_ended_and_those_of_other_stacks_are_not(
    endpoint: Endpoint, small: Small, function: Create
) -> None:
    other = small_stack(endpoint, function(WORKER))
    with small.struck_by("kill-first"), small.struck_by("kill-last"), other.struck_by("kill-first"):
        end_all(endpoint, small.stack)
        assert small.function.invoke(**batch("t")).error is None
        assert other.function.invoke(**batch("t")).error == "Unhandled"
        end_all(endpoint, small.stack)


def test_to_end_all_plans_without_a_stack_is_refused(endpoint: Endpoint) -> None:
    status, answer = ask(endpoint, "DELETE", PATH)
    assert status == 400
    assert "stack=" in answer["message"]


def test_two_plans_strike_one_stack_each_its_own_tasks(small: Small) -> None:
    with small.struck_by("kill-first task=t"), small.struck_by("kill-last task=u"):
        outcomes = [small.function.invoke(**batch(task)).error for task in ("t", "u", "v")]
    assert outcomes == ["Unhandled", "Unhandled", None]
    assert [(each.kind, each.task_ids) for each in small.injections()] == [
        ("kill-first", ("t",)),
        ("kill-last", ("u",)),
    ]


def test_what_strikes_from_outside_is_left_to_others(endpoint: Endpoint, small: Small) -> None:
    with injecting(endpoint, small.stack, Plan(seed="s", faults=parse("consumer-off; monitor-off; deploy"))):
        assert small.function.invoke(**batch("t")).error is None
    assert small.injections() == []
