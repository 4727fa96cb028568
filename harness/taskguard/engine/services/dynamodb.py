"""DynamoDB for the engine: moto's, with its operations made atomic.

LocalStack's own provider starts DynamoDB Local, a Java archive it would have to download. moto evaluates a condition and
writes the item in two steps that other threads can come between, so every operation passes through one lock: DynamoDB
serialises the writes to an item (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html).
"""

import threading

from localstack.aws.api import RequestContext, ServiceRequest, ServiceResponse
from localstack.aws.api.dynamodb import DynamodbApi
from localstack.aws.forwarder import ForwardingFallbackDispatcher
from localstack.services.moto import call_moto
from localstack.services.plugins import Service

operations = threading.Lock()
"""Held while an operation is under way."""


def _call_moto_alone(context: RequestContext, _request: ServiceRequest | None) -> ServiceResponse | None:
    with operations:
        return call_moto(context)


def create_service() -> Service:
    return Service.for_provider(
        # Answers nothing itself: each operation falls through to moto.
        DynamodbApi(),
        dispatch_table_factory=lambda provider: ForwardingFallbackDispatcher(provider, _call_moto_alone),
    )
