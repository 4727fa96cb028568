"""API Gateway for the engine: LocalStack's, which asked for a deployment's stages answers with that deployment's alone.

CloudFormation removes the previous deployment of an API after an update, and LocalStack then removes the stages it is
told belong to it. Without the filter those are all, and the second deploy of a stack takes its API away
(https://docs.aws.amazon.com/apigateway/latest/api/API_GetStages.html).
"""

from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.apigateway import Stages
from localstack.services.apigateway.next_gen.provider import ApigatewayNextGenProvider
from localstack.services.moto import MotoFallbackDispatcher
from localstack.services.plugins import Service


class FilteringApiGateway(ApigatewayNextGenProvider):
    """LocalStack's provider with ``GetStages`` as documented."""

    def get_stages(
        self, context: RequestContext, rest_api_id: str, deployment_id: str | None = None, **kwargs: Any
    ) -> Stages:
        stages = super().get_stages(context, rest_api_id, deployment_id, **kwargs)
        if deployment_id is not None:
            stages["item"] = [stage for stage in stages["item"] if stage["deploymentId"] == deployment_id]
        return stages


def create_service() -> Service:
    return Service.for_provider(FilteringApiGateway(), dispatch_table_factory=MotoFallbackDispatcher)
