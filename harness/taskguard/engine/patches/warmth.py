"""What LocalStack would make at the first request, or again at each one, is made before the engine answers, and kept.

A first deploy spends most of its time on it: routing tables of moto, botocore's list of regions for each service, and an
S3 client for each look at a function.
"""

from functools import lru_cache
from types import SimpleNamespace

import boto3
from localstack.services.lambda_.invocation import lambda_models, version_manager
from localstack.services.moto import get_moto_routing_table
from localstack.utils.aws import aws_stack

from taskguard.engine.settings import SERVICES

_SERVED_BY_MOTO = ("apigateway", "dynamodb", "iam", "logs", "sts")


def _no_metric(**_names: str) -> None:
    """Of functions as of queues, no metrics are kept (see ``SQS_DISABLE_CLOUDWATCH_METRICS``)."""


def prepare() -> None:
    """Keep clients and sessions from now on, and load what a pipeline's services need."""
    aws_stack.boto3 = SimpleNamespace(Session=lru_cache(boto3.Session), session=boto3.session)
    lambda_models.boto3 = SimpleNamespace(client=lru_cache(boto3.client))
    version_manager.record_cw_metric_invocation = version_manager.record_cw_metric_error = _no_metric
    for service in _SERVED_BY_MOTO:
        get_moto_routing_table(service)
    for service in SERVICES:
        aws_stack.get_valid_regions_for_service(service)
