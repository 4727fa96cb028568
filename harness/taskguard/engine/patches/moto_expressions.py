"""moto: DynamoDB's expressions are kept once they were read, and gone through once for each thing that is looked for.

moto reads every expression anew, a condition twice a write, and copies what it read and the record attribute by attribute; an update it goes through
ten times, and asks of each part whether it is of a kind, for which it makes a table each time. A pipeline has a handful
of expressions, told apart by their values. This module must not know of LocalStack: whoever uses moto can use it.

Needed until a task costs the engine no more time without it: ``python -m bench.throughput``.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from moto.dynamodb.comparisons import AttributeValue, ConditionExpressionParser
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

_EXPRESSIONS = 1024
_parse, _make_operand = ConditionExpressionParser.parse, ConditionExpressionParser._make_operand
_VALUE = ConditionExpressionParser.Kind.EXPRESSION_ATTRIBUTE_VALUE


def apply() -> None:
    # Whoever changes an update's tree copies it before.
    UpdateExpressionParser.make = staticmethod(lru_cache(_EXPRESSIONS)(UpdateExpressionParser.make))
    ConditionExpressionParser.parse = _condition_of
    ConditionExpressionParser._make_operand = _operand_of
    for kind, copied in ((Node, _copied_tree), (DynamoType, _copied_value), (Item, _copied_item)):
        kind.__deepcopy__ = lambda self, _known, copied=copied: copied(self)
    DepthFirstTraverser.traverse = _traverse
    # moto asks this of each part of an expression; the whole has all that its parts have.
    validators.ActionCountValidator.traverse = validators.ActionCountValidator.verify_action_counts
    validators.OverlappingPathsValidator.traverse = validators.OverlappingPathsValidator.check_for_overlapping_paths


class _Read(ConditionExpressionParser):
    """A condition that was read once: its tree, without the values that it is about this time."""

    def __init__(self, condition: str, names: Iterable[tuple[str, str]], values: Iterable[str]) -> None:
        super().__init__(condition, dict(names), dict.fromkeys(values))
        _parse(self)

    def _make_op_condition(self, node: Any) -> None:
        self.tree = node


_read = lru_cache(_EXPRESSIONS)(_Read)


def _condition_of(self: ConditionExpressionParser) -> Any:
    condition = self.condition_expression
    if not condition:
        return _parse(self)
    names, values = self.expression_attribute_names or {}, self.expression_attribute_values or {}
    read = _read(condition, frozenset(names.items()), frozenset(values))
    self.expr_attr_names_found.extend(read.expr_attr_names_found)
    self.expr_attr_values_found.extend(read.expr_attr_values_found)
    return self._make_op_condition(read.tree)


def _operand_of(self: ConditionExpressionParser, node: Any) -> Any:
    """What a condition compares: a value is that of this time, not of the time when the condition was read."""
    return (
        AttributeValue(self._lookup_expression_attribute_value(node.text))
        if node.kind == _VALUE
        else _make_operand(self, node)
    )


def _copied_tree(node: Node) -> Node:
    """A copy whose nodes do not know what is above them, which only moto's own way through a tree asks: it goes when nobody has it."""
    copied = object.__new__(node.__class__)
    children = node.children and [_copied_tree(each) if isinstance(each, Node) else each for each in node.children]
    copied.__dict__.update(type=node.type, children=children, parent=None)
    return copied


def _copied_value(value: DynamoType) -> DynamoType:
    inside = value.value
    if isinstance(inside, dict):
        inside = {name: _copied_value(each) for name, each in inside.items()}
    elif isinstance(inside, list):
        # Of a set what is in it, as it is.
        inside = [_copied_value(each) if isinstance(each, DynamoType) else each for each in inside]
    else:
        # moto puts another one in the place of such a value.
        return value
    copied = object.__new__(DynamoType)
    copied.__dict__.update(type=value.type, value=inside)
    return copied


def _copied_item(item: Item) -> Item:
    copied = object.__new__(Item)
    copied.__dict__.update(item.__dict__)
    copied.attrs = LimitedSizeDict()
    # They were together before: their size is not to be held against the limit again, one by one.
    dict.update(copied.attrs, {name: _copied_value(each) for name, each in item.attrs.items()})
    return copied


class _Kinds(dict[type[Any], type[Node] | None]):
    """Of which of some kinds each class is, the first that fits."""

    def __init__(self, kinds: Sequence[type[Node]]) -> None:
        self._kinds = kinds

    def __missing__(self, part: type[Any]) -> type[Node] | None:
        self[part] = kind = next((kind for kind in self._kinds if issubclass(part, kind)), None)
        return kind


_kinds_of = lru_cache(_EXPRESSIONS)(_Kinds)
_nodes = _Kinds((Node,))


def _traverse(self: DepthFirstTraverser, tree: Node) -> Node:
    """What moto's does, depth first: each node of a kind that is looked for is replaced by what is made of it."""
    makes = self._processing_map()
    return _replaced(self, makes, _kinds_of(tuple(makes)), tree)


def _replaced(self: DepthFirstTraverser, makes: dict[type[Node], Any], kinds: _Kinds, node: Node) -> Node:
    children = node.children
    for number, child in enumerate(children or ()):
        self.pre_processing_of_child(node, number)
        if _nodes[child.__class__]:
            children[number] = _replaced(self, makes, kinds, child)
    kind = kinds[node.__class__]
    return node if kind is None else makes[kind](node)
