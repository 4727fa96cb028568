"""A function that is struck ends as it is said to, in Lambda's words, and the next one starts afresh."""

from __future__ import annotations

import json
import time

import pytest
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create, Function, is_running
from tests.engine.faulty import Small, batch, request, small_stack

WORKER = """
    |import os, pathlib, time
    |
    |def handler(event, context):
    |    if "mark" in event:
    |        pathlib.Path(event["mark"]).write_text(str(os.getpid()))
    |    if "Records" in event:
    |        return {"batchItemFailures": [{"itemIdentifier": each} for each in event.get("fail", [])]}
    |    return {"pid": os.getpid(), "time": time.time(), "left": context.get_remaining_time_in_millis()}
"""


NODE_WORKER = """
    |const fs = require('fs');
    |exports.handler = async (event, context) => {
    |  if (event.mark) fs.writeFileSync(event.mark, String(process.pid));
    |  if (event.Records) return { batchItemFailures: (event.fail || []).map((each) => ({ itemIdentifier: each })) };
    |  return { pid: process.pid, time: Date.now() / 1000, left: context.getRemainingTimeInMillis() };
    |};
"""
IN_EACH_LANGUAGE = pytest.mark.parametrize("worker", ["python", "node"], indirect=True)


@pytest.fixture
def worker(function: Create, request: pytest.FixtureRequest) -> Function:
    """In Python, unless a test asks for another language."""
    if getattr(request, "param", "python") == "python":
        return function(WORKER)
    return function(NODE_WORKER, runtime="nodejs20.x", file="task.js")


@pytest.fixture
def small(endpoint: Endpoint, worker: Function) -> Small:
    return small_stack(endpoint, worker)


@pytest.fixture
def mark(tmp_path: object) -> str:
    return f"{tmp_path}/mark"


def pid_in(mark: str) -> int | None:
    """The process of the handler that ran, if one did."""
    try:
        with open(mark) as file:  # noqa: PTH123
            return int(file.read())
    except OSError:
        return None


@IN_EACH_LANGUAGE
def test_a_process_that_is_killed_first_has_done_nothing(small: Small, worker: Function, mark: str) -> None:
    before = worker.invoke().payload["pid"]
    with small.struck_by("kill-first"):
        outcome = worker.invoke(**batch("t"), mark=mark)
    assert outcome.payload["errorType"] == "Runtime.ExitError"
    assert outcome.payload["errorMessage"].endswith("signal: killed")
    assert pid_in(mark) is None
    assert not is_running(before)


@IN_EACH_LANGUAGE
def test_a_process_that_is_killed_last_has_done_all(small: Small, worker: Function, mark: str) -> None:
    with small.struck_by("kill-last"):
        outcome = worker.invoke(**batch("t"), mark=mark)
    assert outcome.payload["errorMessage"].endswith("signal: killed")
    pid = pid_in(mark)
    assert pid is not None
    assert not is_running(pid)


@pytest.mark.parametrize(("fault", "works"), [("hang", False), ("timeout", True)])
def test_a_timeout_comes_early_and_is_told_as_lambda_tells_it(
    small: Small, worker: Function, mark: str, fault: str, works: bool
) -> None:
    began = time.monotonic()
    with small.struck_by(fault):
        outcome = worker.invoke(**batch("t"), mark=mark)
    assert "Task timed out after 10.00 seconds" in outcome.payload["errorMessage"]
    assert time.monotonic() - began < 8
    assert (pid_in(mark) is not None) is works


@IN_EACH_LANGUAGE
def test_of_two_starts_that_fail_each_fails_an_invocation_and_the_third_succeeds(
    small: Small, worker: Function
) -> None:
    first = worker.invoke().payload["pid"]
    with small.struck_by("no-init receive=1; no-init receive=2"):
        failures = [worker.invoke(**batch("t", "u")) for _ in range(2)]
        third = worker.invoke()
    assert all(failure.error == "Unhandled" for failure in failures)
    assert {failure.payload["errorType"] for failure in failures} <= {"Runtime.ImportModuleError", "Runtime.ExitError"}
    assert third.error is None
    assert not is_running(first)
    assert [(each.kind, each.number, each.task_ids, each.delivery_id) for each in small.injections()] == [
        ("no-init", number, ("t", "u"), failure.request_id) for number, failure in enumerate(failures, 1)
    ]


@pytest.mark.parametrize("seed", ["a", "b", "c", "d", "e"])
def test_garbage_fails_a_batch_by_lambdas_rules(small: Small, worker: Function, seed: str) -> None:
    with small.struck_by("garbage", seed):
        failures = worker.invoke(**batch("t", "u")).payload["batchItemFailures"]
    ids = [each.get("itemIdentifier") if isinstance(each, dict) else None for each in failures]
    assert not any(ids)


def test_an_unknown_message_is_named_beside_those_that_failed(small: Small, worker: Function) -> None:
    with small.struck_by("unknown-id task=t"):
        struck = worker.invoke(**batch("t", "u"), fail=["message-u"]).payload
        other = worker.invoke(**batch("u"), fail=["message-u"]).payload
        no_batch = worker.invoke(**request("t")).payload
    named = [each["itemIdentifier"] for each in struck["batchItemFailures"]]
    assert named[0] == "message-u"
    assert named[1] not in ("message-t", "message-u")
    assert other == {"batchItemFailures": [{"itemIdentifier": "message-u"}]}
    assert "pid" in no_batch


@IN_EACH_LANGUAGE
@pytest.mark.parametrize("skew", [-300, 300])
def test_a_process_with_a_wrong_clock_has_it_from_its_start_to_the_end_of_the_plan(
    small: Small, worker: Function, endpoint: Endpoint, skew: int
) -> None:
    right = worker.invoke().payload
    with small.struck_by(f"skew seconds={skew}"):
        wrong = [worker.invoke().payload for _ in range(2)]
        now = endpoint.clock.now_ms() / 1000
    after = worker.invoke().payload
    assert [each["time"] - now for each in wrong] == pytest.approx([skew, skew], abs=60)
    assert after["time"] - endpoint.clock.now_ms() / 1000 == pytest.approx(0, abs=60)
    # What is left of its time is not wrong.
    assert all(0 < each["left"] <= 10_000 for each in (right, *wrong, after))
    assert wrong[0]["pid"] == wrong[1]["pid"] not in (right["pid"], after["pid"])
    assert [each.kind for each in small.injections()] == ["skew"]


def test_a_batch_is_struck_for_any_of_its_messages_and_all_are_told_of(small: Small, worker: Function) -> None:
    with small.struck_by("kill-last task=u receive=3"):
        request_id = worker.invoke(**batch("t", "u", receive=3)).request_id
        assert worker.invoke(**batch("t", "u", receive=2)).error is None
        assert worker.invoke(**batch("t", receive=3)).error is None
    (injected,) = small.injections()
    assert (injected.task_ids, injected.receive_count, injected.delivery_id) == (("t", "u"), 3, request_id)


def test_under_one_seed_the_same_deliveries_are_struck_again(small: Small, worker: Function) -> None:
    def struck(seed: str, tasks: list[str]) -> set[str]:
        with small.struck_by("unknown-id rate=40%", seed):
            return {task for task in tasks if json.dumps(worker.invoke(**batch(task)).payload).count("itemIdentifier")}

    tasks = [f"t{number}" for number in range(16)]
    first = struck("a", tasks)
    assert 0 < len(first) < len(tasks)
    assert struck("a", tasks[::-1]) == first
    assert struck("b", tasks) != first
