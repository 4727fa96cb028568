"""What runs while a function is updated runs to its end, as on Lambda; and what CloudFormation is told of it holds."""

import json
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create
from tests.engine.recorded import recorded

WAITS = """
import os
import boto3
sqs = boto3.client("sqs")

def handler(event, context):
    while not sqs.receive_message(QueueUrl=event["queue"], WaitTimeSeconds=1).get("Messages"):
        pass
    return os.environ["WORDS"]
"""


def test_an_invocation_outlives_the_update_of_its_function(endpoint: Endpoint, function: Create) -> None:
    waiting = function(WAITS, timeout=30, WORDS="old")
    url = endpoint.sqs().create_queue(QueueName=f"{waiting.name}-queue")["QueueUrl"]

    def is_waiting() -> bool:
        return any(call.function == waiting.name for call in recorded(endpoint).calls)

    with ThreadPoolExecutor(1) as pool:
        try:
            outcome = pool.submit(waiting.invoke, queue=url)
            wait_for(is_waiting, seconds=20)
            functions = endpoint.functions()
            functions.update_function_configuration(
                FunctionName=waiting.name, Environment={"Variables": {"WORDS": "new"}}
            )
            functions.get_waiter("function_updated_v2").wait(FunctionName=waiting.name, WaiterConfig={"Delay": 1})
        finally:
            endpoint.sqs().send_message(QueueUrl=url, MessageBody="go on")
        assert (outcome.result().payload, outcome.result().error) == ("old", None)
    endpoint.sqs().send_message(QueueUrl=url, MessageBody="go on")
    assert waiting.invoke(queue=url).payload == "new"
    endpoint.sqs().delete_queue(QueueUrl=url)


def test_cloudformation_deploys_a_functions_reserved_concurrency(endpoint: Endpoint) -> None:
    cloudformation, functions, name = endpoint.cloudformation(), endpoint.functions(), f"reserved-{uuid4().hex[:8]}"

    def template(**properties: int) -> str:
        function = {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": name,
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Role": "arn:aws:iam::000000000000:role/any",
                "Code": {"ZipFile": "def handler(event, context): pass"},
                **properties,
            },
        }
        return json.dumps({"Resources": {"Function": function}})

    def reserved() -> int | None:
        return functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")

    try:
        cloudformation.create_stack(StackName=name, TemplateBody=template(ReservedConcurrentExecutions=0))
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        assert reserved() == 0
        cloudformation.update_stack(StackName=name, TemplateBody=template(MemorySize=256))
        cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        assert reserved() is None
    finally:
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
