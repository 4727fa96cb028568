"""LocalStack: functions and invocations that AWS refuses are refused, in AWS's words.

An invocation that is waited for has a payload of 6 MB at most (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html;
the words are those of https://zaccharles.medium.com/deep-dive-lambdas-request-payload-size-limit-2-2-6350c1ae5577), and a function a
timeout of 900 seconds (https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html).

Needed until LocalStack refuses the same: ``tests/engine/test_refusals.py`` fails without it.
"""

import functools
from collections.abc import Mapping
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.services.lambda_.invocation.lambda_models import ValidationException
from localstack.services.lambda_.invocation.lambda_service import LambdaService
from localstack.services.lambda_.provider import LambdaProvider

from taskguard.engine.events.batches import LARGEST_PAYLOAD_BYTES

_LONGEST_TIMEOUT_SECONDS = 900


def apply() -> None:
    _refuse_large_payloads()
    for name in ("create_function", "update_function_configuration"):
        _refuse_long_timeouts(name)


def _refuse_large_payloads() -> None:
    invoke = LambdaService.invoke

    def invoke_if_small(service: LambdaService, *args: Any, **kwargs: Any) -> Any:
        payload, kind = kwargs.get("payload"), kwargs.get("invocation_type")
        if payload is not None and len(payload) > LARGEST_PAYLOAD_BYTES and kind in (None, "RequestResponse"):
            raise CommonServiceException(
                "RequestEntityTooLargeException",
                f"Request must be smaller than {LARGEST_PAYLOAD_BYTES} bytes for the InvokeFunction operation",
                status_code=413,
                sender_fault=True,
            )
        return invoke(service, *args, **kwargs)

    LambdaService.invoke = invoke_if_small


def _refuse_long_timeouts(name: str) -> None:
    configure = getattr(LambdaProvider, name)

    @functools.wraps(configure)  # with LocalStack's marks, which say how it is called
    def configure_if_short(provider: LambdaProvider, context: RequestContext, request: Mapping[str, Any]) -> Any:
        timeout = request.get("Timeout")
        if timeout is not None and timeout > _LONGEST_TIMEOUT_SECONDS:
            raise ValidationException(
                f"1 validation error detected: Value '{timeout}' at 'timeout' failed to satisfy constraint: "
                f"Member must have value less than or equal to {_LONGEST_TIMEOUT_SECONDS}"
            )
        return configure(provider, context, request)

    setattr(LambdaProvider, name, configure_if_short)
