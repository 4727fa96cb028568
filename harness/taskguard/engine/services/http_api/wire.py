"""From the server's request to a plain one, and back to the server's response."""

from __future__ import annotations

import secrets
import time
from typing import Any

from localstack.http import Request, Response

from taskguard.engine.services.http_api.messages import Incoming, Outgoing

_OF_THE_CONNECTION = ("connection", "keep-alive", "transfer-encoding")


def incoming(request: Request, cut: int) -> Incoming:
    """The request, with the first ``cut`` parts of its path taken off."""
    sent: str = request.environ.get("RAW_URI") or request.full_path
    if "://" in sent:
        sent = "/" + sent.partition("://")[2].partition("/")[2]
    path, _, query = sent.partition("?")
    below = path.split("/", cut + 1)[cut + 1 :]
    ip = request.remote_addr or "127.0.0.1"
    port = request.host.rpartition(":")[2]
    headers = [
        (name, value)
        for name, value in request.headers.items()
        if name.lower() not in _OF_THE_CONNECTION and not name.lower().startswith("x-localstack-")
    ]
    headers += [
        ("X-Amzn-Trace-Id", f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"),
        ("X-Forwarded-For", ip),
        ("X-Forwarded-Port", port),
        ("X-Forwarded-Proto", "http"),
    ]
    return Incoming(
        method=request.method,
        path=f"/{below[0] if below else ''}",
        query=query,
        headers=tuple(headers),
        body=request.get_data(),
        source_ip=ip,
        at_seconds=time.time(),
    )


def response(answer: Outgoing) -> Response:
    made: Any = Response(answer.body, answer.status)
    # What was not said of the content is not to be said for it.
    made.headers.clear()
    for name, value in answer.headers:
        made.headers.add(name, value)
    made.headers["Content-Length"] = str(len(answer.body))
    return made
