"""The keepers of this engine's functions: a process with one always ready (``keeper.py``), made once, and asked for each function.

It brings a function's launch to its keeper, and knows nothing of how that keeps it, nor of what becomes of the function. Functions that
are forked from an interpreter have that for what makes their keepers. There are two of each such interpreter, which have other hashes of
strings: what depends on the order of a set, or on ``hash``, differs between environments on Lambda, and must be seen to differ.
"""

import atexit
import itertools
import json
import selectors
import socket
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from taskguard.engine.functions.launch import KEEPER, ForkServer, Launch

_ANSWERS_WITHIN_SECONDS = 20.0
_OF_A_FORK_SERVER = 2


class Keepers:
    """Those whose functions have control groups in ``groups``, or none. They are started behind ``enter``."""

    def __init__(self, groups: Path | None, enter: tuple[str, ...], fork_server: ForkServer | None = None) -> None:
        self._groups, self._enter, self._fork_server = groups, enter, fork_server
        # There is one ready at a time.
        self._asking = threading.Lock()
        self._control = self._started()

    def keep(self, launch: Launch, output: int) -> tuple[socket.socket, int]:
        """Have a keeper start what ``launch`` says, which writes to ``output``: the line to that keeper, and its process.

        Raises:
            OSError: there is none.
        """
        with self._asking:
            try:
                return _asked(self._control, launch, output)
            except ConnectionError:
                # Somebody has ended them.
                self._control.close()
                self._control = self._started()
            try:
                return _asked(self._control, launch, output)
            except ConnectionError as error:
                raise OSError("starting a function: its keeper ended at once; the engine's log says why") from error

    def _started(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        server = self._fork_server
        with theirs:
            command = [
                *self._enter,
                *(server.interpreter if server else (sys.executable, "-I", "-S")),
                server.keeper if server else str(KEEPER),
                str(theirs.fileno()),
                server.groups if server else str(self._groups or ""),
                *(server.script if server else ()),
            ]
            process = subprocess.Popen(
                command,
                cwd="/",
                env=dict(server.environment) if server else {},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        # Otherwise Python warns of a process that is forgotten while it runs. It ends with this one.
        process.returncode = 0
        atexit.register(ours.close)
        return ours


_made: dict[tuple[Path | None, tuple[str, ...], ForkServer | None], "itertools.cycle[Keepers]"] = {}
_making = threading.Lock()


def keepers(groups: Path | None, enter: tuple[str, ...], fork_server: ForkServer | None) -> Keepers:
    """This engine's. They are made when they are asked for first; where there are several, they take turns."""
    with _making:
        if (wanted := (groups, enter, fork_server)) not in _made:
            many = _OF_A_FORK_SERVER if fork_server else 1
            _made[wanted] = itertools.cycle([Keepers(*wanted) for _ in range(many)])
        return next(_made[wanted])


def _asked(control: socket.socket, launch: Launch, output: int) -> tuple[socket.socket, int]:
    wanted = {
        "argv": launch.argv,
        "environment": dict(launch.environment),
        "folder": launch.folder,
        "isolation": asdict(launch.isolation) if launch.isolation else None,
    }
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            socket.send_fds(control, [b"."], [theirs.fileno(), output])
            # On macOS a descriptor may get lost that is closed on its way: it has come when there is an answer.
            keeper = _answer(ours, control)
        ours.sendall(json.dumps(wanted).encode() + b"\n")
    except BaseException:
        ours.close()
        raise
    return ours, int(keeper)


def _answer(line: socket.socket, control: socket.socket) -> bytes:
    with selectors.DefaultSelector() as selector:
        selector.register(line, selectors.EVENT_READ)
        # Nobody ever writes there: it can be read once it has ended.
        selector.register(control, selectors.EVENT_READ)
        readable = [key.fileobj for key, _ in selector.select(_ANSWERS_WITHIN_SECONDS)]
    if not readable:
        raise TimeoutError("starting a function: its keeper does not answer")
    if line not in readable or not (keeper := line.recv(32)):
        raise ConnectionResetError
    return keeper
