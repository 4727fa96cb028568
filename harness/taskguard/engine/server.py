"""LocalStack behind another web server, on the socket that the engine was started with and on no other.

The server that comes with LocalStack takes the port from ``GATEWAY_LISTEN``, binds all interfaces, and takes as long over a
request as the rest of LocalStack does. Here whoever starts the engine has bound the address, and who connects before the
engine is ready waits instead of being refused. It speaks plain HTTP only, which spares the making of a certificate for a
server nobody else can reach.
"""

import io
import math
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from cheroot.errors import FatalSSLAlert
from cheroot.server import HTTPConnection, HTTPRequest
from cheroot.wsgi import Server
from localstack import config
from localstack.runtime.server.core import RuntimeServer
from rolo.gateway import Gateway
from rolo.gateway.wsgi import WsgiGateway

from taskguard.engine.network import network
from taskguard.engine.settings import EngineSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_THREADS = 200
"""One for each request under way: one to the API takes a second one, for what its function asks of the engine."""

_THREADS_INSIDE = 100
"""Of these requests none asks anything of a function that runs in the sandbox, unless it invokes one."""

_NEVER_SECONDS = 1_000_000
"""A client may come back at any time on the connection it has; were idle ones closed, it might come back just then."""

_WITHIN_A_REQUEST_SECONDS = 600
"""So long a thread waits for the next piece of a request, or until a client takes the next piece of an answer."""

_ASKED_AGAIN_WITHIN_SECONDS = 0.1
"""A function writes a record before its work and after it, and who hands in tasks hands in the next one."""
_WAITS_IN_VAIN = 3
"""On a connection that was not asked anything again in time so often in a row nobody waits for that."""

_TOO_LARGE = "413"

NO_ANSWER = "taskguard.no-answer"
"""What a request's WSGI environment holds when its connection is to be closed without an answer."""


class LoopbackServer(RuntimeServer):
    """Cheroot, on the socket it was given."""

    def register(
        self,
        gateway: Gateway,
        listen: list[config.HostAndPort],
        ssl_creds: tuple[str, str] | None = None,  # noqa: ARG002
    ) -> None:
        application, settings = _LocalStack(gateway), EngineSettings.from_environment()
        self._server = _OnSocket(socket.socket(fileno=settings.listener), application, _THREADS)
        # The same again for functions that cannot leave their sandbox's network, under the same address.
        self._inside = (
            _OnSocket(network().listener(listen[0].port), application, _THREADS_INSIDE) if settings.sandboxed else None
        )

    def run(self) -> None:
        if self._inside is not None:
            threading.Thread(target=self._inside.safe_start, name="sandbox", daemon=True).start()
        self._server.safe_start()

    def shutdown(self) -> None:
        for server in filter(None, (self._server, self._inside)):
            server.stop()


class _Received(socket.SocketIO):
    """What a connection receives; nothing while only what it has received is asked for."""

    is_asked = True

    def readinto(self, buffer: Any) -> int | None:
        return super().readinto(buffer) if self.is_asked else None


class _Reader(io.BufferedReader):
    """What is read from a connection. Cheroot's is Python's own in Python, of which it asks whether anything is left."""

    raw: _Received

    def __init__(self, connection: socket.socket, size: int) -> None:
        super().__init__(_Received(connection, "r"), size)

    def has_data(self) -> bool:
        """Whether anything was received with what has been read."""
        self.raw.is_asked = False
        try:
            return bool(self.peek(1))
        finally:
            self.raw.is_asked = True


