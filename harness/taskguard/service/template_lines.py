"""On which lines of a service's own template its parts stand, and their settings.

YAML and JSON are searched: a part is a name with what has a ``Type``, as CloudFormation has it, or a ``handler``, as a function of the
Serverless Framework. A name that stands for several parts has no line, and neither has what a program makes (CDK, or ``serverless.ts``). This must not know
which settings matter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from taskguard.service.files import configuration_files

_ENDINGS = frozenset({".yml", ".yaml", ".json"})

_SERVERLESS_NAMES: Mapping[str, str] = {
    "timeout": "Timeout",
    "reservedConcurrency": "ReservedConcurrentExecutions",
    "enabled": "Enabled",
    "functionResponseType": "FunctionResponseTypes",
}
"""What CloudFormation calls the settings of a function there, and those of its events."""


def template_lines(service: Path, names: Collection[str]) -> dict[str, str]:
    """Where the parts with these ``names`` stand, and their settings: `serverless.yml:42`, below the folder, by name
    (`TaskQueue.RedrivePolicy.maxReceiveCount`)."""
    found: dict[str, list[dict[str, str]]] = {}
    for file in configuration_files(service, _ENDINGS):
        at = file.relative_to(service).as_posix()
        for name, node, part in _parts(file, names):
            lines = {name: _at(at, node)} | {f"{name}.{setting}": _at(at, key) for setting, key in _settings(part)}
            found.setdefault(name, []).append(lines)
    return {name: line for one in found.values() if len(one) == 1 for name, line in one[0].items()}


def _parts(file: Path, names: Collection[str]) -> Iterator[tuple[str, Node, MappingNode]]:
    """Each of these parts in the file: its name, where that stands, and what it has."""
    text = file.read_text(encoding="utf-8", errors="replace")
    # Most files name nothing of it, and take long to read.
    if not any(name in text for name in names):
        return
    try:
        for document in yaml.compose_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            yield from _within(document, names)
    except (yaml.YAMLError, RecursionError):
        # In YAML a part may stand in itself.
        return


def _within(node: Node | None, names: Collection[str]) -> Iterator[tuple[str, Node, MappingNode]]:
    for key, value in _entries(node):
        if key.value in names and isinstance(value, MappingNode) and _is_part(value):
            yield key.value, key, value
        else:
            yield from _within(value, names)
    for each in node.value if isinstance(node, SequenceNode) else ():
        yield from _within(each, names)


def _is_part(value: MappingNode) -> bool:
    return not {"Type", "handler", "image"}.isdisjoint(each.value for each, _ in _entries(value))


def _settings(part: MappingNode) -> Iterator[tuple[str, Node]]:
    """The settings of a part, one below another as `RedrivePolicy.maxReceiveCount`; those of a function's events without the event's name."""
    for key, value in _entries(part):
        if key.value == "Properties":
            yield from _below(value)
        elif key.value in _SERVERLESS_NAMES:
            yield _SERVERLESS_NAMES[key.value], key
        elif key.value == "events":
            yield from _of_events(value)


def _below(properties: Node) -> Iterator[tuple[str, Node]]:
    for key, value in _entries(properties):
        yield key.value, key
        if key.value == "Events":
            yield from _of_events(value)
        for inner, _ in _entries(value):
            yield f"{key.value}.{inner.value}", inner


def _of_events(events: Node) -> Iterator[tuple[str, Node]]:
    """The settings of the one event source mapping of a queue there; none where there are several."""
    found = [queue for queue in _queues(events) if isinstance(queue, MappingNode)]
    for key, _ in _entries(found[0]) if len(found) == 1 else ():
        yield _SERVERLESS_NAMES.get(key.value, key.value), key


def _queues(events: Node) -> Iterator[Node]:
    for each in events.value if isinstance(events, SequenceNode) else ():
        yield from (value for key, value in _entries(each) if key.value == "sqs")
    for _, event in _entries(events):
        of = {key.value: value for key, value in _entries(event)}
        if getattr(of.get("Type"), "value", None) == "SQS" and "Properties" in of:
            yield of["Properties"]


def _entries(node: Node | None) -> Iterator[tuple[ScalarNode, Node]]:
    for key, value in node.value if isinstance(node, MappingNode) else ():
        if isinstance(key, ScalarNode):
            yield key, value


def _at(file: str, node: Node) -> str:
    return f"{file}:{node.start_mark.line + 1}"
