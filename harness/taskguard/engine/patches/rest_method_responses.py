"""LocalStack: CloudFormation takes any text for the truth value of a header that a method of a REST API answers with, as AWS does.

Templates say `'*'` where AWS documents a truth value (serverless-apigateway-service-proxy with `cors`), and their methods could not be made.

Needed until LocalStack does: ``tests/engine/test_rest_apis.py`` fails without it.
"""

from typing import Any

from localstack.services.apigateway.resource_providers import aws_apigateway_method

_PROPERTY = "ResponseParameters"


def apply() -> None:
    provider = aws_apigateway_method.ApiGatewayMethodProvider
    create = provider.create

    def create_with_truth_values(self: Any, request: Any) -> Any:
        for response in request.desired_state.get("MethodResponses") or ():
            if told := response.get(_PROPERTY):
                response[_PROPERTY] = {name: str(value).lower() != "false" for name, value in told.items()}
        return create(self, request)

    provider.create = create_with_truth_values
