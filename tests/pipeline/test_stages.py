"""Stages live side by side, and a stage survives a second deploy and an outage of its queue."""

import json
from collections.abc import Callable

import pytest
from taskguard.contract.dialect import TASKGUARD
from taskguard.evidence.records import Records
from taskguard.ingress.http_client import HttpClient
from taskguard.service import deployment
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.testing.pipeline import Pipeline
from taskguard.testing.shared_engine import SharedEngine

from tests.places import PLACES

NEVER_FAILS = {"failureRate": "0"}


@pytest.mark.long
def test_a_stage_beside_another_survives_a_second_deploy_and_an_outage(
    endpoint: Endpoint, deploy: Callable[..., Stack], pipeline: Pipeline, shared_engine: SharedEngine
) -> None:
    # One test, because each deploy takes its time: these are steps of one story.
    here, stage = pipeline.run.stack, f"{pipeline.run.stack.stage}-beside"
    other = deploy(stage, **NEVER_FAILS)
    for ours, theirs in zip(addresses(here), addresses(other), strict=True):
        assert ours != theirs

    client, task_id = HttpClient(other.api_url), "only-on-this-stage"
    assert client.post(json.dumps({"taskId": task_id, "payload": {"n": 1}})).status_code == 202
    wait_until_completed(endpoint, other, task_id)
    assert pipeline.client.get(task_id).status_code == 404

    log = shared_engine.folder / "second-deploy.log"
    again = deployment.deploy(
        endpoint, stage, places=PLACES, parameters=NEVER_FAILS | {"backoffBaseSeconds": "4"}, log=log
    )
    assert again == other
    assert client.get(task_id).json()["status"] == "COMPLETED"
    assert client.post(json.dumps({"taskId": "after-the-deploy", "payload": {}})).status_code == 202
    wait_until_completed(endpoint, other, "after-the-deploy")

    a_request_that_could_not_be_sent_is_repaired_by_sending_it_again(endpoint, other)


def a_request_that_could_not_be_sent_is_repaired_by_sending_it_again(endpoint: Endpoint, stack: Stack) -> None:
    client, reader = HttpClient(stack.api_url), Records(endpoint, stack, TASKGUARD)
    request = json.dumps({"taskId": "sent-in-an-outage", "payload": {"n": 1}})
    with_queue(endpoint, stack, stack.work_queue.url + "-that-is-not-there")
    refused = client.post(request)
    assert refused.status_code == 503
    assert "again" in refused.json()["message"]
    assert refused.json()["taskId"] == "sent-in-an-outage"
    assert reader.statuses(["sent-in-an-outage"]) == {}

    made_up = client.post('{"payload": {}}')
    assert made_up.status_code == 503
    made_up_id = made_up.json()["taskId"]

    with_queue(endpoint, stack, stack.work_queue.url)
    assert client.post(request).status_code == 202
    assert client.post(json.dumps({"taskId": made_up_id, "payload": {}})).status_code == 202
    wait_until_completed(endpoint, stack, "sent-in-an-outage", made_up_id)


def addresses(stack: Stack) -> tuple[str, ...]:
    return (stack.ingress.api.id, stack.table_name, stack.work_queue.url, stack.queues["dead-letter"].url)


def with_queue(endpoint: Endpoint, stack: Stack, url: str) -> None:
    """Point the submitting function at another queue, and wait until the change has taken effect."""
    functions, name = endpoint.functions(), stack.function("submitTask").name
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, "TASK_QUEUE_URL": url}}
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def wait_until_completed(endpoint: Endpoint, stack: Stack, *task_ids: str) -> None:
    reader = Records(endpoint, stack, TASKGUARD)
    wait_for(lambda: reader.statuses(task_ids) == dict.fromkeys(task_ids, "COMPLETED"), seconds=30)
