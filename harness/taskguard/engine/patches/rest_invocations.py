"""LocalStack: a REST API invokes its function directly.

LocalStack writes a request to Lambda, signs it, and has it go all the way of one that comes from outside, which takes as long as all else
that the engine does to invoke a function. Where the API has a role for it, it does so here, too, and the call is seen as that role's.

Needed until a task costs the engine no more time without it: ``python -m bench.throughput``.
"""

from localstack.services.apigateway.next_gen.execute_api.integrations.aws import RestApiAwsProxyIntegration

from taskguard.engine.functions.invoking import invoke


def apply() -> None:
    call_lambda = RestApiAwsProxyIntegration.call_lambda

    def call_directly(function_arn: str, event: bytes, source_arn: str, credentials: str | None = None) -> bytes:
        if credentials:
            return call_lambda(function_arn, event, source_arn, credentials)
        return invoke(function_arn, event).payload

    RestApiAwsProxyIntegration.call_lambda = staticmethod(call_directly)
