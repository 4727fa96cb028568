"""Finds in the handlers' source which error codes a function can answer with, and under which status.

It reads the code as it is written: each call that makes an error's answer, wherever an entry point's imports lead. What it
cannot follow it refuses, so that no code can hide from the API's document.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HANDLERS = Path(__file__).parents[3] / "handlers"

Found = set[tuple[int, str]]


@dataclass(frozen=True)
class Module:
    """A module's syntax tree, with each node's parent."""

    name: str
    tree: ast.Module
    parents: dict[ast.AST, ast.AST]

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """What encloses a node, from the inside outwards."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def calls(self, *names: str) -> Iterator[ast.Call]:
        """The calls of functions by name, as `error(…)` or `answers.error(…)`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
                yield node


def codes(entry: str) -> Found:
    """The pairs of status and code that a function's module can answer with."""
    return set().union(*(_codes_in(module) for module in _reached(entry)))


@cache
def _module(name: str) -> Module:
    tree = ast.parse((HANDLERS / f"{name}.py").read_text(encoding="utf-8"))
    return Module(name, tree, {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)})


def _reached(entry: str) -> list[Module]:
    names, waiting = set[str](), [entry]
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting += _imported(_module(name).tree)
    return [_module(name) for name in sorted(names)]


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            package, _, name = node.module.partition(".")
            if package == HANDLERS.name:
                yield from [name] if name else (alias.name for alias in node.names)


def _codes_in(module: Module) -> Found:
    found = Found()
    for call in module.calls("answers.error", "BadRequest", "task_request.BadRequest"):
        status, code = call.args[:2]
        if ast.unparse(status) == "refusal.status" and ast.unparse(code) == "refusal.code":
            continue  # A BadRequest handed on, which was found where it is raised.
        if not (isinstance(status, ast.Constant) and isinstance(status.value, int)):
            raise AssertionError(_unreadable(module, call, "status"))
        found |= {(status.value, text) for text in _texts(module, call, code)}
    return found


def _texts(module: Module, call: ast.Call, code: ast.expr) -> set[str]:
    if isinstance(code, ast.Constant) and isinstance(code.value, str):
        return {code.value}
    if isinstance(code, ast.Name):
        return _given(module, call, code.id)
    if isinstance(code, ast.Attribute) and code.attr == "code":
        for node in module.around(call):
            if isinstance(node, ast.ExceptHandler) and node.type and ast.unparse(node.type) == "exact_json.JsonError":
                json = _module("exact_json")
                return set().union(*(_texts(json, raised, raised.args[0]) for raised in json.calls("JsonError")))
    raise AssertionError(_unreadable(module, call, "code"))


def _given(module: Module, call: ast.Call, parameter: str) -> set[str]:
    """What the enclosing function is given for a parameter, wherever the module calls it."""
    for node in module.around(call):
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args]
            if parameter not in names:
                break
            place = names.index(parameter)
            # Of a method the call leaves out the object.
            named, shift = (f"self.{node.name}", 1) if names[0] == "self" else (node.name, 0)
            calls = list(module.calls(named))
            return set().union(*(_texts(module, given, given.args[place - shift]) for given in calls))
    raise AssertionError(_unreadable(module, call, "code"))


def _unreadable(module: Module, call: ast.Call, what: str) -> str:
    return (
        f"handlers/{module.name}.py:{call.lineno} answers with a {what} that cannot be found by reading: {ast.unparse(call)}. "
        "Write it as a literal, or teach tests/unit/handlers/error_codes.py the new form."
    )
