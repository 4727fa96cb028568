"""Takes what lets a client in out of what is written down of a call: API keys, signatures, session tokens, cookies.

API Gateway hands a function all that it was sent. It knows the form of such events
(https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html) and nothing of the service behind.
"""

import json
from typing import Any

HIDDEN = "(not recorded)"

_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-amz-security-token", "x-api-key"})
_QUERY = frozenset({"x-amz-credential", "x-amz-security-token", "x-amz-signature"})
_IDENTITY = frozenset({"apikey"})
_PARTS = {
    "headers": _HEADERS,
    "multiValueHeaders": _HEADERS,
    "queryStringParameters": _QUERY,
    "multiValueQueryStringParameters": _QUERY,
}


def without_credentials(event: str) -> str:
    """``event``, a function's event as JSON, with :data:`HIDDEN` for each credential; the very same text when it has none."""
    # Most events come from queues, and may be long.
    if '"requestContext"' not in event:
        return event
    try:
        document = json.loads(event)
    except ValueError:
        return event
    return json.dumps(document, ensure_ascii=False) if isinstance(document, dict) and _hide(document) else event


def _hide(document: dict[str, Any]) -> bool:
    """Whether something was hidden."""
    context = document.get("requestContext")
    identity = context.get("identity") if isinstance(context, dict) else None
    found = [_hide_in(document.get(part), names) for part, names in _PARTS.items()]
    return any([*found, _hide_in(identity, _IDENTITY)])


def _hide_in(fields: Any, names: frozenset[str]) -> bool:
    if not isinstance(fields, dict):
        return False
    secret = [name for name in fields if name.lower() in names and fields[name]]
    for name in secret:
        fields[name] = [HIDDEN] if isinstance(fields[name], list) else HIDDEN
    return bool(secret)
