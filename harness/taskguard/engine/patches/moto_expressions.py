"""moto: DynamoDB's expressions are kept once they were read.

moto reads every expression anew, twice a write, and copies what it read attribute by attribute. A pipeline has a handful
of expressions, told apart by their values. This module must not know of LocalStack: whoever uses moto can use it.

Needed until a task costs the engine no more time without it: ``python -m bench.throughput``.
"""

import pickle
from collections import deque
from functools import lru_cache
from typing import Any

from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

_EXPRESSIONS = 1024
_read_condition = ConditionExpressionParser._lex_condition_expression


def apply() -> None:
    # Whoever changes an update's tree copies it before; a condition's parts are values, in a queue that gets emptied.
    UpdateExpressionParser.make = staticmethod(lru_cache(_EXPRESSIONS)(UpdateExpressionParser.make))
    ConditionExpressionParser._lex_condition_expression = lambda self: deque(_parts_of(self.condition_expression))
    validators.deepcopy = _copied
    Item.__deepcopy__ = lambda self, _known: _copied(self)


@lru_cache(_EXPRESSIONS)
def _parts_of(condition: str) -> tuple[Any, ...]:
    return tuple(_read_condition(ConditionExpressionParser(condition, {}, {})))


def _copied(value: Any) -> Any:
    """As ``copy.deepcopy`` would, in a fifth of the time."""
    return pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))  # noqa: S301  # what was made here just now
