"""Functions with roles of their own: MiniStack, started by the harness, knows and enforces them."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from taskguard.targets.base import Endpoint

from tests.engine.conftest import Function, create_function


def create(endpoint: Endpoint, source: str, *, actions: Sequence[str] = (), **options: Any) -> Function:
    """As ``create_function``, for a function that may do this and no more."""
    iam: Any = endpoint.client("iam")
    trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    name = f"role-{uuid4().hex[:8]}"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trusted))["Role"]["Arn"]
    if actions:
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=_policy(allowed))
    return create_function(endpoint, source, role=role, **options)


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
