"""The roles of a deployed stack's functions, read back with all their policies.

It asks the endpoint what is there, whatever the template said. It must not know what a role should allow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from taskguard.operating.privileges.policies import Statement, statements_of
from taskguard.service.deployment import stack_name
from taskguard.targets.base import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a function may do. ``function`` is its full name, ``arn`` the role's."""

    function: str
    arn: str
    statements: tuple[Statement, ...]


def roles_of(endpoint: Endpoint, stage: str) -> list[Role]:
    """The role of each function of the stack on this stage, by the functions' names.

    Raises:
        PolicyError: a policy cannot be judged.
        ClientError: the stack is not there, or cannot be read.
    """
    pages = endpoint.cloudformation().get_paginator("list_stack_resources").paginate(StackName=stack_name(stage))
    functions = sorted(
        each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == "AWS::Lambda::Function"
    )
    return [_role_of(endpoint, function) for function in functions]


def _role_of(endpoint: Endpoint, function: str) -> Role:
    arn = endpoint.functions().get_function_configuration(FunctionName=function)["Role"]
    name = arn.rsplit("/", 1)[-1]
    statements = tuple(
        statement
        for where, document in _documents(endpoint.client("iam"), name)
        for statement in statements_of(document, where)
    )
    return Role(function=function, arn=arn, statements=statements)


def _documents(iam: Any, role: str) -> Iterator[tuple[str, Any]]:
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=role):
        for name in page["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            yield f"the policy {name} of the role {role}", _parsed(document)
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
        for attached in page["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            yield f"the policy {arn} of the role {role}", _parsed(document)


def _parsed(document: Any) -> Any:
    # botocore decodes it; IAM itself answers with URL-encoded text, and some engine may do so twice.
    return json.loads(unquote(document)) if isinstance(document, str) else document
