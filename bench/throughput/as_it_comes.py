"""LocalStack as it comes: its own event sources, timers, clients and metrics.

Only what a machine without Docker lacks is ours: the executor of the functions, DynamoDB, and the socket on 127.0.0.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from taskguard.targets.localstack import LocalStack

_OURS = (
    "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC",
    "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC",
    "DISABLE_EVENTS",
    "EAGER_SERVICE_LOADING",
    "STRICT_SERVICE_LOADING",
    "SERVICES",
    "IN_MEMORY_CLIENT",
    "SQS_DISABLE_CLOUDWATCH_METRICS",
    "PROVIDER_OVERRIDE_APIGATEWAY",
)


class AsItComes(LocalStack):
    """LocalStack with its own settings."""

    program: ClassVar[tuple[str, ...]] = (str(Path(__file__).with_name("localstack_alone.py")), "taskguard.engine")
    variables: ClassVar[Mapping[str, str]] = {
        name: value for name, value in LocalStack.variables.items() if name not in _OURS
    }
