"""CloudFormation templates as files: read from YAML or JSON, with the short forms of intrinsic functions written out.

It knows the language of templates, and nothing of what their resources are or where they are deployed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from taskguard.errors import DeploymentError

Template = dict[str, Any]
"""A template as a document of plain values, its intrinsic functions in their long form."""

NAMES = tuple(
    f"{name}.{ending}"
    for name in ("template", "cloudformation", "stack", "infrastructure", "sam")
    for ending in ("yaml", "yml", "json")
)
"""What a template beside a service's code is called, the likeliest first."""

SERVERLESS_TRANSFORM = "AWS::Serverless-2016-10-31"
_PLAIN = ("Ref", "Condition")
"""The functions whose long form has no prefix."""
_NO_TIMESTAMPS = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags. The version of a template, ``2010-09-09``, stays the text that it is."""

    yaml_implicit_resolvers = _NO_TIMESTAMPS


def _short_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101  # there is no fourth kind
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in _PLAIN else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)


def read_template(path: Path) -> Template:
    """The template in this file.

    Raises:
        DeploymentError: it cannot be read, or is none; names the file and the place.
    """
    document = read_document(path)
    if not is_template(document):
        raise DeploymentError(
            f"reading the template {path}: it has no Resources, so it is no template of CloudFormation."
        )
    template: Template = document
    return template


def read_document(path: Path) -> Any:
    """The YAML or JSON in this file, whatever it is.

    Raises:
        DeploymentError: it cannot be read; names the file and the place.
    """
    try:
        # Some editors begin a file with a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
        return json.loads(text) if path.suffix == ".json" else _loaded(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        told = str(error).replace('in "<unicode string>", ', "at ")
        raise DeploymentError(f"reading {path}: {told}. Mend it.") from error


def document_of(text: str) -> Any:
    """The JSON or YAML in this text, whatever it is; none where it is neither."""
    with suppress(ValueError):
        return json.loads(text)
    with suppress(ValueError, yaml.YAMLError):
        return _loaded(text)
    return None


def _loaded(text: str) -> Any:
    return yaml.load(text, _Loader)  # noqa: S506  # a safe one


def is_template(document: object) -> bool:
    """Whether this document is a template."""
    return isinstance(document, dict) and isinstance(document.get("Resources"), dict)


def is_serverless(template: Mapping[str, Any]) -> bool:
    """Whether it is written in the words of the Serverless Application Model."""
    named = template.get("Transform", ())
    return SERVERLESS_TRANSFORM in (named if isinstance(named, list) else [named])


def template_in(folder: Path, named: str | None = None) -> Path | None:
    """The template's file in a service's ``folder``: the one that is ``named``, or one of a usual name; none where there is none."""
    if named is not None:
        return folder / named
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a template; what is changed in its ``properties`` is changed in the template."""

    logical_id: str
    kind: str
    properties: dict[str, Any]
    metadata: Mapping[str, Any]


def resources_of(template: Template) -> Iterator[Resource]:
    """The resources that have a type, in the order of the template."""
    for logical_id, resource in template["Resources"].items():
        if isinstance(resource, dict) and isinstance(resource.get("Type"), str):
            if not isinstance(resource.get("Properties"), dict):
                resource["Properties"] = {}
            metadata = resource.get("Metadata")
            yield Resource(
                logical_id=logical_id,
                kind=resource["Type"],
                properties=resource["Properties"],
                metadata=metadata if isinstance(metadata, dict) else {},
            )
