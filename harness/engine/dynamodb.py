"""DynamoDB for the engine: moto's, with its operations made atomic.

LocalStack's own provider starts DynamoDB Local, a Java archive it would have to download. moto evaluates a condition and
writes the item in two steps that other threads can come between, so every operation passes through one lock: DynamoDB
serialises the writes to an item (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html).

moto also reads every expression anew, twice a write, and copies what it read attribute by attribute. A pipeline has a handful
of expressions, told apart by their values, so what was read is kept.
"""

import pickle
import threading
from collections import deque
from functools import lru_cache
from typing import Any

from localstack.aws.api import RequestContext, ServiceRequest, ServiceResponse
from localstack.aws.api.dynamodb import DynamodbApi
from localstack.aws.forwarder import ForwardingFallbackDispatcher
from localstack.services.moto import call_moto
from localstack.services.plugins import Service
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

from harness.engine import streams

_operations = threading.Lock()
_EXPRESSIONS = 1024
_read_condition = ConditionExpressionParser._lex_condition_expression


class AtomicDynamoDb(DynamodbApi):
    """Answers nothing itself: each operation falls through to moto."""


def _call_moto_alone(context: RequestContext, _request: ServiceRequest | None) -> ServiceResponse | None:
    with _operations:
        return call_moto(context)


def _copied(value: Any) -> Any:
    """As ``copy.deepcopy`` would, in a fifth of the time."""
    return pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))  # noqa: S301  # what was made here just now


@lru_cache(_EXPRESSIONS)
def _parts_of(condition: str) -> tuple[Any, ...]:
    return tuple(_read_condition(ConditionExpressionParser(condition, {}, {})))


def _remember_expressions() -> None:
    # Whoever changes an update's tree copies it before; a condition's parts are values, in a queue that gets emptied.
    UpdateExpressionParser.make = staticmethod(lru_cache(_EXPRESSIONS)(UpdateExpressionParser.make))
    ConditionExpressionParser._lex_condition_expression = lambda self: deque(_parts_of(self.condition_expression))
    validators.deepcopy = _copied
    Item.__deepcopy__ = lambda self, _known: _copied(self)


def create_service() -> Service:
    """The service that ``PROVIDER_OVERRIDE_DYNAMODB=taskguard`` selects."""
    _remember_expressions()
    streams.keep_in_files()
    return Service.for_provider(
        AtomicDynamoDb(),
        dispatch_table_factory=lambda provider: ForwardingFallbackDispatcher(provider, _call_moto_alone),
    )
