"""Makes a template deployable: what it names of local files is put into the engine's S3, or into the template itself.

What `aws cloudformation package` does, by the same rules
(https://docs.aws.amazon.com/cli/latest/reference/cloudformation/package.html), and not more: what is to be built is built before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from taskguard.errors import DeploymentError
from taskguard.service.deployers.publishing import Bucket, archive_of
from taskguard.service.deployers.templates import Resource, Template, read_document, read_template, resources_of
from taskguard.service.files import leads_out

CODE = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Lambda::Function": "Code",
    "AWS::Lambda::LayerVersion": "Content",
}
"""The property that names a function's or a layer's files, by the resource's type."""
_OF_THE_PLATFORM = ("AWS::Lambda::Function", "AWS::Lambda::LayerVersion")
"""Theirs is a place in S3 in parts; the others' may be one text."""
_DOCUMENTS = {
    "AWS::Serverless::Api": ("DefinitionUri", "DefinitionBody"),
    "AWS::Serverless::HttpApi": ("DefinitionUri", "DefinitionBody"),
    "AWS::Serverless::StateMachine": ("DefinitionUri", "Definition"),
    "AWS::ApiGateway::RestApi": ("BodyS3Location", "Body"),
    "AWS::ApiGatewayV2::Api": ("BodyS3Location", "Body"),
}
"""The property that names a file with a document, and the one that holds the document itself."""
_NESTED = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}
_KEYS_OF_A_MAPPING = 3
"""Its name, and the keys of the two levels below it."""
_PACKED = (".zip", ".jar")
_ELSEWHERE = ("s3://", "http://", "https://")

Built = Callable[[str, Path], Path]
"""From a resource's logical id and the place of its files to the place of what is to be deployed of them."""


@dataclass(frozen=True, slots=True)
class Packager:
    """Packages the template of ``folder`` into the ``bucket``. ``built`` tells what is deployed of a function's or layer's files.
    What lies outside of ``inside`` (none: of ``folder``) is not deployed."""

    folder: Path
    bucket: Bucket
    built: Built = lambda _, path: path
    inside: Path | None = None
    _kept: dict[Path, str] = field(default_factory=dict)

    def package(self, template: Template) -> None:
        """Replace each local path in the ``template`` by where its content is now.

        Raises:
            DeploymentError: a file or a package that is named is not there.
        """
        for resource in resources_of(template):
            if resource.kind in CODE:
                self._code(template, resource)
            elif resource.kind in _DOCUMENTS:
                self._document(resource)
            elif resource.kind in _NESTED:
                self._nested(resource)
        for include in _includes(template):
            if (path := self._local(include.get("Location"), "AWS::Include")) is not None:
                include["Location"] = f"s3://{self.bucket.name}/{self.bucket.keep(path.read_bytes(), path.suffix)}"

    def _code(self, template: Template, resource: Resource) -> None:
        key = CODE[resource.kind]
        named = code_of(template, resource)
        path = self._local(named, resource.logical_id)
        if path is None:
            self._make_sure_is_there(template, resource, named)
            return
        path = self.built(resource.logical_id, path)
        if path not in self._kept:
            body = path.read_bytes() if path.suffix in _PACKED and path.is_file() else archive_of(path)
            self._kept[path] = self.bucket.keep(body, path.suffix if path.suffix in _PACKED else ".zip")
        at = self._kept[path]
        inside = {"S3Bucket": self.bucket.name, "S3Key": at}
        resource.properties[key] = inside if resource.kind in _OF_THE_PLATFORM else f"s3://{self.bucket.name}/{at}"

    def _document(self, resource: Resource) -> None:
        named, held = _DOCUMENTS[resource.kind]
        if (path := self._local(resource.properties.get(named), resource.logical_id)) is not None:
            del resource.properties[named]
            resource.properties[held] = read_document(path)

    def _nested(self, resource: Resource) -> None:
        key = _NESTED[resource.kind]
        if (path := self._local(resource.properties.get(key), resource.logical_id)) is not None:
            template = read_template(path)
            Packager(path.parent, self.bucket, self.built, self.inside or self.folder, self._kept).package(template)
            at = self.bucket.keep(json.dumps(template).encode(), ".json")
            resource.properties[key] = f"https://s3.amazonaws.com/{self.bucket.name}/{at}"

    def _local(self, named: object, who: str) -> Path | None:
        """The path that is named; none where nothing local is."""
        if not isinstance(named, str) or named.startswith(_ELSEWHERE):
            return None
        path = (self.folder / named).resolve()
        if leads_out(path, self.inside or self.folder):
            raise DeploymentError(
                f"packaging {who} of the template in {self.folder.name}: it names {named}, which lies outside of the service's folder, and "
                "only that is deployed. Name the folder that has all of it as the service, and write into a taskguard.toml there where "
                'the template is:\n  [service]\n  template = "…/template.yaml"'
            )
        if not path.exists():
            raise DeploymentError(
                f"packaging {who} of the template in {self.folder.name}: it names {named}, which is not there. If a build makes it, "
                'say how the service is deployed in taskguard.toml:\n  [service]\n  deploy = "…"'
            )
        return path

    def _make_sure_is_there(self, template: Template, resource: Resource, named: object) -> None:
        place = _in_s3(template, named)
        if place is None:
            return
        bucket, key = place
        if not replace(self.bucket, name=bucket).has(key):
            raise DeploymentError(
                f"packaging {resource.logical_id} of the template: its package s3://{bucket}/{key} is not on the engine, where nothing "
                f"has put it. Name its folder as {CODE[resource.kind]}, or give the command that builds and deploys it in "
                'taskguard.toml:\n  [service]\n  deploy = "…"'
            )


