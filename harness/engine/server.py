"""LocalStack's web server, on the socket that the engine was started with and on no other.

The server that comes with LocalStack takes the port from ``GATEWAY_LISTEN`` and binds all interfaces. Here whoever starts the
engine has bound the address, and who connects before the engine is ready waits instead of being refused. It speaks plain
HTTP only, which spares the making of a certificate for a server nobody else can reach.
"""

import socket

from localstack import config
from localstack.runtime.server.twisted import TwistedRuntimeServer
from rolo.gateway import Gateway
from rolo.serving.twisted import TwistedGateway
from twisted.internet import endpoints, reactor

from harness.engine.settings import EngineSettings


class LoopbackServer(TwistedRuntimeServer):
    """Twisted, on the socket it was given."""

    def register(
        self,
        gateway: Gateway,
        listen: list[config.HostAndPort],  # noqa: ARG002  # what the socket is bound to
        _ssl_creds: tuple[str, str] | None = None,
    ) -> None:
        listener = EngineSettings.from_environment().listener
        site = TwistedGateway(gateway)
        # LocalStack logs each request itself.
        site.noisy, site.log = False, lambda _request: None
        endpoints.AdoptedStreamServerEndpoint(reactor, listener, socket.AF_INET).listen(site)
