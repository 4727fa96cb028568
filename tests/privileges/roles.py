"""The roles of a deployed stack's functions, read back with all their policies.

It asks the endpoint what is there, whatever the template said. It must not know what a role should allow.
"""

from __future__ import annotations

from dataclasses import dataclass

from taskguard.service.role_policies import policies_of
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

from tests.privileges.policies import Statement, statements_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a function may do. ``function`` is its full name, ``arn`` the role's."""

    function: str
    arn: str
    statements: tuple[Statement, ...]


def roles_of(endpoint: Endpoint, stack: Stack) -> list[Role]:
    """The role of each function of the stack, by the functions' names.

    Raises:
        PolicyError: a policy cannot be judged.
        ClientError: a role cannot be read.
    """
    roles = []
    for function in sorted(stack.functions, key=lambda each: each.name):
        policies = policies_of(endpoint, function.role)
        statements = [found for policy in policies for found in statements_of(policy.document, policy.where)]
        roles.append(Role(function=function.name, arn=function.role, statements=tuple(statements)))
    return roles