def code_of(template: Template, resource: Resource) -> object:
    """What a function or layer says of where its files are. One that says nothing has those beside the template, unless its code is
    in the template, or an image."""
    properties = resource.properties
    named = properties.get(CODE[resource.kind])
    if named is None and resource.kind == "AWS::Serverless::Function":
        if "InlineCode" in properties or is_image(template, resource):
            return None
        return function_setting(template, resource, "CodeUri") or "."
    return named


def is_image(template: Template, resource: Resource) -> bool:
    """Whether a function is a container image."""
    return bool(function_setting(template, resource, "PackageType") == "Image")


def function_setting(template: Template, resource: Resource, name: str) -> Any:
    """A property of a function, or what the template's globals say of all functions:
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html"""
    said = resource.properties.get(name)
    if name not in resource.properties and resource.kind == "AWS::Serverless::Function":
        said = _at(template, ("Globals", "Function", name))
    return said if (text := _resolved(template, said)) is None else text


def _in_s3(template: Template, named: object) -> tuple[str, str] | None:
    """The bucket and the key, where both are known before the deploy."""
    if isinstance(named, str):
        if not named.startswith("s3://"):
            return None
        host, _, path = named.removeprefix("s3://").partition("/")
        return host, path
    if not isinstance(named, Mapping):
        return None
    bucket = _resolved(template, named.get("S3Bucket", named.get("Bucket")))
    key = _resolved(template, named.get("S3Key", named.get("Key")))
    return (bucket, key) if bucket is not None and key is not None else None


def _resolved(template: Template, value: object) -> str | None:
    """A text, be it a parameter's own value or one that stands in a mapping; none where it is not known before the deploy."""
    match value:
        case {"Ref": str(name), **more} if not more:
            default = _at(template, ("Parameters", name, "Default"))
            return default if isinstance(default, str) else None
        case {"Fn::FindInMap": [*keys], **more} if not more and len(keys) == _KEYS_OF_A_MAPPING:
            return _resolved(template, _at(template, ("Mappings", *(_resolved(template, key) for key in keys))))
        case str(text):
            return text
    return None


def _at(template: Template, keys: Iterable[str | None]) -> object:
    found: object = template
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _includes(value: Any) -> Iterator[dict[str, Any]]:
    """The parameters of each inclusion of a file: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-aws-include.html"""
    if isinstance(value, dict):
        for name in ("Fn::Transform", "Transform"):
            each = value.get(name)
            if isinstance(each, dict) and each.get("Name") == "AWS::Include":
                parameters = each.get("Parameters")
                if isinstance(parameters, dict):
                    yield parameters
        for each in value.values():
            yield from _includes(each)
    elif isinstance(value, list):
        for each in value:
            yield from _includes(each)