class _Writer:
    """What is written to a connection. What is held back goes with what comes next."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._held = b""
        self.holds_back = False

    def drop(self) -> bool:
        """Forget what is held back; whether that was anything."""
        held, self._held = self._held, b""
        return bool(held)

    def write(self, data: bytes) -> None:
        data, self._held = self._held + data, b""
        if self.holds_back:
            self._held = data
        elif data:
            self._connection.sendall(data)


def _file_of(connection: socket.socket, mode: str, size: int) -> Any:
    return _Reader(connection, size) if "r" in mode else _Writer(connection)


class _Request(HTTPRequest):
    """Cheroot writes an answer's head by itself."""

    def send_headers(self) -> None:
        self.conn.wfile.holds_back = True
        super().send_headers()
        self.conn.wfile.holds_back = False

    def respond(self) -> None:
        try:
            super().respond()
        except Exception:
            # Of an answer that fails before its first piece nothing has left.
            if self.conn.wfile.drop():
                self.sent_headers = False
            raise
        # An answer without a body.
        self.conn.wfile.write(b"")
        if self.chunked_read and not self.close_connection:
            # Cheroot would take the end of the body for the beginning of the next request.
            while self.rfile.read(io.DEFAULT_BUFFER_SIZE):
                pass
            for _ in self.rfile.read_trailer_lines():
                pass


class _Connection(HTTPConnection):
    """Cheroot has another thread wait for what comes next on a connection, which hands it over to one of the others."""

    RequestHandlerClass = _Request

    def __init__(self, server: Any, connection: socket.socket, *_: Any) -> None:
        # With a limit of time of Python's the system would be asked twice for each read and each write.
        connection.settimeout(None)
        for limited in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, limited, struct.pack("ll", _WITHIN_A_REQUEST_SECONDS, 0))
        super().__init__(server, connection, _file_of)
        self._is_new = True
        self._answered_at = -math.inf
        self._waits_left = _WAITS_IN_VAIN

    def communicate(self) -> bool:
        """Answer one request, and those that follow at once; whether there may be more."""
        if self._is_new:
            self._is_new = False
            # Some clients connect long before they ask.
            if not self._is_asked_within(0):
                return True
        while True:
            is_asked_again = time.monotonic() - self._answered_at <= _ASKED_AGAIN_WITHIN_SECONDS
            self._waits_left = _WAITS_IN_VAIN if is_asked_again else max(0, self._waits_left - 1)
            if not super().communicate():  # type: ignore[no-untyped-call]
                return False
            self._answered_at = time.monotonic()
            if not (self.rfile.has_data() or (self._waits_left and self._is_asked_again())):
                return True

    def _is_asked_again(self) -> bool:
        # Whoever comes meanwhile finds a thread.
        if not self.server.may_wait.acquire(blocking=False):
            return False
        try:
            return self._is_asked_within(_ASKED_AGAIN_WITHIN_SECONDS)
        finally:
            self.server.may_wait.release()

    def _is_asked_within(self, seconds: float) -> bool:
        looks = select.poll()
        looks.register(self.socket, select.POLLIN)
        return bool(looks.poll(seconds * 1000))


class _OnSocket(Server):
    """Cheroot would make a socket and bind it, and count its connections at each answer."""

    ConnectionClass = _Connection
    can_add_keepalive_connection = True

    def __init__(self, listener: socket.socket, application: "_LocalStack", threads: int) -> None:
        self._listener = listener
        super().__init__(
            ("127.0.0.1", 0), application, numthreads=threads, request_queue_size=128, timeout=_NEVER_SECONDS
        )
        self.may_wait = threading.Semaphore(threads // 2)

    def bind(self, *_family_type_protocol: Any) -> socket.socket:
        self.socket = self._listener
        # What it accepts inherits this: no part of an answer waits until the one before has arrived.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bind_addr = self.socket.getsockname()
        return self.socket


class _LocalStack:
    """LocalStack as a WSGI application: beside what WSGI names, it asks for the path as it was sent."""

    def __init__(self, gateway: Gateway) -> None:
        self._application = WsgiGateway(gateway)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        sent = environ["RAW_URI"] = environ["REQUEST_URI"]
        # Cheroot leaves a slash that was quoted as it is.
        environ["PATH_INFO"] = unquote_to_bytes(sent.partition("?")[0]).decode("latin-1")

        def begin(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            if status.startswith(_TOO_LARGE):
                # Cheroot closes the connection after it, and says so unless the application has said otherwise: a client that
                # believed the application would ask its next question just then.
                headers = [header for header in headers if header[0].lower() != "connection"]
            return start_response(status, headers, *error)

        answer = self._application(environ, begin)
        if environ.get(NO_ANSWER):
            # The one error at which Cheroot closes a connection without a word, and without one in its log.
            raise FatalSSLAlert
        return answer
