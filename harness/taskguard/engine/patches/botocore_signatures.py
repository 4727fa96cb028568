"""botocore: the engine's requests to itself say who asks for what, and are not signed.

A task costs the engine about ten requests, most of them to itself, and nobody checks a signature.

Needed until LocalStack's in-memory client signs no more: look for ``Signature=`` in what ``connect_to`` sends.
"""

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def apply() -> None:
    auth.AUTH_TYPE_MAPS["v4"] = _Named


class _Named(auth.BaseSigner):
    """Says who asks for what, as a signed request does; the signature itself is none."""

    REQUIRES_REGION = True

    def __init__(self, credentials: Credentials, service_name: str, region_name: str) -> None:
        self._credentials = credentials
        self._scope = f"19700101/{region_name}/{service_name}/aws4_request"

    def add_auth(self, request: AWSRequest) -> None:
        credential = f"{self._credentials.access_key}/{self._scope}"
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=unsigned"
        )
        if self._credentials.token:
            request.headers["X-Amz-Security-Token"] = self._credentials.token
