"""The response that is made of what a function has returned, in payload formats 2.0 and 1.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html: in format 2.0 what has no status
code is the body of a success; in format 1.0 it is malformed. What has one, and other fields that are not as documented, is answered with an
internal error.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any

from taskguard.engine.services.http_api.messages import FAILED, Outgoing

_PLAIN = "text/plain;charset=UTF-8"


def answer_of(payload: bytes, version: str) -> Outgoing:
    """The response to this payload of a function that has not failed."""
    try:
        told = json.loads(payload) if payload else None
    except ValueError:
        told = None
    if isinstance(told, dict) and "statusCode" in told:
        try:
            return _stated(told, version)
        except (TypeError, ValueError, binascii.Error):
            return FAILED
    if version == "1.0":
        return FAILED
    body = told.encode() if isinstance(told, str) else payload
    return Outgoing(status=200, headers=(("Content-Type", "application/json"),), body=body)


def _stated(told: Mapping[str, Any], version: str) -> Outgoing:
    status = int(told["statusCode"])
    if not 100 <= status <= 599:
        raise ValueError(status)
    headers = list(_headers(told, version))
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", _PLAIN))
    return Outgoing(status=status, headers=tuple(headers), body=_body(told))


def _headers(told: Mapping[str, Any], version: str) -> Iterator[tuple[str, str]]:
    several = dict(told.get("multiValueHeaders") or {}) if version == "1.0" else {}
    for name, values in several.items():
        yield from ((name, _text(value)) for value in values)
    for name, value in dict(told.get("headers") or {}).items():
        # A header that is named in both has both values, once each.
        if value not in several.get(name, ()):
            yield name, _text(value)
    if version != "1.0":
        yield from (("Set-Cookie", _text(cookie)) for cookie in told.get("cookies") or ())


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    raise TypeError(value)


def _body(told: Mapping[str, Any]) -> bytes:
    body = told.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise TypeError(body)
    return base64.b64decode(body, validate=True) if told.get("isBase64Encoded") else body.encode()
