"""The flight recorder hears of what services send to queues: who, to which, which message, and whether it was taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
import requests
from taskguard.evidence.recorder.recording import Call
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.conftest import ROLE
from tests.engine.recorded import recorded


@pytest.fixture
def queue(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    """The URL of a queue, and its ARN."""
    sqs = endpoint.sqs()
    url = sqs.create_queue(QueueName=f"taken-{uuid4().hex[:8]}")["QueueUrl"]
    yield url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.delete_queue(QueueUrl=url)


def sent_to(endpoint: Endpoint, url: str) -> list[Call]:
    name = url.rsplit("/", 1)[-1]
    return [each for each in recorded(endpoint).service_calls if each.parameters["QueueUrl"].endswith(f"/{name}")]


def held_by(endpoint: Endpoint, url: str) -> tuple[str, str]:
    """The id and the body of the message that is there."""
    [message] = endpoint.sqs().receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    return message["MessageId"], message["Body"]


def test_what_a_rule_sends_is_told(endpoint: Endpoint, queue: tuple[str, str]) -> None:
    url, arn = queue
    events, name = endpoint.client("events"), f"rule-{uuid4().hex[:8]}"
    with ExitStack() as stack:
        events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
        stack.callback(events.delete_rule, Name=name)
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        stack.callback(events.remove_targets, Rule=name, Ids=["queue"])
        events.put_events(Entries=[{"Source": name, "DetailType": "task", "Detail": json.dumps({"taskId": "t-1"})}])
        message_id, body = held_by(endpoint, url)
    wait_for(lambda: bool(sent_to(endpoint, url)), seconds=10)
    [call] = sent_to(endpoint, url)
    assert (call.function, call.operation, call.error_code) == ("events", "SendMessage", None)
    assert call.sent == {"": message_id}
    assert call.parameters["MessageBody"] == body
    assert json.loads(body)["detail"] == {"taskId": "t-1"}


@pytest.mark.parametrize("there", [True, False], ids=["taken", "refused"])
def test_what_a_route_sends_is_told(endpoint: Endpoint, queue: tuple[str, str], *, there: bool) -> None:
    url, _ = queue
    api, gateway = uuid4().hex[:8], endpoint.apigateway()
    account, name = url.split("/")[-2:]
    with ExitStack() as stack:
        api = gateway.create_rest_api(name=api)["id"]
        stack.callback(gateway.delete_rest_api, restApiId=api)
        [root] = gateway.get_resources(restApiId=api)["items"]
        of_method: dict[str, Any] = {"restApiId": api, "resourceId": root["id"], "httpMethod": "POST"}
        gateway.put_method(**of_method, authorizationType="NONE")
        gateway.put_integration(
            **of_method,
            type="AWS",
            integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:{endpoint.region}:sqs:path/{account}/{name if there else 'nowhere'}",
            credentials=ROLE,
            requestParameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
            requestTemplates={"application/json": "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"},
        )
        gateway.put_method_response(**of_method, statusCode="200")
        gateway.put_integration_response(**of_method, statusCode="200", selectionPattern="")
        gateway.create_deployment(restApiId=api, stageName="x")
        answer = requests.post(endpoint.api_url(api, "x"), json={"taskId": "t-2"}, timeout=30)
        wanted = sent_to(endpoint, url if there else "/nowhere")
    # Whatever became of it, such an API says that all is well.
    assert answer.status_code == 200
    call = wanted[-1]
    assert (call.function, call.error_code is None) == ("apigateway", there)
    if there:
        assert held_by(endpoint, url) == (call.sent[""], json.dumps({"taskId": "t-2"}))
