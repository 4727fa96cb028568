"""The permissions that a recording's calls needed, those of them that were not granted, and what was granted and none of them needed.

What the platform does in a function's role, such as polling a queue, counts as used. Of what cannot be seen nothing is said: logs
and traces are delivered by Lambda itself, and of services whose calls name their resources in ways that are not known here. A role
none of whose functions was invoked had no chance to use anything. This must not know what a role should allow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from taskguard.evidence.privileges.actions import UNKNOWN_RESOURCE, Access, Place, accesses_of, matches
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


_ANYWHERE = re.compile(r"^(arn:)[^:]*:([^:]*):[^:]*:[^:]*:")
"""Of an ARN what says where the thing is."""

_VARIABLE = re.compile(r"\$\{[^}]*\}")
"""What a policy leaves to the request: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html."""


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


def with_uses(settings: Iterable[Event], recording: Recording, stack: Stack, region: str) -> list[Event]:
    """The settings, with the permissions that nothing used, and those that something needed and did not have."""
    return [
        replace(each, unused=unused(each, recording, stack, region), lacking=lacking(each, recording, stack, region))
        if isinstance(each, ConfigurationObserved)
        else each
        for each in settings
    ]


def unused(observed: ConfigurationObserved, recording: Recording, stack: Stack, region: str) -> tuple[Permission, ...]:
    """What was granted to each role, and was not used by any of its functions; the holder of each is all of them."""
    invoked = {each.function for each in recording.invocations.values()}
    found: list[Permission] = []
    for holders, place in _holders(stack, region):
        if invoked.isdisjoint(holders):
            continue
        # Of a role that several share, each uses what all are granted.
        needed = {use.access for use in uses_of(recording, holders, place)}
        needed |= {access for holder in holders for access in _polled(stack, holder)}
        granted = [each for each in observed.permissions if each.holder in holders]
        found += [
            Permission(holder=", ".join(holders), actions=(action,), resources=(resource,))
            for action, resource in _granted(granted)
            # A batch is allowed by the action for one message: who grants its own as well does not mean more.
            if not any(_covers(action.removesuffix("Batch"), resource, access) for access in needed)
        ]
    return tuple(found)


def lacking(observed: ConfigurationObserved, recording: Recording, stack: Stack, region: str) -> tuple[Permission, ...]:
    """What each function did, or a queue's poller in its name, and its role does not grant: on AWS it is refused.

    A role that was not read may grant anything. A queue's own policy may let in whom no role does, and is read of the pipeline's two queues
    alone. Who grants the like in another region or account speaks of where the service is meant to run.
    """
    closed_queues = {
        stack.queues[each.queue].arn for each in observed.queues if not each.own_policy and each.queue in stack.queues
    }
    found: dict[tuple[str, Access], None] = {}
    for holders, place in _holders(stack, region):
        made = [
            use for use in uses_of(recording, holders, place) if use.call is not None and use.call.error_code is None
        ]
        needed = [(use.function, use.access) for use in made]
        needed += [(holder, access) for holder in holders for access in _polled(stack, holder)]
        granted = [each for each in observed.permissions if each.holder in holders]
        if not granted:
            continue
        grants = [(action, resource) for each in granted for action in each.actions for resource in each.resources]
        found |= {
            (holder, access): None
            for holder, access in needed
            if _is_understood(access)
            and (access.resource in closed_queues or not access.action.startswith("sqs:"))
            and not any(_covers(action, resource, access) for action, resource in grants)
        }
    return tuple(
        Permission(holder=holder, actions=(access.action,), resources=(access.resource,)) for holder, access in found
    )


def _holders(stack: Stack, region: str) -> Iterator[tuple[dict[str, str], Place]]:
    """The functions that share a role, with that, and where its account is."""
    roles = {each.name: each.role for each in stack.functions}
    for role in dict.fromkeys(roles.values()):
        place = Place(region=region, account=role.split(":")[4], partition=role.split(":")[1])
        yield {name: role for name, of in roles.items() if of == role}, place


def _polled(stack: Stack, holder: str) -> Iterator[Access]:
    for queue in (*stack.queues.values(), *stack.beside):
        if holder in queue.consumers:
            yield from (Access(action, queue.arn) for action in _POLLING)


def _granted(permissions: Iterable[Permission]) -> list[tuple[str, str]]:
    """Each action with each resource, once, as far as their use can be seen."""
    pairs = ((action, resource) for each in permissions for action in each.actions for resource in each.resources)
    return [
        (action, resource)
        for action, resource in dict.fromkeys(pairs)
        if action.startswith(_SERVICES) and not any(part in f"{action} {resource}" for part in _NOT_SEEN)
    ]


def _covers(action: str, resource: str, access: Access) -> bool:
    somewhere = _ANYWHERE.sub(r"\1*:\2:*:*:", _VARIABLE.sub("*", resource))
    return matches(action.lower(), access.action.lower()) and matches(somewhere, access.resource)


def _is_understood(access: Access) -> bool:
    seen = access.action.startswith(_SERVICES) and access.resource != UNKNOWN_RESOURCE
    return seen and not any(part in f"{access.action} {access.resource}" for part in _NOT_SEEN)


def _is_localstacks_own(call: PlatformCall) -> bool:
    # LocalStack asks for the log group before each new log stream; Lambda does so only where there is no group:
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    return call.operation == "CreateLogGroup" and call.error_code == "ResourceAlreadyExistsException"
