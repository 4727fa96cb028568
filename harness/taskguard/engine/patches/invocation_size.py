"""LocalStack: an invocation that is waited for has a payload of 6 MB at most.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html. AWS's words are those of
https://zaccharles.medium.com/deep-dive-lambdas-request-payload-size-limit-2-2-6350c1ae5577.

Needed until LocalStack refuses larger ones: ``tests/engine/test_refusals.py`` fails without it.
"""

from typing import Any

from localstack.aws.api import CommonServiceException
from localstack.services.lambda_.invocation.lambda_service import LambdaService

from taskguard.engine.events.batches import LARGEST_PAYLOAD_BYTES


def apply() -> None:
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
