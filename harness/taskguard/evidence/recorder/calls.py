"""From a recording to the AWS calls of the stack's functions that may change or send something, each with the tasks that it names;
and to those by which services sent to its queues, as API Gateway does for a route.

Left out is what only reads, and how long a message is hidden, which `deliveries` tells. It must not know what a call is good for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.deliveries import tasks_of
from taskguard.evidence.recorder.recording import Call, Recording
from taskguard.history import Called, NotInAccount
from taskguard.service.stack import Stack
from taskguard.support.words import words_of

READS = ("Get", "List", "Describe", "Query", "Scan", "BatchGet", "Head", "Select", "Receive", "Lookup", "AssumeRole")
"""How the names of operations begin that change nothing."""

_HIDES = "ChangeMessageVisibility"

_RESOURCES = (
    "TableName",
    "QueueUrl",
    "TopicArn",
    "Bucket",
    "StreamName",
    "FunctionName",
    "stateMachineArn",
    "EventBusName",
)
"""The parameters that name what a call is about, of the services that a queue pipeline uses."""

_KEPT_IN_ACCOUNT: Mapping[tuple[str, str], tuple[Literal["ssm", "secretsmanager"], str]] = {
    ("ssm", "ParameterNotFound"): ("ssm", "Name"),
    ("secretsmanager", "ResourceNotFoundException"): ("secretsmanager", "SecretId"),
}
"""By the service that is asked and the error that says that it has no such thing: that service, and the parameter that names the thing."""

_SERVICES = {"apigateway": "API Gateway", "events": "EventBridge", "s3": "S3", "sns": "SNS"}
"""What services are called, by their principals."""


def calls_of(recording: Recording, stack: Stack, names: MessageWords, task_ids: frozenset[str]) -> Iterator[Called]:
    """The calls of the stack's functions; of the tasks those of ``task_ids`` are told."""
    labels = {function.name: function.label for function in stack.functions}
    for call in recording.calls:
        if call.function not in labels or call.operation.startswith((*READS, _HIDES)):
            continue
        words = words_of(call.parameters)
        named = _named(words, call, recording, names, task_ids)
        yield Called(
            at_ms=call.started_at_ms,
            answered_ms=call.ended_at_ms,
            function=labels[call.function],
            delivery_id=call.request_id,
            service=call.service,
            operation=call.operation,
            resource=_resource(call),
            task_ids=tuple(sorted(named)),
            status=call.status,
            error=call.error_code,
            guessed=not named <= words,
            left=_is_left(call, recording),
        )


def not_in_account(recording: Recording, stack: Stack) -> Iterator[NotInAccount]:
    """The parameters and secrets that the stack's functions asked for and did not find, each once."""
    labels = {function.name: function.label for function in stack.functions}
    told: set[tuple[str, str]] = set()
    for call in recording.calls:
        named = _KEPT_IN_ACCOUNT.get((call.service, call.error_code or ""))
        if named is None or call.function not in labels or not call.operation.startswith("Get"):
            continue
        service, parameter = named
        name = str(call.parameters.get(parameter, ""))
        if name and (service, name) not in told:
            told.add((service, name))
            yield NotInAccount(at_ms=call.ended_at_ms, function=labels[call.function], service=service, name=name)


def sends_of(recording: Recording, stack: Stack, names: MessageWords, task_ids: frozenset[str]) -> Iterator[Called]:
    """The messages that services sent to the stack's queues, for a route, a rule or the like, each with those of ``task_ids`` it names."""
    queues = {queue.name for queue in stack.queues.values()}
    for call in recording.service_calls:
        if _resource(call) in queues:
            yield Called(
                at_ms=call.started_at_ms,
                answered_ms=call.ended_at_ms,
                function=_SERVICES.get(call.function, call.function),
                delivery_id=None,
                service=call.service,
                operation=call.operation,
                resource=_resource(call),
                task_ids=tuple(sorted(tasks_named(call.parameters, call, recording, names, task_ids))),
                status=call.status,
                error=call.error_code,
            )


def tasks_named(
    parameters: Mapping[str, Any], call: Call, recording: Recording, names: MessageWords, task_ids: frozenset[str]
) -> frozenset[str]:
    """Those of ``task_ids`` that the parameters of a call name or, when they name none, the only one that its invocation was handed."""
    return _named(words_of(parameters), call, recording, names, task_ids)


def _named(
    words: frozenset[str], call: Call, recording: Recording, names: MessageWords, task_ids: frozenset[str]
) -> frozenset[str]:
    named = words & task_ids
    if not named and call.request_id is not None and (invocation := recording.invocations.get(call.request_id)):
        handed = tasks_of(invocation, names)
        named = handed & task_ids if len(handed) == 1 else frozenset()
    return named


def _is_left(call: Call, recording: Recording) -> bool:
    """Whether the function had answered before it was done. What failed or was broken off could not wait for it, nor who was told otherwise by a
    fault."""
    invocation = recording.invocations.get(call.request_id or "")
    answered = invocation is not None and invocation.ended_at_ms is not None and not invocation.is_error
    return call.late and answered and call.told is None


def _resource(call: Call) -> str | None:
    """The short name of what the call is about: of a URL or an ARN its last part."""
    found = next((call.parameters[each] for each in _RESOURCES if each in call.parameters), None)
    return re.split(r"[/:]", found)[-1] if isinstance(found, str) else None
