"""Invokes functions from within the engine, as Lambda does when it is asked to: no request is written, signed, read and answered for it."""

from functools import lru_cache

from localstack.aws.api.lambda_ import InvocationType
from localstack.services.lambda_.api_utils import function_locators_from_arn
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.lambda_service import LambdaService
from localstack.services.plugins import SERVICE_PLUGINS
from localstack.utils.strings import long_uid
from localstack.utils.xray.trace_header import TraceHeader


def invoke(function_arn: str, payload: bytes) -> InvocationResult:
    """Wait for its answer. ``function_arn`` may have a qualifier.

    Raises:
        ServiceException: that Lambda refuses it, such as TooManyRequestsException; any other exception: that it could not be invoked.
    """
    name, qualifier, account, region = function_locators_from_arn(function_arn)
    return _service().invoke(
        function_name=name,
        qualifier=qualifier,
        region=region,
        account_id=account,
        invocation_type=InvocationType.RequestResponse,
        client_context=None,
        request_id=long_uid(),
        payload=payload,
        trace_context={"aws_trace_header": TraceHeader().ensure_root_exists()},
    )


@lru_cache(maxsize=1)
def _service() -> LambdaService:
    return SERVICE_PLUGINS.get_service("lambda").lifecycle_hook.lambda_service
