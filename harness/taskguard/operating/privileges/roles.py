"""The roles of a deployed stack's functions, read back with all their policies.

It asks the endpoint what is there, whatever the template said. It must not know what a role should allow.
"""

from __future__ import annotations

from dataclasses import dataclass

from taskguard.operating.privileges.policies import Statement, statements_of
from taskguard.service.role_policies import policies_of
from taskguard.service.stack import Function, Stack
from taskguard.targets.base import Endpoint


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
    return [_role_of(endpoint, function) for function in sorted(stack.functions, key=lambda each: each.name)]


def _role_of(endpoint: Endpoint, function: Function) -> Role:
    statements = tuple(
        statement
        for policy in policies_of(endpoint, function.role)
        for statement in statements_of(policy.document, policy.where)
    )
    return Role(function=function.name, arn=function.role, statements=statements)
