"""The process of LocalStack as it comes. Run as a script in the engine's environment; it ends with its owner."""

import socket
import threading
from typing import Any

import psutil
from localstack.runtime.main import main as run_localstack
from localstack.runtime.runtime import LocalstackRuntime
from localstack.runtime.server.twisted import TwistedRuntimeServer
from rolo.gateway import Gateway
from rolo.serving.twisted import TwistedGateway
from taskguard.engine import __main__ as ours
from taskguard.engine import ownership, server
from taskguard.engine.patches import warmth
from taskguard.engine.settings import EngineSettings
from twisted.internet import endpoints, reactor


class _OnSocket(TwistedRuntimeServer):  # type: ignore[misc]
    """LocalStack's own web server, on the socket it was given."""

    def register(self, gateway: Gateway, *_address: Any) -> None:
        listener = EngineSettings.from_environment().listener
        endpoints.AdoptedStreamServerEndpoint(reactor, listener, socket.AF_INET).listen(TwistedGateway(gateway))


def _leave_with(owner: psutil.Process) -> None:
    while ownership.is_alive(owner):
        if ownership.released.wait(0.5):
            return
    ours._leave()  # as ours does


if __name__ == "__main__":
    warmth.prepare = lambda: None
    server.LoopbackServer = _OnSocket  # type: ignore[misc]
    owner = psutil.Process(EngineSettings.from_environment().owner_pid)
    threading.Thread(target=_leave_with, args=(owner,), daemon=True).start()
    LocalstackRuntime.exit = ours._leave
    run_localstack()
