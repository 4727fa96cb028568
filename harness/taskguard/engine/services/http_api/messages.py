"""A request as it came in, and what is answered: plain values, whatever server they pass through."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request. ``path`` is percent-encoded as it was sent, begins with a slash and is below the API's address; ``query`` is what
    follows the question mark. Headers are as sent, in their order."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source_ip: str
    at_seconds: float

    def header(self, name: str) -> str | None:
        """The header's values, as one; none when it was not sent."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ",".join(values) if values else None

    @property
    def cookies(self) -> list[str]:
        sent = [value for key, value in self.headers if key.lower() == "cookie"]
        return [cookie.strip() for value in sent for cookie in value.split(";") if cookie.strip()]

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The values of each parameter of the query, decoded."""
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            found.setdefault(name, []).append(value)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What is answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def told(status: int, message: str, *, key: str = "message") -> Outgoing:
    """What a gateway answers by itself."""
    return as_json(status, {key: message})


def as_json(status: int, document: Mapping[str, Any]) -> Outgoing:
    body = json.dumps(document, separators=(",", ":")).encode()
    return Outgoing(status=status, headers=(("Content-Type", "application/json"),), body=body)


NOT_FOUND = told(404, "Not Found")
UNAUTHORIZED = told(401, "Unauthorized")
FORBIDDEN = told(403, "Forbidden")
TOO_LARGE = told(413, "Request Entity Too Large")
FAILED = told(500, "Internal Server Error")
UNAVAILABLE = told(503, "Service Unavailable")
