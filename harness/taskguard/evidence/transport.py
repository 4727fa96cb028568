"""Whether a queue's own policy keeps away everybody who comes without TLS.

Such a statement denies all actions to all callers, on no other condition than that the call came unencrypted
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html) and, at most, not from
the machine itself, since what never leaves a machine can be listened to by nobody. It must not know whose policy it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

_ANYTHING = ("*", "sqs:*")


def refuses_unencrypted(policy: Mapping[str, Any], arn: str) -> bool:
    """Whether ``policy``, as SQS tells it of the queue ``arn``, has such a statement."""
    return any(isinstance(each, Mapping) and _refuses(each, arn) for each in listed(policy.get("Statement")))


def _refuses(statement: Mapping[str, Any], arn: str) -> bool:
    return (
        statement.get("Effect") == "Deny"
        and _is_everybody(statement.get("Principal"))
        and any(str(action).lower() in _ANYTHING for action in listed(statement.get("Action")))
        and any(resource in ("*", arn) for resource in listed(statement.get("Resource", arn)))
        and _is_of_unencrypted_calls(statement.get("Condition"))
    )


def _is_everybody(principal: Any) -> bool:
    return "*" in listed(principal.get("AWS") if isinstance(principal, Mapping) else principal)


def _is_of_unencrypted_calls(condition: Any) -> bool:
    if not isinstance(condition, Mapping):
        return False
    # Conditions are all met at once, and names of keys are written in any case.
    wanted = {
        (str(operator).lower(), str(key).lower()): [str(value).lower() for value in listed(values)]
        for operator, keys in condition.items()
        if isinstance(keys, Mapping)
        for key, values in keys.items()
    }
    unencrypted = wanted.pop(("bool", "aws:securetransport"), None)
    elsewhere = wanted.pop(("notipaddress", "aws:sourceip"), [])
    return unencrypted == ["false"] and not wanted and all(map(_is_this_machine, elsewhere))


def _is_this_machine(address: str) -> bool:
    try:
        return ip_network(address, strict=False).is_loopback
    except ValueError:
        return False


def listed(value: Any) -> list[Any]:
    """What a policy may give as one value or as several."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
