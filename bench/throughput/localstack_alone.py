"""The process of LocalStack as it comes. Run as a script in the engine's environment; it ends with its owner."""

import socket
import threading
from typing import Any

from localstack.runtime.main import main as run_localstack
from localstack.runtime.server.twisted import TwistedRuntimeServer
from rolo.gateway import Gateway
from rolo.serving.twisted import TwistedGateway
from taskguard.engine import ownership, preloading, server
from taskguard.engine.patches import immediate_exit, moto_expressions, moto_item_size, moto_stream_shards
from taskguard.engine.patches.immediate_exit import leave
from taskguard.engine.settings import EngineSettings
from twisted.internet import endpoints, reactor


class _OnSocket(TwistedRuntimeServer):  # type: ignore[misc]
    """LocalStack's own web server, on the socket it was given."""

    def register(self, gateway: Gateway, *_address: Any) -> None:
        listener = EngineSettings.from_environment().listener
        endpoints.AdoptedStreamServerEndpoint(reactor, listener, socket.AF_INET).listen(TwistedGateway(gateway))


def _leave_with(owner_pid: int) -> None:
    if ownership.wait_until_gone(owner_pid, lambda: not ownership.released.is_set()):
        leave()


if __name__ == "__main__":
    preloading.preload = lambda: None
    # DynamoDB is ours, and it leaves as ours does.
    for patch in (moto_expressions, moto_item_size, moto_stream_shards, immediate_exit):
        patch.apply()
    server.LoopbackServer = _OnSocket  # type: ignore[misc]
    owner_pid = EngineSettings.from_environment().owner_pid
    threading.Thread(target=_leave_with, args=(owner_pid,), daemon=True).start()
    run_localstack()
