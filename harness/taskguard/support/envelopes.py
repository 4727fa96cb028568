"""What services put around the JSON that they carry to a queue, and fields that are named by a path.

EventBridge puts what it was given into `detail`, beside words of its own; SNS puts it into `Message`, as a text:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html. It must not know what is carried.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from taskguard.support.json_values import Json


def carried(document: Json) -> Json:
    """What is inside of such envelopes; the document itself where it is none."""
    while isinstance(document, Mapping):
        if "detail-type" in document and isinstance(document.get("detail"), Mapping):
            document = document["detail"]
        elif document.get("Type") == "Notification" and "TopicArn" in document:
            try:
                document = json.loads(str(document.get("Message")))
            except (ValueError, RecursionError):
                return document
        else:
            break
    return document


def value_at(document: Mapping[str, Json], name: str) -> Json:
    """What a field has, or the field at the end of a path such as `order.id`; none where there is none."""
    if name in document:
        return document[name]
    value: Json = document
    for each in name.split("."):
        if not isinstance(value, Mapping) or each not in value:
            return None
        value = value[each]
    return value
