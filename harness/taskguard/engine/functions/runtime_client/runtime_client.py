"""The transport of AWS's runtime interface client, for platforms on which its native one is not built (macOS).

``awslambdaric`` imports a module of this name; this one stands last on the search path, so that the native one wins
where there is one. Same functions, over the standard library's HTTP client.
"""

import http.client
import os

_ROOT = "/2018-06-01/runtime/invocation"
_user_agent = "aws-lambda-python"


def initialize_client(user_agent: str) -> None:
    """Remember how to introduce ourselves."""
    global _user_agent  # noqa: PLW0603  # the native module keeps it in a static variable, too
    _user_agent = user_agent


def next() -> tuple[bytes, dict[str, str]]:  # noqa: A001  # the name that awslambdaric calls
    """Block until there is an invocation; its body and headers."""
    return _ask("GET", "/next", http.client.OK)


def post_invocation_result(
    request_id: str, payload: bytes, content_type: str, invocation_id: str | None = None
) -> None:
    """Answer an invocation."""
    _post(f"/{request_id}/response", payload, {"Content-Type": content_type}, invocation_id)


def post_error(request_id: str, error: str, xray_cause: str, invocation_id: str | None = None) -> None:
    """Answer an invocation with an error document."""
    headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-XRay-Error-Cause": xray_cause}
    _post(f"/{request_id}/error", error.encode(), headers, invocation_id)


def _post(path: str, body: bytes, headers: dict[str, str], invocation_id: str | None) -> None:
    if invocation_id is not None:
        headers["Lambda-Runtime-Invocation-Id"] = invocation_id
    _ask("POST", path, http.client.ACCEPTED, body, headers)


def _ask(
    method: str, path: str, expected: int, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        connection.request(method, _ROOT + path, body, {"User-Agent": _user_agent, **(headers or {})})
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    if response.status != expected:
        raise RuntimeError(f"{method} {path}: HTTP {response.status}")
    return text, dict(response.getheaders())
