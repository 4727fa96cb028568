"""Which permissions an AWS call needs: IAM's action and the ARN of the resource that the call is about.

As the service authorization reference says, https://docs.aws.amazon.com/service-authorization/latest/reference/: an
action mostly has its operation's name, and the exceptions stand here. A resource that cannot be named is ``?``, which no
policy but one for everything allows. It must not know who calls, nor what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

UNKNOWN_RESOURCE = "?"

# A batch is allowed by the action for one message:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
# A transaction is allowed by the actions for its parts:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
_SQS_BATCHES = ("ChangeMessageVisibilityBatch", "DeleteMessageBatch", "SendMessageBatch")
_TRANSACTION_PARTS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


@dataclass(frozen=True, slots=True, order=True)
class Access:
    """A permission that a call needs: ``sqs:SendMessage`` on the resource with this ARN."""

    action: str
    resource: str


@dataclass(frozen=True, slots=True)
class Place:
    """What resources have in common that calls name without it."""

    region: str
    account: str
    partition: str = "aws"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource here; one that is an ARN already stays as it is."""
        if resource.startswith("arn:"):
            return resource
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


def accesses_of(service: str, operation: str, parameters: Mapping[str, Any], place: Place) -> tuple[Access, ...]:
    """The permissions that this call needs, each once; ``parameters`` are those of the API, ``service`` its name there."""
    if service not in _BY_SERVICE:
        return (Access(f"{service}:{operation}", UNKNOWN_RESOURCE),)
    return tuple(dict.fromkeys(_BY_SERVICE[service](operation, parameters, place)))


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of IAM's covers a text."""
    return _expression(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(character) or re.escape(character) for character in pattern), re.DOTALL)


def _of_sqs(operation: str, parameters: Mapping[str, Any], place: Place) -> Iterator[Access]:
    action = operation.removesuffix("Batch") if operation in _SQS_BATCHES else operation
    url, name = parameters.get("QueueUrl"), parameters.get("QueueName")
    if url is not None:
        # …/<account>/<name>; the queue may be another account's. LocalStack takes a name alone for one of ours.
        *above, name = url.rstrip("/").split("/")
        place = Place(place.region, above[-1], place.partition) if above else place
    if (letters := parameters.get("SourceArn")) is not None:
        name = letters
        if operation == "StartMessageMoveTask":
            yield from _of_a_move(letters, parameters.get("DestinationArn"))
    yield Access(f"sqs:{action}", place.arn("sqs", name) if name else UNKNOWN_RESOURCE)


def _of_a_move(source: str, destination: str | None) -> Iterator[Access]:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        yield Access(f"sqs:{action}", source)
    if destination is not None:
        yield Access("sqs:SendMessage", destination)


def _of_dynamodb(operation: str, parameters: Mapping[str, Any], place: Place) -> Iterator[Access]:
    if operation in ("TransactWriteItems", "TransactGetItems"):
        for item in parameters.get("TransactItems", ()):
            for kind in item.keys() & _TRANSACTION_PARTS.keys():
                yield Access(f"dynamodb:{_TRANSACTION_PARTS[kind]}", _table(item[kind].get("TableName"), place))
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for table in parameters.get("RequestItems", ()):
            yield Access(f"dynamodb:{operation}", _table(table, place))
    else:
        name, index = parameters.get("TableName"), parameters.get("IndexName")
        table = _table(name, place)
        yield Access(f"dynamodb:{operation}", f"{table}/index/{index}" if index else table)


def _table(name: str | None, place: Place) -> str:
    if not name:
        return UNKNOWN_RESOURCE
    return name if name.startswith("arn:") else place.arn("dynamodb", f"table/{name}")


def _of_logs(operation: str, parameters: Mapping[str, Any], place: Place) -> Iterator[Access]:
    # Policies name a log group with ":*" after it:
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
    group, stream = parameters.get("logGroupName"), parameters.get("logStreamName", "")
    named = place.arn("logs", f"log-group:{group}:log-stream:{stream}") if group else UNKNOWN_RESOURCE
    yield Access(f"logs:{operation}", named)


_BY_SERVICE = {"sqs": _of_sqs, "dynamodb": _of_dynamodb, "logs": _of_logs}
