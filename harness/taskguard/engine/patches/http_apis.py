"""LocalStack: HTTP APIs are served where REST APIs are: by host name, and below ``/_aws/execute-api/``.

The community edition answers there that there is no such API. The parts themselves are in :mod:`taskguard.engine.services.http_api`.

Needed until LocalStack serves HTTP APIs: ``tests/engine/test_http_apis.py`` fails without it.
"""

from typing import Any

from localstack.http import Request, Response
from localstack.services.apigateway.next_gen.execute_api.router import ApiGatewayEndpoint

_BELOW = "/_aws/execute-api/"
_PARTS_BELOW = 3


def apply() -> None:
    serve_rest = ApiGatewayEndpoint.__call__

    def serve(endpoint: ApiGatewayEndpoint, request: Request, **kwargs: Any) -> Response:
        api_id = (kwargs.get("api_id") or "").lower()
        if not endpoint.is_rest_api(api_id, kwargs.get("stage")):
            # Who has no HTTP API need not wait for what serves them.
            from taskguard.engine.services.http_api import control, serving, wire  # noqa: PLC0415

            if (found := control.find(api_id)) is not None:
                cut = _PARTS_BELOW if request.path.startswith(_BELOW) else 0
                return wire.response(serving.answer(found, wire.incoming(request, cut)))
        return serve_rest(endpoint, request, **kwargs)

    ApiGatewayEndpoint.__call__ = serve
