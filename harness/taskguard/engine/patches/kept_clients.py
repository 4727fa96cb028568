"""LocalStack: sessions and clients of boto3 are made once.

It makes an S3 client for each look at a function, and a session for each look at a service's regions.

Needed until a first deploy takes no longer without it: ``taskguard grade --fresh --timings``.
"""

from functools import lru_cache
from types import SimpleNamespace

import boto3
from localstack.services.lambda_.invocation import lambda_models
from localstack.utils.aws import aws_stack


def apply() -> None:
    aws_stack.boto3 = SimpleNamespace(Session=lru_cache(boto3.Session), session=boto3.session)
    lambda_models.boto3 = SimpleNamespace(client=lru_cache(boto3.client))
