"""Dead-lettered tasks are put back to work, once, whoever asks and wherever it was cut off."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from taskguard.cli.app import app
from taskguard.contract.dialect import TASKGUARD
from taskguard.errors import RedriveError
from taskguard.evidence.records import Records
from taskguard.history import History, Redriven
from taskguard.ingress.workload import Task
from taskguard.judging.checks import CHECKS
from taskguard.judging.verdict import Outcome
from taskguard.operating.redriving import Redriver, Result
from taskguard.places import Places
from taskguard.run.running import Run
from taskguard.service.kept import write_env
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.testing.pipeline import Pipeline
from taskguard.testing.shared_engine import SharedEngine
from typer.testing import CliRunner

from tests.terms import our_terms

pytestmark = pytest.mark.heavy

STAGE = "redrive"
LONG_SECONDS = 60.0
DIES_AT_ONCE = {"failureRate": "1", "backoffBaseSeconds": "0"}


def test_dead_tasks_are_put_back_to_work_once(
    endpoint: Endpoint,
    deploy: Callable[..., Stack],
    shared_engine: SharedEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One test, because a stage of its own takes its time: these are steps of one story.
    stack = deploy(STAGE, **DIES_AT_ONCE)
    # Late is no matter here: the machine is busy.
    expected = our_terms(rate=1.0, waits=(0.0, 0.0, 0.0), late_seconds=LONG_SECONDS)
    run = Run(endpoint=endpoint, stack=stack, terms=expected, alone=False)
    pipeline = Pipeline(run=run, prefix="redrive", folder=shared_engine.folder / "histories")
    redriver = Redriver(endpoint, stack)
    one, again, raced, cut_off, *rest = tasks = [
        Task(task_id=f"dead-{number}", payload={"n": 1.0, "ü": [number]}) for number in range(8)
    ]
    pipeline.submit(*tasks)
    pipeline.settle(*tasks)
    assert statuses(run, tasks) == dict.fromkeys((task.task_id for task in tasks), "DEAD_LETTER")

    a_task_that_fails_still_dies_again_and_keeps_its_attempts(pipeline, redriver, again)

    with_failure_rate(endpoint, stack, "0")
    a_redriven_task_completes_and_has_settled(pipeline, redriver, one)
    of_two_operators_at_once_the_work_is_done_once(pipeline, again)
    of_many_operators_at_once_the_work_is_done_once(pipeline, raced)
    what_was_cut_off_is_repaired_by_redriving_again(pipeline, redriver, cut_off)

    monkeypatch.chdir(tmp_path)
    write_env(Places.of(), endpoint, stack)
    the_command_puts_back_one_task_or_all_and_refuses_the_others(pipeline, rest)


def a_task_that_fails_still_dies_again_and_keeps_its_attempts(
    pipeline: Pipeline, redriver: Redriver, task: Task
) -> None:
    assert redriver.redrive(task.task_id).result is Result.REDRIVEN
    wait_for(lambda: len(earlier(pipeline, task)) == 3 and dead(pipeline, task), seconds=LONG_SECONDS)
    answer = pipeline.client.get(task.task_id)
    assert answer.status_code == 200
    assert [attempt["number"] for attempt in answer.json()["attempts"]] == [1, 2, 3]


def a_redriven_task_completes_and_has_settled(pipeline: Pipeline, redriver: Redriver, task: Task) -> None:
    with pytest.raises(RedriveError, match="there is no such task"):
        redriver.redrive("never-submitted")
    outcome = redriver.redrive(task.task_id)
    assert outcome.result is Result.REDRIVEN
    completed(pipeline, task)
    record = pipeline.client.record(task.task_id)
    assert record is not None
    assert (record["payload"], record["createdAt"] < record["completedAt"]) == (task.payload, True)
    assert [(attempt["number"], attempt["outcome"]) for attempt in record["attempts"]] == [(1, "SUCCEEDED")]
    assert [entry["M"]["number"]["N"] for entry in earlier(pipeline, task)] == ["1", "2", "3"]

    ended = pipeline.settle(task)
    # Told of the redrive, the history has a task that ended, and ended once more.
    history = History([*ended, Redriven(at_ms=outcome.at_ms, task_id=task.task_id)])
    verdicts = {name: check(history, pipeline.run.terms) for name, check in CHECKS.items()}
    settlement = verdicts["settlement"]
    assert settlement.outcome is Outcome.PASS, settlement.findings
    # Attempts in several messages are in doubt, and accuse nobody.
    assert {name for name, found in verdicts.items() if found.outcome is Outcome.FAIL} <= {"first_failure_rate"}


def of_two_operators_at_once_the_work_is_done_once(pipeline: Pipeline, task: Task) -> None:
    redrive_at_once(pipeline, task, operators=2)
    assert len(earlier(pipeline, task)) == 6


def of_many_operators_at_once_the_work_is_done_once(pipeline: Pipeline, task: Task) -> None:
    redrive_at_once(pipeline, task, operators=8)


def redrive_at_once(pipeline: Pipeline, task: Task, operators: int) -> None:
    before = redrives(pipeline, task)

    def operate(_: int) -> Result | None:
        try:
            return Redriver(pipeline.run.endpoint, pipeline.run.stack).redrive(task.task_id).result
        except RedriveError:
            return None  # too late: the task is worked on or done already

    with ThreadPoolExecutor(operators) as pool:
        results = list(pool.map(operate, range(operators)))
    assert results.count(Result.REDRIVEN) == 1
    completed(pipeline, task)
    assert redrives(pipeline, task) == before + 1


def what_was_cut_off_is_repaired_by_redriving_again(pipeline: Pipeline, redriver: Redriver, task: Task) -> None:
    assert redriver.put_back(task.task_id, item(pipeline, task))
    # Cut off here: the record says PENDING, and there is no message.
    assert statuses(pipeline.run, [task]) == {task.task_id: "PENDING"}
    assert pipeline.client.get(task.task_id).json()["attempts"] == []
    assert redriver.redrive(task.task_id).result is Result.SENT_AGAIN
    completed(pipeline, task)
    assert redrives(pipeline, task) == 1


def the_command_puts_back_one_task_or_all_and_refuses_the_others(pipeline: Pipeline, tasks: list[Task]) -> None:
    first, *others = tasks
    assert "back at work" in taskguard("redrive", first.task_id)
    completed(pipeline, first)
    with pytest.raises(RedriveError, match=f"{first.task_id}: it is COMPLETED, not DEAD_LETTER"):
        taskguard("redrive", first.task_id)

    said = taskguard("redrive", "--all")
    assert all(task.task_id in said for task in others)
    assert first.task_id not in said
    completed(pipeline, *others)
    assert "is dead-lettered" in taskguard("redrive", "--all")


def taskguard(*arguments: str) -> str:
    """What the command prints; its errors are raised."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def completed(pipeline: Pipeline, *tasks: Task) -> None:
    """Wait until these tasks are completed, each by one successful attempt."""
    wait_for(lambda: set(statuses(pipeline.run, tasks).values()) == {"COMPLETED"}, seconds=LONG_SECONDS)
    for task in tasks:
        attempts = pipeline.record(task.task_id).attempts
        assert [attempt.outcome for attempt in attempts] == ["SUCCEEDED"]


