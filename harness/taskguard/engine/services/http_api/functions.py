"""A function is invoked for somebody who sent a request, if its policy lets the gateway do so, and as long as the gateway waits.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html and
https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedTooLong
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from botocore.exceptions import ClientError
from localstack.aws.connect import connect_to
from localstack.services.lambda_.invocation.models import lambda_stores

LOG = logging.getLogger(__name__)

GATEWAY = "apigateway.amazonaws.com"


class InvocationError(Exception):
    """The gateway has no answer of the function's."""


class NotAllowedError(InvocationError):
    """The function's policy does not let the gateway invoke it."""


class FunctionFailedError(InvocationError):
    """The function has failed, with this message, or is not there."""


class TooLateError(InvocationError):
    """The function has not answered in time, or cannot be invoked just now."""


class TooLargeError(InvocationError):
    """The event is larger than an invocation takes."""


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function as its ARN names it; ``qualifier`` is a version or an alias."""

    region: str
    account: str
    name: str
    qualifier: str | None

    @classmethod
    def of(cls, uri: str) -> FunctionName:
        """Of an ARN, or of the address by which API Gateway invokes.

        Raises:
            ValueError: it is neither.
        """
        arn = uri.split("/functions/", 1)[-1].removesuffix("/invocations")
        parts = arn.split(":")
        if len(parts) not in (7, 8) or parts[2] != "lambda":
            raise ValueError(uri)
        return cls(region=parts[3], account=parts[4], name=parts[6], qualifier=parts[7] if len(parts) == 8 else None)

    def __str__(self) -> str:
        arn = f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"
        return f"{arn}:{self.qualifier}" if self.qualifier else arn


def lets_gateway(function: FunctionName, source_arns: Sequence[str]) -> bool:
    """Whether the function's policy lets API Gateway invoke it for one of these ARNs of a route."""
    return any(
        _is_listed(statement, "lambda:InvokeFunction")
        and GATEWAY in _listed(_principals(statement))
        and _fits(statement, function.account, source_arns)
        for statement in statements_of(function)
    )


def statements_of(function: FunctionName) -> list[Mapping[str, Any]]:
    """What the function's policy says, for the version or alias that is meant."""
    found = lambda_stores[function.account][function.region].functions.get(function.name)
    if found is None:
        return []
    policy = found.permissions.get(function.qualifier or "$LATEST")
    return list(policy.policy.Statement) if policy is not None else []


def invoke(function: FunctionName, event: Mapping[str, Any], limit_seconds: float) -> bytes:
    """What the function returns.

    Raises:
        InvocationError: it returns nothing.
    """
    answer: Future[bytes] = Future()

    def run() -> None:
        try:
            answer.set_result(_invoked(function, event))
        except BaseException as error:  # it is raised where it is waited for
            answer.set_exception(error)

    # As on Lambda, a function that nobody waits for any more works on.
    threading.Thread(target=run, name=f"gateway-{function.name}", daemon=True).start()
    try:
        return answer.result(limit_seconds)
    except WaitedTooLong as error:
        raise TooLateError(f"{function.name} has not answered within {limit_seconds:g} s") from error


def _invoked(function: FunctionName, event: Mapping[str, Any]) -> bytes:
    client = connect_to(aws_access_key_id=function.account, region_name=function.region).lambda_
    payload = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    try:
        told = client.invoke(FunctionName=str(function), Payload=payload)
    except ClientError as error:
        LOG.warning("A gateway could not invoke %s: %s", function, error)
        raise _reason(error) from error
    returned: bytes = told["Payload"].read()
    if told.get("FunctionError"):
        raise FunctionFailedError(_message(returned))
    return returned


def _message(returned: bytes) -> str:
    try:
        told = json.loads(returned)
    except ValueError:
        return ""
    return str(told.get("errorMessage", "")) if isinstance(told, Mapping) else ""


def _reason(error: ClientError) -> InvocationError:
    code = error.response["Error"]["Code"]
    if code == "RequestEntityTooLargeException":
        return TooLargeError(code)
    return TooLateError(code) if code == "TooManyRequestsException" else FunctionFailedError(code)


def _is_listed(statement: Mapping[str, Any], action: str) -> bool:
    actions = _listed(statement.get("Action"))
    return statement.get("Effect") == "Allow" and any(fnmatchcase(action, each) for each in actions)


def _principals(statement: Mapping[str, Any]) -> Iterable[str]:
    principal = statement.get("Principal")
    told = principal if isinstance(principal, Mapping) else {"AWS": principal}
    for each in told.values():
        yield from (GATEWAY if one == "*" else str(one) for one in _listed(each))


def _fits(statement: Mapping[str, Any], account: str, source_arns: Sequence[str]) -> bool:
    conditions: Mapping[str, Mapping[str, Any]] = statement.get("Condition") or {}
    for told in conditions.values():
        for key, wanted in told.items():
            allowed = _listed(wanted)
            if key.lower() == "aws:sourcearn" and not any(fnmatchcase(a, p) for a in source_arns for p in allowed):
                return False
            if key.lower() == "aws:sourceaccount" and account not in allowed:
                return False
    return True


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
