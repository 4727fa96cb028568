"""Takes what lets a client in out of what is written down of a call: API keys, signatures, tokens, cookies.

API Gateway and function URLs hand a function all that they were sent, in payload format 1.0 or 2.0, and give a client what it answers. It
knows the form of such events and answers (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html)
and nothing of the service behind: what a service itself calls a secret, it cannot know.
"""

import json
from typing import Any
from urllib.parse import unquote_plus

HIDDEN = "(not recorded)"

_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-access-token",
        "x-amz-security-token",
        "x-api-key",
        "x-auth-token",
    }
)
# RFC 6750 and OAuth 2.0 have names of their own; the rest is what people call them.
_QUERY = _HEADERS | {
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "auth",
    "client_secret",
    "id_token",
    "password",
    "refresh_token",
    "secret",
    "sig",
    "signature",
    "token",
    "x-amz-credential",
    "x-amz-signature",
}
_PARTS = {
    "headers": _HEADERS,
    "multiValueHeaders": _HEADERS,
    "queryStringParameters": _QUERY,
    "multiValueQueryStringParameters": _QUERY,
}
_AUTHORIZERS = frozenset({"authorizationtoken", "identitysource"})
"""What an authorizer is asked about: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html"""

_MARKS = ('"requestContext"', '"statusCode"', '"methodArn"')


def without_credentials(text: str) -> str:
    """``text``, a function's event or answer as JSON, with :data:`HIDDEN` for each credential; the very same text when it has none."""
    # Most events come from queues, and may be long.
    if not any(mark in text for mark in _MARKS):
        return text
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return json.dumps(document, ensure_ascii=False) if isinstance(document, dict) and _hide(document) else text


def _hide(document: dict[str, Any]) -> bool:
    """Whether something was hidden."""
    context = document.get("requestContext")
    identity = context.get("identity") if isinstance(context, dict) else None
    found = [_hide_in(document.get(part), names) for part, names in _PARTS.items()]
    found += [_hide_in(document, _AUTHORIZERS), _hide_in(identity, frozenset({"apikey"}))]
    return any([*found, _hide_cookies(document), _hide_in_query_string(document)])


def _hide_in(fields: Any, names: frozenset[str]) -> bool:
    if not isinstance(fields, dict):
        return False
    # Some senders of events leave a query's names as they are in the address.
    secret = [name for name in fields if unquote_plus(name).lower() in names and fields[name]]
    for name in secret:
        fields[name] = [HIDDEN] if isinstance(fields[name], list) else HIDDEN
    return bool(secret)


def _hide_cookies(document: dict[str, Any]) -> bool:
    """What format 2.0 has apart from the headers: which cookies there are is told, and what is in them is not."""
    cookies = document.get("cookies")
    if not isinstance(cookies, list) or not cookies:
        return False
    names = [cookie.partition("=")[0] if isinstance(cookie, str) and "=" in cookie else "" for cookie in cookies]
    document["cookies"] = [f"{name}={HIDDEN}" if name else HIDDEN for name in names]
    return True


def _hide_in_query_string(document: dict[str, Any]) -> bool:
    query = document.get("rawQueryString")
    if not isinstance(query, str):
        return False
    document["rawQueryString"] = "&".join(map(_without_secret, query.split("&")))
    return bool(document["rawQueryString"] != query)


def _without_secret(pair: str) -> str:
    name, is_given, value = pair.partition("=")
    return f"{name}={HIDDEN}" if is_given and value and unquote_plus(name).lower() in _QUERY else pair
