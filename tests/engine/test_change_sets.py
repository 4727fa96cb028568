"""Stacks that are made, changed, refused and removed by change sets."""

from __future__ import annotations

import io
import json
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
from taskguard.errors import DeploymentError, OtherTemplate
from taskguard.service.deployers.change_sets import Deadline, deploy_template, remove_stack
from taskguard.service.deployers.publishing import Bucket
from taskguard.service.deployment import is_deployed
from taskguard.targets.base import Endpoint

pytestmark = pytest.mark.in_process


def template(seconds: int, **more: Any) -> dict[str, Any]:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": {"Ref": "Seconds"}}}
    return {"Parameters": {"Seconds": {"Type": "Number", "Default": seconds}}, "Resources": {"Q": queue, **more}}


def visibility(endpoint: Endpoint, name: str) -> str:
    [resource] = endpoint.cloudformation().describe_stack_resources(StackName=name)["StackResources"]
    told = endpoint.sqs().get_queue_attributes(QueueUrl=resource["PhysicalResourceId"], AttributeNames=["All"])
    return told["Attributes"]["VisibilityTimeout"]


def test_a_stack_is_made_changed_and_removed(endpoint: Endpoint) -> None:
    name, deadline = f"t-{uuid4().hex[:8]}", Deadline(60)
    deploy_template(endpoint, name, template(11), {}, deadline)
    assert visibility(endpoint, name) == "11"
    deploy_template(endpoint, name, template(11), {}, deadline)
    deploy_template(endpoint, name, template(11), {"Seconds": "12"}, deadline)
    assert visibility(endpoint, name) == "12"
    remove_stack(endpoint, name, deadline)
    assert not is_deployed(endpoint, "", name=name)
    remove_stack(endpoint, name, deadline)


def test_what_fails_is_told_by_resource_and_may_be_deployed_again(endpoint: Endpoint) -> None:
    name, deadline = f"t-{uuid4().hex[:8]}", Deadline(60)
    mapping = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {"FunctionName": "nobody", "EventSourceArn": {"Fn::GetAtt": ["Q", "Arn"]}},
    }
    with pytest.raises(DeploymentError, match=r"M \(AWS::Lambda::EventSourceMapping\)"):
        deploy_template(endpoint, name, template(13, M=mapping), {}, deadline)
    deploy_template(endpoint, name, template(14), {}, deadline)
    assert visibility(endpoint, name) == "14"
    remove_stack(endpoint, name, deadline)


def test_a_template_that_is_none_is_refused(endpoint: Endpoint) -> None:
    with pytest.raises(DeploymentError, match="Undeclared"):
        deploy_template(
            endpoint,
            f"t-{uuid4().hex[:8]}",
            {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Undeclared"}}}}},
            {},
            Deadline(60),
        )


def test_changed_code_is_put_into_the_functions_that_are_there(endpoint: Endpoint) -> None:
    name, deadline, bucket = f"t-{uuid4().hex[:8]}", Deadline(60), Bucket(endpoint)
    bucket.make()

    def with_code(answer: int, seconds: int = 3) -> dict[str, Any]:
        packed = io.BytesIO()
        with ZipFile(packed, "w") as archive:
            archive.writestr("index.py", f"def handler(event, context): return {answer}")
        properties = {
            "FunctionName": name,
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Role": "arn:aws:iam::000000000000:role/any",
            "Timeout": seconds,
            "Code": {"S3Bucket": bucket.name, "S3Key": bucket.keep(packed.getvalue(), ".zip")},
        }
        return template(11, F={"Type": "AWS::Lambda::Function", "Properties": properties})

    def answered() -> object:
        return json.load(endpoint.functions().invoke(FunctionName=name)["Payload"])

    with pytest.raises(OtherTemplate, match="not there"):
        deploy_template(endpoint, name, with_code(1), {}, deadline, code_alone=True)
    deploy_template(endpoint, name, with_code(1), {}, deadline)
    assert answered() == 1
    # Also back again: the stack's own template is still the first one.
    for answer in (2, 1):
        deploy_template(endpoint, name, with_code(answer), {}, deadline, code_alone=True)
        assert answered() == answer
    for changed, parameters in ((with_code(2, seconds=4), {}), (with_code(2), {"Seconds": "12"})):
        with pytest.raises(OtherTemplate, match="more than the code"):
            deploy_template(endpoint, name, changed, parameters, deadline, code_alone=True)
    assert answered() == 1
    remove_stack(endpoint, name, deadline)
