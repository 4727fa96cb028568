"""Tokens (JWT) by which HTTP APIs and REST APIs let clients in: their claims are read, and held against what an authorizer asks for.

Whose signature a token has is not looked at: no issuer can be reached from here, so there are no keys. It must not know of which kind an
API is, nor what its clients are answered.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Collection, Mapping
from typing import Any

_PARTS = 3
_SCHEME = "bearer "


class TokenError(Exception):
    """This token lets nobody in."""


class ScopeError(TokenError):
    """It has none of the scopes that are asked for."""


def claims_of(header: str | None) -> Mapping[str, Any]:
    """The claims of the token in a header's value, with ``Bearer`` before it or without.

    Raises:
        TokenError: there is none, or it is not valid now.
    """
    token = (header or "").strip()
    if token.lower().startswith(_SCHEME):
        token = token[len(_SCHEME) :].strip()
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        now = time.time()
        is_valid = len(parts) == _PARTS and now < float(claims["exp"]) and float(claims.get("nbf", 0)) <= now
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise TokenError from error
    if not is_valid:
        raise TokenError
    return dict(claims)


def require_scope(claims: Mapping[str, Any], asked: Collection[str]) -> None:
    """Whether one of the scopes is there that are ``asked`` for, if any are.

    Raises:
        ScopeError: none is.
    """
    if asked and not set(asked) & set(scopes_of(claims)):
        raise ScopeError


def scopes_of(claims: Mapping[str, Any]) -> list[str]:
    """Its scopes: https://datatracker.ietf.org/doc/html/rfc8693#name-scope-scopes-claim."""
    told = claims.get("scope") or claims.get("scp") or ()
    return told.split() if isinstance(told, str) else [str(each) for each in told]


def texts_of(claims: Mapping[str, Any]) -> dict[str, str]:
    """The claims as functions are told of them: each as a text, a list as ``[a b]``."""
    return {name: _text(value) for name, value in claims.items()}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{' '.join(map(str, value))}]"
    return value if isinstance(value, str) else json.dumps(value)
