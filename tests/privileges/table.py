"""Permissions held against calls: a row for each thing a function is allowed to do, and for each it did without.

Too few is a call that its role does not allow: on AWS it would have been refused. Too many is a permission that no call
used. What the platform does in a function's role where nobody sees it is said to be so, with the page that asks for it,
and counts as neither. This module is pure; it must not know how calls were recorded or roles read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from taskguard.evidence.privileges.actions import Access, Place, matches
from taskguard.evidence.privileges.uses import uses_of as needed_in
from taskguard.evidence.recorder.recording import Call, Invocation, Recording

from tests.privileges.policies import Statement, is_allowed
from tests.privileges.roles import Role

PLATFORM = "(the platform, in the function's role)"
NO_TEST = "(a call that names no test's task)"

# Done by Lambda itself, in no request that an engine of ours makes. They have no type of resource to be narrowed to:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
NOT_VISIBLE = {
    "xray:PutTraceSegments": "https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html",
    "xray:PutTelemetryRecords": "https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html",
}


class State(StrEnum):
    """What is to be said of a permission or of a call without one."""

    USED = "allowed, used"
    UNUSED = "allowed, never used"
    TOO_WIDE = "allowed too widely"
    NOT_ALLOWED = "used, not allowed"
    NOT_VISIBLE = "allowed, not to be seen"


@dataclass(frozen=True, slots=True)
class Use:
    """A call that needed a permission; ``seen_in`` is the test it was made in, or says where else."""

    function: str
    access: Access
    seen_in: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One permission of one function, as allowed, or as needed when it was not; ``seen_in`` are the tests."""

    function: str
    action: str
    resource: str
    state: State
    seen_in: tuple[str, ...] = ()
    page: str | None = None


def uses_of(recording: Recording, roles: Sequence[Role], place: Place, tests: Mapping[str, str]) -> list[Use]:
    """The permissions that these roles' functions needed, in the order of the recording.

    ``tests`` maps the beginnings of task ids to the tests that chose them: a call is of the test whose task it names, or
    whose message.
    """
    # The longest first: one may begin with another.
    tests = {prefix: tests[prefix] for prefix in sorted(tests, key=len, reverse=True)}
    by_function = {role.function: role.arn for role in roles}
    return [
        Use(need.function, need.access, _test_of(need.call, recording.invocations, tests) if need.call else PLATFORM)
        for need in needed_in(recording, by_function, place)
    ]


def _test_of(call: Call, invocations: Mapping[str, Invocation], tests: Mapping[str, str]) -> str:
    texts = [repr(call.parameters)]
    invocation = invocations.get(call.request_id or "")
    if invocation is not None:
        texts += [message.body for message in invocation.messages if message.receipt_handle in texts[0]]
    return next((test for prefix, test in tests.items() if any(prefix in text for text in texts)), NO_TEST)


def table_of(roles: Iterable[Role], uses: Iterable[Use], *, complete: bool) -> list[Row]:
    """The table of these functions, by function and action.

    ``complete`` is whether all tests had their say: before that nothing can be called unused, and is left out.
    """
    by_function: dict[str, list[Use]] = {}
    for use in uses:
        by_function.setdefault(use.function, []).append(use)
    rows = {row for role in roles for row in _rows(role, by_function.get(role.function, []))}
    kept = (row for row in rows if complete or row.state is not State.UNUSED)
    return sorted(kept, key=lambda row: (row.function, row.action, row.resource))


def _rows(role: Role, uses: Sequence[Use]) -> Iterator[Row]:
    for statement in role.statements:
        if statement.allows:
            yield from _granted(role.function, statement, uses)
    missing = {use.access for use in uses if not is_allowed(role.statements, use.access)}
    for access in missing:
        yield Row(
            function=role.function,
            action=access.action,
            resource=access.resource,
            state=State.NOT_ALLOWED,
            seen_in=_seen_in(use for use in uses if use.access == access),
        )


def _granted(function: str, statement: Statement, uses: Sequence[Use]) -> Iterator[Row]:
    for action in statement.actions:
        for resource in statement.resources:
            seen_in = _seen_in(
                use
                for use in uses
                if matches(action.lower(), use.access.action.lower()) and matches(resource, use.access.resource)
            )
            state = State.USED if seen_in else State.UNUSED
            if "*" in action or "?" in action or (resource == "*" and action not in NOT_VISIBLE):
                state = State.TOO_WIDE
            elif not seen_in and action in NOT_VISIBLE:
                state = State.NOT_VISIBLE
            yield Row(
                function=function,
                action=action,
                resource=resource,
                state=state,
                seen_in=seen_in,
                page=NOT_VISIBLE.get(action),
            )


def _seen_in(uses: Iterable[Use]) -> tuple[str, ...]:
    # Tests first, what stands in brackets last.
    return tuple(sorted(dict.fromkeys(use.seen_in for use in uses), key=lambda name: name.startswith("(")))
