"""The Lambda Runtime API, served to one function process on a loopback port of its own.

The process asks for its next invocation, and posts a response or an error
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). One invocation is under way at a time. It does not know
how the process is started or what becomes of an answer.
"""

import json
import re
import socket
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

_NEXT = "/2018-06-01/runtime/invocation/next"
_INIT_ERROR = "/2018-06-01/runtime/init/error"
_ANSWER = re.compile(r"/2018-06-01/runtime/invocation/(?P<id>[^/]+)/(?P<kind>response|error)")
_LARGEST_ANSWER_BYTES = 6_291_556
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB, and what the document around it takes."""

_TOO_LARGE = json.dumps(
    {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({_LARGEST_ANSWER_BYTES} bytes).",
    }
).encode()
_NOTICES_WITHIN_SECONDS = 0.5
"""How long a server takes at most to notice that it is closed."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a function is asked to do. ``deadline_ms`` is in milliseconds since the epoch."""

    request_id: str
    payload: bytes
    function_arn: str
    trace_id: str
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Answer:
    """How an invocation ended: what the process posted, the handler's result or an error document; or what the platform says in its
    place, to the caller and in the log (``log_lines``). The function was ``loaded`` unless it failed before it was called."""

    payload: bytes
    is_error: bool
    log_lines: tuple[str, ...] = ()
    loaded: bool = True


class RuntimeApi:
    """One process's view of Lambda. ``ready`` resolves when it asks for its first invocation, to none, or to the error
    document of a failed initialisation. ``listener`` is the socket that it serves, and closes; without one it takes a port of this
    machine."""

    def __init__(self, listener: socket.socket | None = None) -> None:
        self.ready: Future[bytes | None] = Future()
        self._invocations: SimpleQueue[Invocation | None] = SimpleQueue()
        self._answer: Future[Answer] = Future()
        self._request_id: str | None = None
        self._server = _Server(self, listener)
        threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": _NOTICES_WITHIN_SECONDS},
            name=f"runtime-api-{self._server.server_port}",
            daemon=True,
        ).start()

    @property
    def address(self) -> str:
        """For ``AWS_LAMBDA_RUNTIME_API``: host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    def submit(self, invocation: Invocation) -> "Future[Answer]":
        """Hand the process its next invocation; the future resolves to what it posts."""
        self._answer = Future()
        self._request_id = invocation.request_id
        self._invocations.put(invocation)
        return self._answer

    def close(self) -> None:
        """Stop serving. A process that is still waiting loses its connection."""
        # None is what says so to whoever waits for an invocation.
        self._invocations.put(None)
        # The server notices only at its next poll; nobody needs to wait for that.
        threading.Thread(target=self._shut_down, daemon=True).start()

    def _shut_down(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def next_invocation(self) -> Invocation | None:
        """For the server: block until there is an invocation; none when closed."""
        if not self.ready.done():
            self.ready.set_result(None)
        if (invocation := self._invocations.get()) is None:
            # Whoever else waits is told, too.
            self._invocations.put(None)
        return invocation

    def accept_answer(self, request_id: str, answer: Answer) -> bool:
        """For the server: False when the answer is to no invocation that is under way."""
        if request_id != self._request_id or self._answer.done():
            return False
        self._request_id = None
        self._answer.set_result(answer)
        return True

    def accept_init_error(self, document: bytes) -> None:
        """For the server: the function's module could not be imported."""
        if not self.ready.done():
            self.ready.set_result(document)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A closed server must not wait for a process that is blocked in `next`.
    block_on_close = False

    def __init__(self, api: RuntimeApi, listener: socket.socket | None) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=listener is None)
        if listener is not None:
            self.socket.close()
            self.socket = listener
            self.server_name, self.server_port = self.server_address = listener.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A process that is killed leaves its connection as it is.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one packet; without it each answer waits for the peer's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        if self.path != _NEXT:
            return self._reply(HTTPStatus.NOT_FOUND)
        invocation = self.server.api.next_invocation()
        if invocation is None:
            self.close_connection = True
            return None
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        return self._reply(HTTPStatus.OK, invocation.payload, headers)

    def do_POST(self) -> None:
        body = self._body()
        if self.path == _INIT_ERROR:
            self.server.api.accept_init_error(body)
            return self._reply(HTTPStatus.ACCEPTED)
        match = _ANSWER.fullmatch(self.path)
        if match is None:
            return self._reply(HTTPStatus.NOT_FOUND)
        answer = Answer(body, is_error=match["kind"] == "error")
        if len(body) > _LARGEST_ANSWER_BYTES:
            answer = Answer(_TOO_LARGE, is_error=True)
        taken = self.server.api.accept_answer(match["id"], answer)
        return self._reply(HTTPStatus.ACCEPTED if taken else HTTPStatus.BAD_REQUEST)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _reply(self, status: HTTPStatus, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
