"""Deploys a template of the Serverless Application Model, which the engine itself transforms.

What is particular to SAM is its configuration file: parameters and the stack's name are taken from there, as `sam deploy` takes them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskguard.errors import DeploymentError
from taskguard.service.config import DeployerName
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.cloudformation import CloudFormation
from taskguard.service.deployers.parameters import overrides
from taskguard.service.deployers.templates import SERVERLESS_TRANSFORM, read_document

_CONFIGURATIONS = ("samconfig.toml", "samconfig.yaml", "samconfig.yml")
"""In the order in which SAM's command looks for them:
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html"""
_ENVIRONMENT = "default"
_COMMANDS = ("global", "deploy")
"""Whose settings count, the last ones most."""


@dataclass(frozen=True, slots=True)
class Sam(CloudFormation):
    """A template with SAM's transform."""

    name: DeployerName = DeployerName.SAM
    looks_for: str = "template of SAM (template.yaml)"

    def region_of(self, job: Job) -> str | None:
        region = _settings(job.places.service).get("region")
        return region if isinstance(region, str) else None

    def _is_its_own(self, text: str) -> bool:
        return SERVERLESS_TRANSFORM in text

    def _base_name(self, service: Path) -> str:
        return str(_settings(service).get("stack_name") or service.name)

    def _usual_parameters(self, folder: Path) -> Mapping[str, str]:
        return overrides(_settings(folder).get("parameter_overrides"))


def _settings(folder: Path) -> Mapping[str, Any]:
    file = next((folder / name for name in _CONFIGURATIONS if (folder / name).is_file()), None)
    told = {} if file is None else _document(file)
    found: dict[str, Any] = {}
    for command in _COMMANDS:
        named: Any = told
        for key in (_ENVIRONMENT, command, "parameters"):
            named = named.get(key) if isinstance(named, Mapping) else None
        found.update(named if isinstance(named, Mapping) else {})
    return found


def _document(file: Path) -> Any:
    if file.suffix != ".toml":
        return read_document(file)
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DeploymentError(f"reading {file}: {error}. Mend it.") from error
