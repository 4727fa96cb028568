"""LocalStack: the authorizers of REST APIs are asked, and who has to sign is refused unless.

The community edition lets everybody in, so that who should be refused is not, and a function is told nothing of who was let in. The part
itself is :mod:`taskguard.engine.services.rest_authorizers`.

Needed until LocalStack asks them: ``tests/engine/test_rest_apis.py`` fails without it.
"""

from typing import Any

from localstack.services.apigateway.next_gen.execute_api import handlers


def apply() -> None:
    handlers.preprocess_request.append(_ask)


def _ask(_chain: Any, context: Any, _response: Any) -> None:
    if context.resource_method.get("authorizationType", "NONE") != "NONE":
        # Who has no authorizer need not wait for what asks one.
        from taskguard.engine.services.rest_authorizers import ASKS, let_in  # noqa: PLC0415

        if context.resource_method["authorizationType"] in ASKS:
            let_in(context)
