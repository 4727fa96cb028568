"""Puts changed code into the functions of a stack without deploying it anew, where nothing else of its template has changed.

Code is compared by its digest, which a function tells: what was put there before, by whomever, does not matter. It must not know how a
template is made.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from taskguard.service import function_code
from taskguard.service.deployers.assembly import ACCOUNT
from taskguard.service.deployers.packaging import CODE, function_setting
from taskguard.service.deployers.templates import Template, resources_of
from taskguard.targets.base import Endpoint

_FUNCTIONS = ("AWS::Lambda::Function", "AWS::Serverless::Function")
_AT_ONCE = 4
_NAMED = re.compile(r"[A-Za-z0-9]+")
_OF_ASSETS = "aws:asset:"
"""How CDK's notes in a resource's metadata begin that name its files."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a function's code lies."""

    bucket: str
    key: str


def is_all_else_equal(old: object, new: Template, region: str) -> bool:
    """Whether templates differ at most in where the code of functions lies: as texts, not by what the engine makes of them."""
    if not isinstance(old, dict) or not isinstance(old.get("Resources"), dict) or _publishes_versions(new):
        return False
    return json.dumps(_without_code(old, region), sort_keys=True) == json.dumps(
        _without_code(new, region), sort_keys=True
    )


def put_code(endpoint: Endpoint, template: Template, names: Mapping[str, str]) -> None:
    """Let each function of the template have the code that lies where the template says; ``names`` are their full names by logical ids, of
    those that are there.

    Raises:
        DeploymentError: one was not updated in time, or it failed.
        ClientError, BotoCoreError: as AWS's calls.
    """
    places = {logical_id: place for logical_id, place in _places(template, endpoint.region) if names.get(logical_id)}
    digests = {place: _digest_of(endpoint, place) for place in set(places.values())}
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="put-code") as pool:
        work = [
            pool.submit(_put, endpoint, names[logical_id], place, digests[place])
            for logical_id, place in places.items()
        ]
        for each in work:
            each.result()
    # One after the other: to ask for all of them all the time would keep the engine from it.
    for logical_id in places:
        function_code.wait_until_updated(endpoint, names[logical_id])


def _put(endpoint: Endpoint, name: str, place: _Place, digest: str) -> None:
    functions = endpoint.functions()
    if functions.get_function_configuration(FunctionName=name)["CodeSha256"] != digest:
        functions.update_function_code(FunctionName=name, S3Bucket=place.bucket, S3Key=place.key)


def _digest_of(endpoint: Endpoint, place: _Place) -> str:
    body = endpoint.client("s3").get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
    # https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html: CodeSha256 is in base64.
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _places(template: Template, region: str) -> Iterator[tuple[str, _Place]]:
    for resource in resources_of(template):
        if resource.kind in _FUNCTIONS:
            place = _place(resource.properties.get(CODE[resource.kind]), region)
            if place is not None:
                yield resource.logical_id, place


def _place(named: object, region: str) -> _Place | None:
    """The place that is named in S3; none where it is not told by itself, or the code is in the template."""
    if isinstance(named, str) and named.startswith("s3://"):
        bucket, _, key = named.removeprefix("s3://").partition("/")
        return _Place(bucket, key)
    if isinstance(named, Mapping) and named.keys() <= {"S3Bucket", "S3Key", "Bucket", "Key"}:
        told = (named.get("S3Bucket", named.get("Bucket")), named.get("S3Key", named.get("Key")))
        bucket_, key_ = (_literal(each, region) for each in told)
        return _Place(bucket_, key_) if bucket_ is not None and key_ is not None else None
    return None


def _literal(value: object, region: str) -> str | None:
    if isinstance(value, Mapping) and value.keys() == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
        # As CDK names the bucket of its assets.
        value = value["Fn::Sub"].replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", region)
    return value if isinstance(value, str) and "${" not in value else None


def _publishes_versions(template: Template) -> bool:
    """Whether a function's new code makes a version, which an alias is to lead to."""
    return any(
        resource.kind == "AWS::Serverless::Function" and function_setting(template, resource, "AutoPublishAlias")
        for resource in resources_of(template)
    )


def _without_code(template: Template, region: str) -> dict[str, Any]:
    bare = copy.deepcopy(template)
    for resource in resources_of(bare):
        if resource.kind in _FUNCTIONS and _place(resource.properties.get(CODE[resource.kind]), region) is not None:
            resource.properties[CODE[resource.kind]] = ""
            told = bare["Resources"][resource.logical_id]
            if isinstance(notes := told.get("Metadata"), dict):
                told["Metadata"] = {key: each for key, each in notes.items() if not key.startswith(_OF_ASSETS)}
    for section in ("Resources", "Outputs"):
        if isinstance(held := bare.get(section), dict):
            versions = _unused_versions(template)
            bare[section] = {name: each for name, each in held.items() if versions.isdisjoint((name, *_names_in(each)))}
    return _with_deployments_alike(bare)


def _with_deployments_alike(template: Template) -> dict[str, Any]:
    """The template with names for the deployments of its REST APIs that are the same each time: the Serverless Framework makes new ones whenever
    it packages, and where nothing else of an API differs another deployment of it is the same."""
    text = json.dumps(template)
    deployments = [each for each in resources_of(template) if each.kind == "AWS::ApiGateway::Deployment"]
    by_content = sorted(
        deployments, key=lambda each: json.dumps(template["Resources"][each.logical_id], sort_keys=True)
    )
    for number, each in enumerate(by_content):
        text = text.replace(json.dumps(each.logical_id), json.dumps(f"deployment {number}"))
    alike: dict[str, Any] = json.loads(text)
    return alike


def _unused_versions(template: Template) -> frozenset[str]:
    """The logical ids of published versions that nothing but outputs refers to: the Serverless Framework makes one of each function, by a new
    name for each code."""
    kinds = {resource.logical_id: resource.kind for resource in resources_of(template)}
    used = {name for each in template["Resources"].values() for name in _names_in(each)}
    return frozenset(name for name, kind in kinds.items() if kind == "AWS::Lambda::Version" and name not in used)


def _names_in(value: object) -> Iterator[str]:
    """Each text in a part of a template, and each name in those that others are put into."""
    if isinstance(value, str):
        yield from (value, *_NAMED.findall(value))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _names_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _names_in(each)
