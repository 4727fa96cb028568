"""The stack is found whatever its resources are called, and whatever its template tells of them in outputs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from taskguard.history import DeadLettered, Delivered
from taskguard.ingress.load import load_with
from taskguard.ingress.workload import tasks as workload
from taskguard.run.running import Run
from taskguard.service import deployment
from taskguard.service.ours import failure_parameters, failure_settings, stack_name
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint
from taskguard.testing.shared_engine import SharedEngine

from tests.pipeline.judging import not_passed
from tests.places import PLACES, copy_of_service
from tests.terms import our_terms

pytestmark = [pytest.mark.heavy, pytest.mark.long]

STAGE, SEED, RATE = "found", "discovery", 0.3
EXPECTED = our_terms(seed=SEED, rate=RATE)
RENAMED = {
    "processTask": "worker",
    "ProcessTask": "Worker",
    "monitorDLQ": "undertaker",
    "MonitorDLQ": "Undertaker",
    "submitTask": "intake",
    "SubmitTask": "Intake",
    "TasksTable": "JobRecords",
    "TaskDeadLetterQueue": "BuriedJobs",
    "TaskDLQ": "BuriedJobs",
    "TaskQueue": "Jobs",
}


@pytest.fixture
def renamed(
    endpoint: Endpoint, deploy: Callable[..., Stack], shared_engine: SharedEngine, tmp_path: Path
) -> Iterator[Stack]:
    """Our service, its resources called otherwise, without an output of ours. ``deploy`` is asked for, since it knows where nothing
    may be deployed."""
    service = copy_of_service(tmp_path / "service")
    places = replace(PLACES, service=service)
    for file in [service / "serverless.yml", *service.glob("serverless/*.js")]:
        file.write_text(without_outputs(with_other_names(file.read_text())))
    log = shared_engine.folder / "discovery-deploy.log"
    deployment.make_sure_is_free(endpoint, STAGE)
    try:
        yield deployment.deploy(endpoint, STAGE, places=places, parameters=failure_parameters(SEED, RATE), log=log)
    finally:
        deployment.remove(endpoint, STAGE, places=places, log=log)


def with_other_names(text: str) -> str:
    for name, other in RENAMED.items():
        text = text.replace(name, other)
    return text


def without_outputs(text: str) -> str:
    return text.partition("\n  Outputs:\n")[0].replace(
        "const { Resources, Outputs } =", "const Outputs = {}, { Resources } ="
    )


def test_a_stack_without_outputs_and_with_other_names_is_found_and_passes(endpoint: Endpoint, renamed: Stack) -> None:
    description = endpoint.cloudformation().describe_stacks(StackName=stack_name(STAGE))["Stacks"][0]
    # What is left is the Serverless CLI's own.
    told = {each["OutputKey"] for each in description.get("Outputs", [])}
    assert not {key for key in told if key.startswith(("Api", "Task", "Dead", "Table")) or key.endswith("FunctionName")}

    assert (renamed.work_queue.name, renamed.queues["dead-letter"].name) == ("Jobs-found", "BuriedJobs-found")
    assert renamed.work_queue.consumers == (renamed.function("worker").name,) == ("TaskGuard-found-worker",)
    assert renamed.queues["dead-letter"].consumers == (renamed.function("undertaker").name,)
    assert renamed.table_name == "JobRecords-found"
    ingress = renamed.ingress
    assert (str(ingress.submit), str(ingress.record)) == ("POST /task", "GET /task/{taskId}")
    assert ingress.submit.function == "TaskGuard-found-intake"
    assert failure_settings(endpoint, renamed) == (SEED, RATE)

    tasks = workload(SEED, 40)
    history = Run(endpoint=endpoint, stack=renamed, terms=EXPECTED).of(load_with(tasks))
    assert {each.task_id for each in history.of_kind(Delivered)} == {task.task_id for task in tasks}
    assert history.of_kind(DeadLettered)
    assert not_passed(history, EXPECTED) == {}
