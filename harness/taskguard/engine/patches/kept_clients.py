"""LocalStack: sessions and clients of boto3 are made once.

It makes an S3 client for each look at a function, a session for each look at a service's regions, and five clients for each change of an
event source mapping, to disable it too.

Needed until a first deploy takes no longer without it: ``taskguard grade --fresh --timings``.
"""

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.config import Config
from localstack.services.lambda_ import provider
from localstack.services.lambda_.event_source_mapping import esm_worker_factory
from localstack.services.lambda_.event_source_mapping.pipe_utils import get_internal_client
from localstack.services.lambda_.invocation import lambda_models
from localstack.utils.aws import aws_stack

_configs: dict[str, Config] = {}
"""By what they say: LocalStack keeps clients by its configurations, which are like none but themselves."""


def apply() -> None:
    aws_stack.boto3 = SimpleNamespace(Session=lru_cache(boto3.Session), session=boto3.session)
    lambda_models.boto3 = SimpleNamespace(client=lru_cache(boto3.client))
    get_kept_client = lru_cache(get_internal_client)
    for asking in (esm_worker_factory, provider):
        asking.get_internal_client = get_kept_client
    esm_worker_factory.botocore = SimpleNamespace(config=SimpleNamespace(Config=_config))


def _config(**told: Any) -> Config:
    return _configs.setdefault(repr(sorted(told.items())), Config(**told))
