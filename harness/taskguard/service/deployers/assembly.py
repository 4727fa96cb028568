"""Reads what an app of the Cloud Development Kit synthesises, a cloud assembly, and puts it on the engine without a bootstrap stack.

https://github.com/aws/aws-cdk/blob/main/design/cloud-assembly.md tells the format: a manifest names stacks, what they depend on, and their assets.
It must not know how an assembly comes about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from taskguard.errors import DeploymentError
from taskguard.service.deployers.publishing import Bucket, archive_of
from taskguard.service.deployers.templates import Template
from taskguard.service.files import leads_out
from taskguard.targets.base import Endpoint

MANIFEST = "manifest.json"
ACCOUNT = "000000000000"
"""The engine's own account."""

_STACK, _ASSETS, _NESTED = "aws:cloudformation:stack", "cdk:asset-manifest", "cdk:cloud-assembly"
_BOOTSTRAP_PARAMETER, _BOOTSTRAP_RULE = "BootstrapVersion", "CheckBootstrapVersion"
_TEMPLATE_ENDING = ".template.json"


@dataclass(frozen=True, slots=True)
class AssemblyStack:
    """One stack of an assembly: CloudFormation's name of it, its template's file, and the values of its parameters. ``environment`` is
    where it says that it belongs, as ``aws://ACCOUNT/REGION``."""

    name: str
    template_file: Path
    parameters: Mapping[str, str]
    environment: str

    @property
    def region(self) -> str | None:
        """The region in it; none where it does not say which."""
        # https://docs.aws.amazon.com/cdk/v2/guide/environments.html: one without is an agnostic stack.
        region = self.environment.rpartition("/")[2]
        return None if region in ("", "unknown-region") else region

    def template(self) -> Template:
        return _without_bootstrap(_json(self.template_file))


@dataclass(frozen=True, slots=True)
class Assembly:
    """A cloud assembly in ``folder``, with those that are nested in it."""

    folder: Path

    def missing_context(self) -> tuple[str, ...]:
        """What was to be looked up in an account while the app ran: the providers, with what each was asked."""
        return tuple(
            f"{each.get('provider')} {json.dumps(each.get('props', {}), sort_keys=True)}"
            for manifest, _ in self._manifests()
            for each in manifest.get("missing") or ()
        )

    def stacks(self) -> tuple[AssemblyStack, ...]:
        """All stacks, each after those that it depends on.

        Raises:
            DeploymentError: they depend on each other in a circle.
        """
        found: dict[str, AssemblyStack] = {}
        depends: dict[str, set[str]] = {}
        for manifest, folder in self._manifests():
            for artifact_id, artifact in manifest["artifacts"].items():
                depends[artifact_id] = set(artifact.get("dependencies") or ())
                if artifact["type"] == _STACK:
                    found[artifact_id] = _stack_of(artifact_id, artifact, folder)
        try:
            order = list(TopologicalSorter(depends).static_order())
        except CycleError as error:
            raise DeploymentError(
                f"reading the app's stacks: they depend on each other in a circle: {error.args[1]}."
            ) from error
        return tuple(found[each] for each in order if each in found)

    def publish(self, endpoint: Endpoint) -> tuple[str, ...]:
        """Put all files that stacks refer to where these look for them; what could not be put there, a sentence for each."""
        impossible: list[str] = []
        buckets: dict[str, Bucket] = {}
        for manifest, folder in self._manifests():
            for artifact in manifest["artifacts"].values():
                if artifact["type"] == _ASSETS:
                    assets = _json(folder / artifact["properties"]["file"])
                    impossible += _not_published(assets)
                    for asset in (assets.get("files") or {}).values():
                        _publish(asset, folder, self.folder, endpoint, buckets)
        return tuple(impossible)

    def _manifests(self) -> Iterator[tuple[Mapping[str, Any], Path]]:
        return _manifests_below(self.folder)


def _manifests_below(folder: Path) -> Iterator[tuple[Mapping[str, Any], Path]]:
    manifest = _json(folder / MANIFEST)
    manifest = {**manifest, "artifacts": manifest.get("artifacts") or {}}
    yield manifest, folder
    for artifact in manifest["artifacts"].values():
        if artifact["type"] == _NESTED:
            yield from _manifests_below(folder / artifact["properties"]["directoryName"])


def _stack_of(artifact_id: str, artifact: Mapping[str, Any], folder: Path) -> AssemblyStack:
    properties = artifact.get("properties") or {}
    return AssemblyStack(
        name=properties.get("stackName") or artifact_id,
        template_file=folder / properties["templateFile"],
        parameters=properties.get("parameters") or {},
        environment=artifact.get("environment", ""),
    )


def _publish(
    asset: Mapping[str, Any], folder: Path, inside: Path, endpoint: Endpoint, buckets: dict[str, Bucket]
) -> None:
    source = asset["source"]
    if "path" not in source:
        return
    path = folder / source["path"]
    if leads_out(path, inside):
        raise DeploymentError(
            f"publishing {source['path']}: it lies outside of what the app has written, and only that is deployed. Let the app stage its "
            "assets."
        )
    if path.name.endswith(_TEMPLATE_ENDING):
        body = json.dumps(_without_bootstrap(_json(path))).encode()
    else:
        body = archive_of(path) if source.get("packaging") == "zip" else path.read_bytes()
    for destination in asset["destinations"].values():
        name = _filled(destination["bucketName"], endpoint.region)
        if name not in buckets:
            buckets[name] = Bucket(endpoint, name)
            buckets[name].make()
        buckets[name].put(_filled(destination["objectKey"], endpoint.region), body)


def _not_published(assets: Mapping[str, Any]) -> Iterator[str]:
    for name, image in (assets.get("dockerImages") or {}).items():
        where = (image.get("source") or {}).get("directory", name)
        yield f"The container image of {where} is not built: images cannot run here, and whatever invokes it fails."
    for name, file in (assets.get("files") or {}).items():
        if "executable" in (file.get("source") or {}):
            yield f"The file {name} is not made: it wants a program to be run when it is published."


def _filled(text: str, region: str) -> str:
    # https://github.com/aws/aws-cdk-cli/blob/main/packages/%40aws-cdk/cloud-assembly-api/lib/placeholders.ts
    values = {"AWS::AccountId": ACCOUNT, "AWS::Region": region, "AWS::Partition": "aws"}
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def _without_bootstrap(template: Template) -> Template:
    """The template without its demand for a bootstrap stack: what that brings is not used."""
    for part, name in (("Parameters", _BOOTSTRAP_PARAMETER), ("Rules", _BOOTSTRAP_RULE)):
        if name in (template.get(part) or {}):
            del template[part][name]
            if not template[part]:
                del template[part]
    return template


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DeploymentError(f"reading what the app synthesised, {file.name}: {error}.") from error