def statuses(run: Run, tasks: list[Task] | tuple[Task, ...]) -> dict[str, str]:
    return Records(run.endpoint, run.stack, TASKGUARD).statuses([task.task_id for task in tasks])


def dead(pipeline: Pipeline, task: Task) -> bool:
    return statuses(pipeline.run, [task]) == {task.task_id: "DEAD_LETTER"}


def item(pipeline: Pipeline, task: Task) -> dict[str, object]:
    run = pipeline.run
    key = {"taskId": {"S": task.task_id}}
    return dict(run.endpoint.dynamodb().get_item(TableName=run.stack.table_name, Key=key, ConsistentRead=True)["Item"])


def earlier(pipeline: Pipeline, task: Task) -> list[dict[str, dict[str, dict[str, str]]]]:
    found = item(pipeline, task).get("earlierAttempts", {"L": []})
    assert isinstance(found, dict)
    return list(found["L"])


def redrives(pipeline: Pipeline, task: Task) -> int:
    found = item(pipeline, task).get("redrives", {"N": "0"})
    assert isinstance(found, dict)
    return int(found["N"])


def with_failure_rate(endpoint: Endpoint, stack: Stack, rate: str) -> None:
    """Change the consumer's failure rate, as an operator does who has removed what made tasks fail."""
    functions, name = endpoint.functions(), stack.function("processTask").name
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, "FAILURE_RATE": rate}}
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
