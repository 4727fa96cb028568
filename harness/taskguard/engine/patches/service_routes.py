"""LocalStack: the routes of a service with paths, as Lambda is, are made once.

It keeps them for each model of a service, and each client within the engine has a model of its own. An event source mapping
makes one whenever it is switched on, so its first message waits until all of Lambda's routes have been compiled again.

Needed until it keeps them by the service's name: count the calls of ``Rule.compile`` while a mapping is switched off and on.
"""

from botocore.model import ServiceModel
from localstack.aws.protocol import op_router
from werkzeug.routing import Map


def apply() -> None:
    make = op_router._create_service_map
    kept: dict[tuple[str, str], Map] = {}

    def routes_of(service: ServiceModel) -> Map:
        key = service.service_name, service.protocol
        if key not in kept:
            kept[key] = make(service)
        return kept[key]

    op_router._create_service_map = routes_of
