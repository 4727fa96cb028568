"""LocalStack: event source mappings of queues that AWS refuses are refused, in AWS's words.

A mapping that LocalStack takes and AWS does not passes here and fails there. The bounds are those of
https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html,
https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html. Of the visibility timeout, "Lambda validates this requirement
when you create or update an event source mapping" (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html). The words
are those that users have quoted: https://github.com/winglang/wing/issues/1507, https://github.com/aws/aws-lambda-dotnet/pull/1758,
https://github.com/pulumi/pulumi-aws-serverless/issues/20.

Needed until LocalStack does so: ``tests/engine/test_refusals.py`` fails without it.
"""

from collections.abc import Mapping
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.lambda_ import InvalidParameterValueException
from localstack.services.lambda_.invocation.lambda_models import ValidationException
from localstack.services.lambda_.provider import LambdaProvider
from localstack.services.sqs.models import FifoQueue, SqsQueue

from taskguard.engine.faults.messages import find_queue

_LARGEST_FIFO_BATCH = 10
_RANGES = {
    "batchSize": (1, 10_000),
    "maximumBatchingWindowInSeconds": (0, 300),
    "scalingConfig.maximumConcurrency": (2, 1000),
}
_RESPONSE_TYPES = ["ReportBatchItemFailures"]


def apply() -> None:
    validate = LambdaProvider.validate_event_source_mapping

    def validate_too(provider: LambdaProvider, context: RequestContext, request: Mapping[str, Any]) -> Any:
        source = request.get("EventSourceArn") or ""
        queue = find_queue(source) if source.startswith("arn:") and ":sqs:" in source else None
        if queue is None:
            return validate(provider, context, request)
        _refuse_out_of_range(request)
        _refuse_response_types(request)
        _refuse_on_fifo(queue, request)
        answer = validate(provider, context, request)
        *_, function_version, _role = answer
        if queue.visibility_timeout < (timeout := function_version.config.timeout):
            raise InvalidParameterValueException(
                f"Queue visibility timeout: {queue.visibility_timeout} seconds is less than Function timeout: {timeout} seconds",
                Type="User",
            )
        return answer

    LambdaProvider.validate_event_source_mapping = validate_too


def _refuse_out_of_range(request: Mapping[str, Any]) -> None:
    told = {
        "batchSize": request.get("BatchSize"),
        "maximumBatchingWindowInSeconds": request.get("MaximumBatchingWindowInSeconds"),
        "scalingConfig.maximumConcurrency": (request.get("ScalingConfig") or {}).get("MaximumConcurrency"),
    }
    for name, value in told.items():
        least, most = _RANGES[name]
        if value is not None and not least <= value <= most:
            bound = f"less than or equal to {most}" if value > most else f"greater than or equal to {least}"
            raise ValidationException(
                f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
                f"Member must have value {bound}"
            )


def _refuse_response_types(request: Mapping[str, Any]) -> None:
    told = request.get("FunctionResponseTypes") or []
    if not set(told) <= set(_RESPONSE_TYPES):
        raise ValidationException(
            f"1 validation error detected: Value '[{', '.join(told)}]' at 'functionResponseTypes' failed to satisfy constraint: "
            f"Member must satisfy constraint: [Member must satisfy enum value set: [{', '.join(_RESPONSE_TYPES)}]]"
        )


def _refuse_on_fifo(queue: SqsQueue, request: Mapping[str, Any]) -> None:
    if not isinstance(queue, FifoQueue):
        return
    if request.get("MaximumBatchingWindowInSeconds"):
        raise InvalidParameterValueException("Batching window is not supported for FIFO queues", Type="User")
    if (request.get("BatchSize") or 1) > _LARGEST_FIFO_BATCH:
        raise InvalidParameterValueException("Maximum batch size must be between 1 and 10 inclusive", Type="User")
