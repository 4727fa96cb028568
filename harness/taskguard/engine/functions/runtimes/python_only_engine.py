"""Whatever is meant for AWS reaches this engine, and never AWS: for a Python function's process.

Code may name endpoints itself, AWS's or an emulator's on its usual port. Connections to such names go to the engine, without TLS, which the
engine does not speak; it knows by the Host header what was meant. What brings a TLS of its own to a connection, as asyncio does, fails then.
It is run on each Python that Lambda has, and imports nothing of the harness.
"""

import re
import socket
import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OF_AWS = re.compile(r"(.*\.)?(amazonaws\.com(\.cn)?|api\.aws|localhost\.localstack\.cloud)\.?", re.IGNORECASE)
_OF_AN_EMULATOR = re.compile(r"localhost|127\.0\.0\.1|host\.docker\.internal|localstack", re.IGNORECASE)
_USUAL_PORT = "4566"


def install(host: str, port: int) -> None:
    """Lead there, in this process, what asks for AWS by name; ``host`` and ``port`` are the engine's."""
    look_up, wrap = socket.getaddrinfo, ssl.SSLContext.wrap_socket

    def getaddrinfo(name: "Any", at: "Any", *given: "Any", **named: "Any") -> "Any":
        return look_up(host, port, *given, **named) if _is_meant(name, at) else look_up(name, at, *given, **named)

    def wrap_socket(self: "Any", sock: "Any", *given: "Any", **named: "Any") -> "Any":
        if not _leads_to(sock, host, port):
            return wrap(self, sock, *given, **named)
        return _Plain(sock, named.get("server_hostname"))

    socket.getaddrinfo = getaddrinfo  # type: ignore[assignment]
    ssl.SSLContext.wrap_socket = wrap_socket  # type: ignore[method-assign]


class _Plain(socket.socket):
    """A connection to the engine, for who takes it for one with TLS to ``name``."""

    def __init__(self, sock: "Any", name: "Any") -> None:
        timeout = sock.gettimeout()
        super().__init__(sock.family, sock.type, sock.proto, sock.detach())
        self.settimeout(timeout)
        self._name = name

    def getpeercert(self, binary_form: bool = False) -> "Any":  # as that of ssl.SSLSocket
        return b"" if binary_form else {"subjectAltName": (("DNS", self._name),)}

    def selected_alpn_protocol(self) -> None:
        return None


def _is_meant(name: "Any", port: "Any") -> bool:
    text = name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)
    return bool(_OF_AWS.fullmatch(text) or (_OF_AN_EMULATOR.fullmatch(text) and str(port) == _USUAL_PORT))


def _leads_to(sock: "Any", host: str, port: int) -> bool:
    try:
        return bool(sock.getpeername()[:2] == (host, port))
    except OSError:
        return False
