"""The permissions that a recording's calls needed, and those that were granted and that none of them needed.

What the platform does in a function's role, such as polling a queue, counts as used. Of what cannot be seen nothing is said: logs
and traces are delivered by Lambda itself, and of services whose calls name their resources in ways that are not known here. A role
none of whose functions was invoked had no chance to use anything. This must not know what a role should allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from taskguard.evidence.privileges.actions import Access, Place, accesses_of, matches
from taskguard.evidence.recorder.recording import Call, PlatformCall, Recording
from taskguard.history import ConfigurationObserved, Event, Permission
from taskguard.service.stack import Stack

# What a mapping's poller does in its function's role:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
_POLLING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")

_SERVICES = ("sqs:", "dynamodb:")
"""Those whose calls are understood well enough to say that one was not made."""

# A stream is read by a mapping's poller, and a statement of PartiQL is no operation of its own name.
_NOT_SEEN = ("dynamodb:PartiQL", "/stream/")


@dataclass(frozen=True, slots=True)
class Use:
    """A permission that a function's role was needed for: by a ``call`` of the function's, or by the platform, which has none."""

    function: str
    access: Access
    call: Call | None = None


def uses_of(recording: Recording, roles: Mapping[str, str], place: Place) -> Iterator[Use]:
    """The permissions that these functions needed, whose ``roles`` are given by their names, in the order of the recording."""
    for call in recording.calls:
        if call.function in roles:
            for access in accesses_of(call.service, call.operation, call.parameters, place):
                yield Use(call.function, access, call)
    for platform_call in recording.platform_calls:
        if _is_localstacks_own(platform_call):
            continue
        service, operation = platform_call.service, platform_call.operation
        for access in accesses_of(service, operation, platform_call.parameters, place):
            yield from (Use(function, access) for function, role in roles.items() if role == platform_call.role)


def with_unused(settings: Iterable[Event], recording: Recording, stack: Stack, region: str) -> list[Event]:
    """The settings, with the permissions that nothing used."""
    return [
        replace(each, unused=unused(each, recording, stack, region))
        if isinstance(each, ConfigurationObserved)
        else each
        for each in settings
    ]


def unused(observed: ConfigurationObserved, recording: Recording, stack: Stack, region: str) -> tuple[Permission, ...]:
    """What was granted to each role, and was not used by any of its functions; the holder of each is all of them."""
    roles = {each.name: each.role for each in stack.functions}
    invoked = {each.function for each in recording.invocations.values()}
    found: list[Permission] = []
    for role in dict.fromkeys(roles.values()):
        holders = [name for name, of in roles.items() if of == role]
        if invoked.isdisjoint(holders):
            continue
        place = Place(region=region, account=role.split(":")[4], partition=role.split(":")[1])
        needed = {use.access for use in uses_of(recording, dict.fromkeys(holders, role), place)}
        needed |= {
            Access(action, queue.arn)
            for queue in (*stack.queues.values(), *stack.beside)
            if not set(queue.consumers).isdisjoint(holders)
            for action in _POLLING
        }
        granted = [each for each in observed.permissions if each.holder in holders]
        found += [
            Permission(holder=", ".join(holders), actions=(action,), resources=(resource,))
            for action, resource in _granted(granted)
            if not any(_covers(action, resource, access) for access in needed)
        ]
    return tuple(found)


def _granted(permissions: Iterable[Permission]) -> list[tuple[str, str]]:
    """Each action with each resource, once, as far as their use can be seen."""
    pairs = ((action, resource) for each in permissions for action in each.actions for resource in each.resources)
    return [
        (action, resource)
        for action, resource in dict.fromkeys(pairs)
        if action.startswith(_SERVICES) and not any(part in f"{action} {resource}" for part in _NOT_SEEN)
    ]


def _covers(action: str, resource: str, access: Access) -> bool:
    # A batch is allowed by the action for one message, and has none of its own.
    pattern = action.removesuffix("Batch").lower() if action.startswith("sqs:") else action.lower()
    return matches(pattern, access.action.lower()) and matches(resource, access.resource)


def _is_localstacks_own(call: PlatformCall) -> bool:
    # LocalStack asks for the log group before each new log stream; Lambda does so only where there is no group:
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    return call.operation == "CreateLogGroup" and call.error_code == "ResourceAlreadyExistsException"
