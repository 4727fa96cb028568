"""A network of its own for programs in a sandbox: a loopback interface, and on it the ports that were opened, nothing else.

The ports are sockets of this process that listen inside (``broker.py`` makes them), so what is asked there is answered here, under
the same address as outside. A port can also be passed on to a server that knows nothing of it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from taskguard.errors import SandboxError
from taskguard.support.sandbox.box import program_of

_BROKER = Path(__file__).with_name("broker.py")
_STARTS_WITHIN_SECONDS = 20.0
_CHUNK_BYTES = 65536
_DOING = "making a network for programs in a sandbox"


class Network:
    """A network namespace, for as long as this object is not closed, and this process lives.

    Raises:
        SandboxError: when there cannot be one.
    """

    def __init__(self) -> None:
        # bubblewrap and not `unshare`: Ubuntu lets the one make user namespaces, and not the other. /dev is not made anew, since
        # bubblewrap would then leave the program in a second user namespace, in which the network is somebody else's.
        command = [program_of("bwrap"), "--unshare-user", "--unshare-net", "--ro-bind", "/", "/", "--"]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control, self._asking, self._listeners = ours, threading.Lock(), list[socket.socket]()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*command, sys.executable, "-I", "-S", str(_BROKER), str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    env={"PATH": os.environ.get("PATH", os.defpath)},
                )
            except OSError as error:
                ours.close()
                raise SandboxError(f"{_DOING}: bwrap: {error.strerror or error}.") from error
        ours.settimeout(_STARTS_WITHIN_SECONDS)
        try:
            self._pid = int(ours.recv(32) or 0)
        except OSError:
            self._pid = 0
        if not self._pid:
            said = self.close()
            raise SandboxError(f"{_DOING}: {said or 'it ended without a word'}.")

    def enter(self) -> tuple[str, ...]:
        """What stands before a command that is to run in it."""
        return (program_of("nsenter"), "--user", "--net", "--preserve-credentials", f"--target={self._pid}", "--")

    def listener(self, port: int = 0) -> socket.socket:
        """A socket that listens on 127.0.0.1 inside, on this port or on a free one; the caller closes it.

        Raises:
            SandboxError: when there is none to be had.
        """
        reason = "the namespace is gone"
        with self._asking, suppress(OSError):
            self._control.send(str(port).encode())
            reply, descriptors, _, _ = socket.recv_fds(self._control, 256, 1)
            if descriptors:
                return socket.socket(fileno=descriptors[0])
            reason = reply.decode() or reason
        raise SandboxError(f"listening on port {port} inside a sandbox: {reason}.")

    def pass_on(self, port: int, host: str = "127.0.0.1") -> None:
        """Whoever connects to this port inside is connected with the port of the same number of ``host``, until this is closed.

        Raises:
            SandboxError: as :meth:`listener`.
        """
        listener = self.listener(port)
        self._listeners.append(listener)
        threading.Thread(target=_pass_on, args=(listener, host, port), name=_named(port), daemon=True).start()

    def close(self) -> str:
        """Leave it; returns what its process said, if anything. Programs that still run in it reach nothing any more."""
        for listener in self._listeners:
            # Only that wakes who waits in `accept`.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._listeners.clear()
        self._control.close()
        try:
            _, said = self._process.communicate(timeout=_STARTS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            _, said = self._process.communicate()
        return said.decode(errors="replace").strip().rstrip(".") if said else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _pass_on(listener: socket.socket, host: str, port: int) -> None:
    while True:
        try:
            inside, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_connect, args=(inside, host, port), name=_named(port), daemon=True).start()


def _connect(inside: socket.socket, host: str, port: int) -> None:
    # When nobody listens there, it is closed at once.
    with inside, suppress(OSError), socket.create_connection((host, port)) as outside:
        back = threading.Thread(target=_copy, args=(outside, inside), name=_named(port), daemon=True)
        back.start()
        _copy(inside, outside)
        back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            sink.sendall(chunk)
    # The other direction may go on.
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _named(port: int) -> str:
    return f"sandbox-{port}"
