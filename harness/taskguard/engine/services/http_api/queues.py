"""Routes of HTTP APIs that lead to an SQS queue without any function: the integration subtype ``SQS-SendMessage``.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html has its parameters,
and https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html what may stand in them.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from localstack.aws.connect import connect_to

from taskguard.engine.services.http_api.events import Call, event_of
from taskguard.engine.services.http_api.messages import FAILED, Outgoing, as_json, told
from taskguard.engine.services.http_api.published import Integration

if TYPE_CHECKING:
    from taskguard.engine.services.http_api.control import Found

LOG = logging.getLogger(__name__)

SEND = "SQS-SendMessage"
_GATEWAY = "apigateway"
_TAKEN = ("QueueUrl", "MessageBody", "DelaySeconds", "MessageDeduplicationId", "MessageGroupId", "MessageAttributes")
_NUMBERS = ("DelaySeconds",)
_VARIABLE = re.compile(r"\$\{?((?:request|context|stageVariables)[A-Za-z0-9_.\-]*)\}?")


def sent(integration: Integration, call: Call, found: Found, source_arn: str) -> Outgoing:
    """Send the message that the integration makes of a request, on behalf of the route ``source_arn``; and the answer to it."""
    arguments: dict[str, Any] = {}
    for name in _TAKEN:
        if (given := integration.parameters.get(name)) is not None:
            text = mapped(given, call)
            arguments[name] = int(text) if name in _NUMBERS else text
    try:
        if "MessageAttributes" in arguments:
            arguments["MessageAttributes"] = json.loads(arguments["MessageAttributes"])
        client = connect_to(aws_access_key_id=found.account, region_name=found.region).sqs
        told_for = client.request_metadata(service_principal=_GATEWAY, source_arn=source_arn)
        answer = told_for.send_message(**arguments)
    except ClientError as error:
        LOG.warning("An HTTP API could not send a message: %s", error)
        return told(400, error.response["Error"]["Message"])
    except (BotoCoreError, ValueError) as error:
        LOG.warning("An HTTP API could not send a message: %s", error)
        return FAILED
    return as_json(200, {key: value for key, value in answer.items() if key != "ResponseMetadata"})


def mapped(given: str, call: Call) -> str:
    """The value of a parameter: what stands there, with the parts of the request that it names."""
    return _VARIABLE.sub(lambda found: _value(found[1], call), given)


def _value(name: str, call: Call) -> str:
    place, _, rest = name.partition(".")
    if place == "stageVariables":
        return call.variables.get(rest, "")
    if place == "context":
        return _text(_inside(event_of(call, "2.0")["requestContext"], rest))
    kind, _, rest = rest.partition(".")
    values = {
        "body": lambda: _of_body(call.request.body.decode(errors="replace"), rest),
        "header": lambda: call.request.header(rest) or "",
        "querystring": lambda: ",".join(call.request.parameters.get(rest, [])),
        "path": lambda: call.parameters.get(rest, "") if rest else call.path,
    }
    return values[kind]() if kind in values else ""


def _of_body(body: str, path: str) -> str:
    if not path:
        return body
    try:
        return _text(_inside(json.loads(body), path))
    except ValueError:
        return ""


def _inside(document: Any, path: str) -> Any:
    for part in path.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return document


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
