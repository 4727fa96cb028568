"""What AWS refuses of event source mappings, functions and invocations is refused, in its words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from taskguard.targets.base import LOCAL_CREDENTIALS, Endpoint

from tests.engine.conftest import Create, Function
from tests.engine.mapped import Map, make_queue, mapped

pytestmark = pytest.mark.documented

__all__ = ["mapped"]

QUIET = "def handler(event, context):\n    return len(str(event))\n"
OUT_OF_RANGE = "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must have value {}"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def quiet(function: Create) -> Function:
    return function(QUIET, timeout=20)


def unchecked(endpoint: Endpoint) -> Any:
    """A client that sends what its own checks would refuse."""
    return boto3.client(
        "lambda",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=LOCAL_CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=LOCAL_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(parameter_validation=False, proxies={}),
    )


@pytest.mark.parametrize(
    ("fifo", "mapping", "code", "message"),
    [
        (
            False,
            {"MaximumBatchingWindowInSeconds": 301},
            "ValidationException",
            OUT_OF_RANGE.format(301, "maximumBatchingWindowInSeconds", "less than or equal to 300"),
        ),
        (
            False,
            {"BatchSize": 10_001, "MaximumBatchingWindowInSeconds": 1},
            "ValidationException",
            OUT_OF_RANGE.format(10_001, "batchSize", "less than or equal to 10000"),
        ),
        (
            False,
            {"BatchSize": 11},
            "InvalidParameterValueException",
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ),
        (
            False,
            {"ScalingConfig": {"MaximumConcurrency": 1}},
            "ValidationException",
            OUT_OF_RANGE.format(1, "scalingConfig.maximumConcurrency", "greater than or equal to 2"),
        ),
        (
            False,
            {"ScalingConfig": {"MaximumConcurrency": 1001}},
            "ValidationException",
            OUT_OF_RANGE.format(1001, "scalingConfig.maximumConcurrency", "less than or equal to 1000"),
        ),
        (
            False,
            {"FunctionResponseTypes": ["ReportNothing"]},
            "ValidationException",
            "1 validation error detected: Value '[ReportNothing]' at 'functionResponseTypes' failed to satisfy constraint: Member must "
            "satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures]]",
        ),
        (
            True,
            {"MaximumBatchingWindowInSeconds": 1},
            "InvalidParameterValueException",
            "Batching window is not supported for FIFO queues",
        ),
        (
            True,
            {"BatchSize": 11},
            "InvalidParameterValueException",
            "Maximum batch size must be between 1 and 10 inclusive",
        ),
    ],
)
def test_a_mapping_with_a_parameter_out_of_its_range_is_refused(
    stack: ExitStack, endpoint: Endpoint, quiet: Function, fifo: bool, mapping: dict[str, Any], code: str, message: str
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html and, of FIFO queues,
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html"""
    _, arn = make_queue(stack, endpoint, fifo=fifo)
    lambdas = unchecked(endpoint)
    with pytest.raises(ClientError) as refused:
        lambdas.create_event_source_mapping(EventSourceArn=arn, FunctionName=quiet.name, **mapping)
    assert refused.value.response["Error"] == {"Code": code, "Message": message}
    # And so is what would become such a one.
    uuid = lambdas.create_event_source_mapping(EventSourceArn=arn, FunctionName=quiet.name)["UUID"]
    stack.callback(lambdas.delete_event_source_mapping, UUID=uuid)
    with pytest.raises(ClientError) as refused:
        lambdas.update_event_source_mapping(UUID=uuid, **mapping)
    assert refused.value.response["Error"] == {"Code": code, "Message": message}


def test_bounds_themselves_are_taken(mapped: Map) -> None:
    """AWS: "From 0 seconds to 300 seconds", 1 to 10,000, 2 to 1,000: the same pages."""
    longest = mapped(BatchSize=10_000, MaximumBatchingWindowInSeconds=300, ScalingConfig={"MaximumConcurrency": 1000})
    assert longest.state() == "Enabled"
    least = mapped(fifo=True, BatchSize=10, MaximumBatchingWindowInSeconds=0, ScalingConfig={"MaximumConcurrency": 2})
    assert least.state() == "Enabled"


def test_a_queue_whose_visibility_timeout_is_below_the_functions_timeout_is_refused(
    stack: ExitStack, endpoint: Endpoint, mapped: Map, function: Create
) -> None:
    """AWS: "Your function's timeout must be less than or equal to the queue's visibility timeout. Lambda validates this requirement when
    you create or update an event source mapping" (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html)."""
    lambdas = endpoint.functions()
    _, arn = make_queue(stack, endpoint, hidden_seconds=30)
    slow = function(QUIET, timeout=60)
    with pytest.raises(lambdas.exceptions.InvalidParameterValueException) as refused:
        lambdas.create_event_source_mapping(EventSourceArn=arn, FunctionName=slow.name)
    told = "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"
    assert refused.value.response["Error"]["Message"] == told

    queue = mapped(QUIET, timeout=30, hidden_seconds=30)
    lambdas.update_function_configuration(FunctionName=queue.function.name, Timeout=60)
    lambdas.get_waiter("function_updated_v2").wait(FunctionName=queue.function.name, WaiterConfig={"Delay": 1})
    with pytest.raises(lambdas.exceptions.InvalidParameterValueException):
        lambdas.update_event_source_mapping(UUID=queue.uuid, BatchSize=1)


def test_a_timeout_of_more_than_15_minutes_is_refused(endpoint: Endpoint, function: Create) -> None:
    """AWS: "The maximum allowed value is 900 seconds" (https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html)."""
    longest = function(QUIET, timeout=900)
    refusal = {
        "Code": "ValidationException",
        "Message": OUT_OF_RANGE.format(901, "timeout", "less than or equal to 900"),
    }
    with pytest.raises(ClientError) as refused:
        endpoint.functions().update_function_configuration(FunctionName=longest.name, Timeout=901)
    assert refused.value.response["Error"] == refusal
    with pytest.raises(ClientError) as refused:
        function(QUIET, timeout=901)
    assert refused.value.response["Error"] == refusal


def test_a_payload_of_more_than_6_mb_is_refused(endpoint: Endpoint, quiet: Function) -> None:
    """AWS: "Invocation payload (request and response): 6 MB each for request and response (synchronous)"
    (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
    lambdas = endpoint.functions()
    most = json.dumps({"text": "x" * (6 * 1024 * 1024 - len('{"text": ""}'))})
    # It is not run: what is recorded of that, others would have to read.
    with pytest.raises(lambdas.exceptions.ResourceNotFoundException):
        lambdas.invoke(FunctionName="nobody-made-it", Payload=most)
    with pytest.raises(ClientError) as refused:
        lambdas.invoke(FunctionName=quiet.name, Payload=most + " ")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert refused.value.response["Error"] == {
        "Code": "RequestEntityTooLargeException",
        "Message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    }
