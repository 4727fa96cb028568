"""moto: DynamoDB's expressions are kept once they were read, and gone through once for each thing that is looked for.

moto reads every expression anew, twice a write, and copies what it read attribute by attribute; an update it goes through ten times,
and asks of each part whether it is of a kind, for which it makes a table each time. A pipeline has a handful
of expressions, told apart by their values. This module must not know of LocalStack: whoever uses moto can use it.

Needed until a task costs the engine no more time without it: ``python -m bench.throughput``.
"""

import pickle
from collections import deque
from functools import lru_cache
from typing import Any

from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models.dynamo_type import Item, LimitedSizeDict
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

_EXPRESSIONS = 1024
_read_condition = ConditionExpressionParser._lex_condition_expression


def apply() -> None:
    # Whoever changes an update's tree copies it before; a condition's parts are values, in a queue that gets emptied.
    UpdateExpressionParser.make = staticmethod(lru_cache(_EXPRESSIONS)(UpdateExpressionParser.make))
    ConditionExpressionParser._lex_condition_expression = lambda self: deque(_parts_of(self.condition_expression))
    validators.deepcopy = _copied
    Item.__deepcopy__ = lambda self, _known: _copied(self)
    LimitedSizeDict.__reduce__ = lambda self: (_with_attributes, (dict(self),))
    DepthFirstTraverser.traverse = _traverse
    # moto asks this of each part of an expression; the whole has all that its parts have.
    validators.ActionCountValidator.traverse = validators.ActionCountValidator.verify_action_counts
    validators.OverlappingPathsValidator.traverse = validators.OverlappingPathsValidator.check_for_overlapping_paths


@lru_cache(_EXPRESSIONS)
def _parts_of(condition: str) -> tuple[Any, ...]:
    return tuple(_read_condition(ConditionExpressionParser(condition, {}, {})))


def _copied(value: Any) -> Any:
    """As ``copy.deepcopy`` would, in a fifth of the time."""
    return pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))  # noqa: S301  # what was made here just now


def _with_attributes(attributes: dict[str, Any]) -> LimitedSizeDict:
    # They were together before: their size is not to be held against the limit again, one by one.
    copied = LimitedSizeDict()
    dict.update(copied, attributes)
    return copied


def _traverse(self: DepthFirstTraverser, tree: Node) -> Node:
    """What moto's does, depth first: each node of a kind that is looked for is replaced by what is made of it."""
    makes = self._processing_map()
    kinds = tuple(makes)

    def replaced(node: Node, place: int) -> Node:
        above = node.parent
        for number, child in enumerate(node.children or ()):
            self.pre_processing_of_child(node, number)
            if _kind_of(child.__class__, (Node,)):
                replaced(child, number)
        kind = _kind_of(node.__class__, kinds)
        if kind is None:
            return node
        made = makes[kind](node)
        made.parent = above
        if above:
            above.children[place] = made
        return made

    return replaced(tree, -1)


@lru_cache(_EXPRESSIONS)
def _kind_of(part: type[Any], kinds: tuple[type[Node], ...]) -> type[Node] | None:
    return next((kind for kind in kinds if issubclass(part, kind)), None)
