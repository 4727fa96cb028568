"""The policies of a role, its own and those attached to it, as documents that are read from IAM.

It must not know what a role should allow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from taskguard.targets.base import Endpoint


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy of a role. ``where`` is how to speak of it."""

    where: str
    document: Any


def policies_of(endpoint: Endpoint, role_arn: str) -> Iterator[Policy]:
    """All policies of this role."""
    iam, role = endpoint.client("iam"), role_arn.rsplit("/", 1)[-1]
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=role):
        for name in page["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            yield Policy(f"the policy {name} of the role {role}", parsed(document))
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
        for attached in page["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            yield Policy(f"the policy {arn} of the role {role}", parsed(document))


def parsed(document: Any) -> Any:
    """A policy document, however it came."""
    # botocore decodes it; IAM itself answers with URL-encoded text, and some engine may do so twice.
    return json.loads(unquote(document)) if isinstance(document, str) else document
