"""The engine in a container: what a target says to an engine that it starts, said by the image itself.

Run as ``python -m taskguard.engine.container``, the entry point of the stand-in image (``image/Dockerfile``). Nobody owns
this engine but its container. It listens on all of the container's addresses, since the container's network is its own;
on the host it is published to 127.0.0.1 alone.
"""

import os
import platform
import socket
import sys
import tempfile
from pathlib import Path

from taskguard.engine.settings import ENGINE_VARIABLES, LOCALSTACK_VARIABLES, EngineSettings, FunctionRuntime

_PORT = 4566
_BACKLOG = 128
_RUNTIME = "python3.13"
_LIBRARIES = "/opt/taskguard/functions"
_FALLBACK = Path(__file__).parent / "functions" / "runtime_client"


def main() -> None:
    """Become the engine, in this very process: a container ends with its first one."""
    with socket.create_server(("", _PORT), backlog=_BACKLOG) as listener:
        listener.set_inheritable(True)
        settings = EngineSettings(
            scratch=tempfile.mkdtemp(prefix="taskguard-engine-"),
            listener=listener.fileno(),
            runtimes={
                _RUNTIME: FunctionRuntime(sys.executable, (_LIBRARIES, str(_FALLBACK)), platform.python_version()),
            },
        )
        # What the container was started with goes before LocalStack's settings, and not before what makes the engine ours.
        environment = LOCALSTACK_VARIABLES | os.environ | ENGINE_VARIABLES | settings.to_environment()
        os.execve(sys.executable, [sys.executable, "-m", "taskguard.engine"], environment)  # noqa: S606  # no shell is meant


if __name__ == "__main__":
    main()
