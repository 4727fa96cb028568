"""What the ways into a stack have in common: how a way is named and read, and which of an API's stages is meant."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from taskguard.service.stack import Api
from taskguard.targets.base import Endpoint

# arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/arn:aws:lambda:REGION:ACCOUNT:function:NAME/invocations, or the
# function's ARN alone: https://docs.aws.amazon.com/apigateway/latest/api/API_Integration.html
_INVOKED = re.compile(r":function:([^:/]+)")
# A route that needs no function: arn:aws:apigateway:REGION:sqs:path/ACCOUNT/QUEUE, or ...:sqs:action/SendMessage with the queue's URL
# among its parameters: https://docs.aws.amazon.com/apigateway/latest/developerguide/integrate-amazon-sqs.html
_OF_SQS, _OF_EVENTS = re.compile(r":sqs:(path|action)/"), re.compile(r":events:(path|action)/")
_QUEUE = re.compile(r"/?\b\d{12}/([\w-]+(?:\.fifo)?)")
# Models of SAM leave a stage of this name beside the one that is meant, unless they set OpenApiVersion:
# https://github.com/aws/serverless-application-model/issues/191
_SAMS_OWN_STAGE = "Stage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Where a stack is read: its ``stage``, and the physical ids of its ``resources`` by their types."""

    endpoint: Endpoint
    stage: str
    resources: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def ids_of(self, kind: str) -> Sequence[str]:
        """The physical ids of all resources of a type."""
        return self.resources.get(kind, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A kind of way in: the type of its resource in CloudFormation, and what reads such a resource, by logical and physical id."""

    resource: str
    read: Callable[[Reading, str, str], Api]


def chosen_stage(names: Sequence[str], stage: str, stages: Sequence[str]) -> str:
    """Which of an API's stages is meant: one that is a resource of the stack, and not the one that SAM makes by itself."""
    ours = [name for name in names if name in stages] or [n for n in names if n != _SAMS_OWN_STAGE] or names
    return stage if stage in ours or not ours else ours[0]


def invoked(uri: str | None) -> str | None:
    """The full name of the function that an integration invokes; none when it invokes none."""
    found = _INVOKED.search(uri or "")
    return found[1] if found else None


def sent_to(integration: Mapping[str, Any]) -> str | None:
    """The name of the queue to which an integration sends by itself; none when it does not, or does not say to which."""
    uri = str(integration.get("uri") or "")
    if not _OF_SQS.search(uri):
        return None
    said = [integration.get(each) for each in ("requestParameters", "requestTemplates")]
    # A template is the body of a form.
    found = _QUEUE.search(f"{uri} {unquote(json.dumps(said))}")
    return found[1] if found else None


def puts_events(integration: Mapping[str, Any]) -> bool:
    """Whether an integration puts events on a bus by itself."""
    return bool(_OF_EVENTS.search(str(integration.get("uri") or "")))


def is_unknown_here(error: ClientError) -> bool:
    """Whether an engine answers that it does not have such a service or operation."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status == 501 or error.response["Error"]["Code"] in ("InternalFailure", "NotImplemented", "UnknownOperation")
