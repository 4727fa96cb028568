"""LocalStack's web server, bound to the addresses it was told to listen on and to no other.

The server that comes with LocalStack takes the port from ``GATEWAY_LISTEN`` and binds all interfaces. This one binds the
host as well and speaks plain HTTP only, which spares the making of a certificate for a server nobody else can reach.
"""

import os

from localstack import config
from localstack.runtime.server.twisted import TwistedRuntimeServer
from rolo.gateway import Gateway
from rolo.serving.twisted import TwistedGateway
from twisted.internet import endpoints, reactor
from twisted.python.failure import Failure

from harness.engine.settings import CANNOT_LISTEN


class LoopbackServer(TwistedRuntimeServer):
    """Twisted, listening on each ``host:port`` of ``GATEWAY_LISTEN``."""

    def register(
        self, gateway: Gateway, listen: list[config.HostAndPort], _ssl_creds: tuple[str, str] | None = None
    ) -> None:
        site = TwistedGateway(gateway)
        for address in listen:
            kind = (
                endpoints.TCP6ServerEndpoint if config.is_ipv6_address(address.host) else endpoints.TCP4ServerEndpoint
            )
            listening = kind(reactor, address.port, interface=address.host).listen(site)
            listening.addErrback(_give_up)


def _give_up(failure: Failure) -> None:
    # Without an address there is nothing to serve, and nobody to tell but the log and the exit status.
    print(failure.getErrorMessage(), flush=True)  # noqa: T201
    os._exit(CANNOT_LISTEN)
