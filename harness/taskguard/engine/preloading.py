"""What LocalStack would make at the first request to each service is made before the engine answers.

A first deploy spends most of its time on it: routing tables of moto, and botocore's list of regions for each service. And the first
function would wait for a keeper.
"""

from localstack.services.moto import get_moto_routing_table
from localstack.utils.aws import aws_stack

from taskguard.engine.functions.keepers import keepers
from taskguard.engine.network import network
from taskguard.engine.settings import SERVICES, EngineSettings
from taskguard.support.sandbox.processes import where_groups_are_made

_SERVED_BY_MOTO = ("apigateway", "dynamodb", "iam", "logs", "sts")


def preload() -> None:
    """Load what a pipeline's services need."""
    sandboxed = EngineSettings.from_environment().sandboxed
    keepers(where_groups_are_made() if sandboxed else None, network().enter() if sandboxed else (), None)
    for service in _SERVED_BY_MOTO:
        get_moto_routing_table(service)
    for service in SERVICES:
        aws_stack.get_valid_regions_for_service(service)
