"""Hands what the Serverless CLI packaged to an engine's CloudFormation, as the CLI would: it is needed to package, not to deploy.

It must not know whose service it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskguard.service.deployers.base import Job
from taskguard.service.deployers.change_sets import Deadline, deploy_template
from taskguard.service.deployers.publishing import CODE_BUCKET, Bucket

_TEMPLATE = "cloudformation-template-update-stack.json"
_DEPLOYMENT = re.compile(r"\b(ApiGatewayDeployment)\d{13}\b")
"""The CLI adds the time in milliseconds to the logical id."""
_OWN_BUCKET = "ServerlessDeploymentBucket"
"""The logical id of the bucket that the CLI makes for each stage which names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A service as it was packaged: its files are in ``folder``, and the template looks for them below ``keys_below``. The ``stage`` is the
    one that it has of its own. ``set_aside`` is what was not packaged as the service has it, and ``at_deploy`` are the plugins that have
    hooks for a deploy, with the names of these."""

    folder: Path
    stack_name: str
    keys_below: str
    stage: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    set_aside: tuple[str, ...] = ()
    at_deploy: tuple[str, ...] = ()


def publish(job: Job, package: Package) -> None:
    """Deploy the package; its files go into the bucket of all services.

    Raises:
        DeploymentError: as :func:`taskguard.service.deployers.change_sets.deploy_template`.
    """
    bucket, keys = Bucket(job.endpoint), dict[str, str]()
    bucket.make()
    for file in package.folder.iterdir():
        # A plugin may leave a folder beside the packages.
        if file.is_file():
            body = file.read_bytes()
            # By content: the CLI calls what it packages by the time, and what did not change is to be the same.
            key = f"{hashlib.sha256(body).hexdigest()}/{file.name}"
            bucket.put(key, body)
            keys[f"{package.keys_below}/{file.name}"] = key
    template = _named_by_content(with_keys(template_in(package.folder), keys), keys.values())
    deadline = Deadline(job.within_seconds, job.abandoned)
    deploy_template(job.endpoint, package.stack_name, template, package.parameters, deadline, code_alone=job.code_alone)


def with_keys(value: Any, keys: Mapping[str, str]) -> Any:
    """A part of a template with other keys of the bucket in the place of those that it has."""
    if isinstance(value, str):
        return next((value.replace(old, new) for old, new in keys.items() if old in value), value)
    if isinstance(value, dict):
        return {key: with_keys(each, keys) for key, each in value.items()}
    return [with_keys(each, keys) for each in value] if isinstance(value, list) else value


def _named_by_content(template: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """The template with the API's deployment called by all that the template has but code, instead of the time when it was made: what did
    not change is to be the same here, too."""
    text = json.dumps(template)
    about = _DEPLOYMENT.sub(r"\1", text)
    for key in keys:
        about = about.replace(key, "")
    by_content = hashlib.sha256(about.encode()).hexdigest()[:13]
    named: dict[str, Any] = json.loads(_DEPLOYMENT.sub(rf"\g<1>{by_content}", text))
    return named


def template_in(package: Path) -> dict[str, Any]:
    """The template, without a bucket of the stage's own: no service knows of it."""
    template: dict[str, Any] = json.loads((package / _TEMPLATE).read_text(encoding="utf-8"))
    for part in ("Resources", "Outputs"):
        template[part] = {
            name: _in_the_common_bucket(each)
            for name, each in template.get(part, {}).items()
            if not name.startswith(_OWN_BUCKET)
        }
    return template


def _in_the_common_bucket(value: Any) -> Any:
    if value == {"Ref": _OWN_BUCKET}:
        return CODE_BUCKET
    if isinstance(value, dict):
        return {key: _in_the_common_bucket(each) for key, each in value.items()}
    return [_in_the_common_bucket(each) for each in value] if isinstance(value, list) else value
