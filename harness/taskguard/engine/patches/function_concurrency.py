"""LocalStack: a function's reserved concurrency is deployed with it, as CloudFormation does.

LocalStack's resource provider of functions does not look at ``ReservedConcurrentExecutions``
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-lambda-function.html), so that a function which is to be
throttled never is.

Needed until LocalStack does so: ``tests/engine/test_updates.py`` fails without it.
"""

import functools
from typing import Any

from localstack.services.cloudformation.resource_provider import OperationStatus, ProgressEvent, ResourceRequest
from localstack.services.lambda_.resource_providers.aws_lambda_function import LambdaFunctionProvider

_RESERVED = "ReservedConcurrentExecutions"


def apply() -> None:
    for name in ("create", "update"):
        _reserve_after(name)


def _reserve_after(name: str) -> None:
    deploy = getattr(LambdaFunctionProvider, name)

    @functools.wraps(deploy)
    def deploy_and_reserve(provider: LambdaFunctionProvider, request: ResourceRequest[Any]) -> ProgressEvent[Any]:
        progress: ProgressEvent[Any] = deploy(provider, request)
        if progress.status is OperationStatus.SUCCESS:
            _reserve(request, progress.resource_model["FunctionName"])
        return progress

    setattr(LambdaFunctionProvider, name, deploy_and_reserve)


def _reserve(request: ResourceRequest[Any], function_name: str) -> None:
    functions = request.aws_client_factory.lambda_
    reserved = request.desired_state.get(_RESERVED)
    if reserved is not None:
        functions.put_function_concurrency(FunctionName=function_name, ReservedConcurrentExecutions=int(reserved))
    elif (request.previous_state or {}).get(_RESERVED) is not None:
        functions.delete_function_concurrency(FunctionName=function_name)
