"""IAM's policy documents, as far as a role's own permissions go: statements, and whether they allow an access.

The rules are those of https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html, for
identity-based policies alone. What is not understood is refused, since leaving it out would say too much or too little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from taskguard.errors import TaskGuardError
from taskguard.evidence.privileges.actions import Access, matches


class PolicyError(TaskGuardError):
    """A role's policy uses what cannot be judged here. Write it with actions and resources alone, or check it by hand."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; ``actions`` and ``resources`` are patterns, in which ``*`` and ``?`` stand for anything."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def covers(self, access: Access) -> bool:
        """Whether it speaks of this access."""
        return any(matches(action.lower(), access.action.lower()) for action in self.actions) and any(
            matches(resource, access.resource) for resource in self.resources
        )


def is_allowed(statements: Iterable[Statement], access: Access) -> bool:
    """Whether these statements allow the access: one allows it, and none denies it."""
    covering = [statement.allows for statement in statements if statement.covers(access)]
    return bool(covering) and all(covering)


def statements_of(document: Mapping[str, Any], where: str) -> list[Statement]:
    """The statements of a policy document; ``where`` names it in an error.

    Raises:
        PolicyError: a statement says something other than which actions on which resources are allowed or denied.
    """
    return [_statement(entry, where) for entry in _listed(document.get("Statement"))]


def _statement(entry: Mapping[str, Any], where: str) -> Statement:
    if strange := sorted(set(entry) - {"Sid", "Effect", "Action", "Resource"}):
        raise PolicyError(
            f"reading {where}: a statement has {', '.join(strange)}, which is not understood here. "
            "Write it with Action and Resource alone."
        )
    return Statement(
        allows=entry["Effect"] == "Allow",
        actions=tuple(_listed(entry.get("Action"))),
        resources=tuple(_listed(entry.get("Resource"))),
    )


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
