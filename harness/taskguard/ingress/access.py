"""How the API of a deployed stage lets its clients in, and what a client has to send for it: nothing, a key, or a signature.

Key and signature are put on each request as it leaves, and nowhere else: they are in no message, no log, no history and no
manifest. It must not know what is asked of the API.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError
from requests import PreparedRequest
from requests.auth import AuthBase

from taskguard.errors import DeploymentError, SetupError
from taskguard.ingress.client import Client
from taskguard.service.deployment import Stack
from taskguard.targets.aws_errors import HOW_TO_LOG_IN, explain
from taskguard.targets.base import LOCAL_CREDENTIALS, Endpoint

_SERVICE = "execute-api"
_SIGNED_HEADERS = ("Content-Type",)
"""Besides what a signature adds itself. Others may be changed on the way."""


class ApiAuth(StrEnum):
    """What ``serverless.yml``'s parameter ``apiAuth`` may be."""

    NONE = "none"
    API_KEY = "apiKey"  # pragma: allowlist secret
    IAM = "iam"


@dataclass(frozen=True, slots=True)
class ApiKey(AuthBase):
    """Sends an API key: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-key-source.html."""

    value: str = field(repr=False)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["x-api-key"] = self.value
        return request


@dataclass(frozen=True, slots=True)
class Signature(AuthBase):
    """Signs as AWS's own clients do (Signature Version 4); ``credentials`` is asked for each request, since they expire."""

    region: str
    credentials: Callable[[], ReadOnlyCredentials] = field(repr=False)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        kept = {name: request.headers[name] for name in _SIGNED_HEADERS if name in request.headers}
        signed = AWSRequest(method=request.method, url=request.url, data=request.body or b"", headers=kept)
        SigV4Auth(self.credentials(), _SERVICE, self.region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        return request


def client_of(endpoint: Endpoint, stack: Stack) -> Client:
    """A client that the API of ``stack`` lets in.

    Raises:
        DeploymentError: when it is not told how, or the key cannot be read.
        SetupError: when a request must be signed, and there are no credentials.
    """
    return Client(stack.api_url, clock=endpoint.clock, auth=access_to(endpoint, stack))


def access_to(endpoint: Endpoint, stack: Stack) -> AuthBase | None:
    """What is to be put on each request to the API of ``stack``; none when it is open.

    Raises:
        DeploymentError, SetupError: as :func:`client_of`.
    """
    # Stages that were deployed before there was a choice are open, and do not say so.
    told = stack.outputs.get("ApiAuth", ApiAuth.NONE)
    if told == ApiAuth.NONE:
        return None
    if told == ApiAuth.API_KEY:
        return ApiKey(_key(endpoint, stack))
    if told == ApiAuth.IAM:
        return Signature(endpoint.region, _credentials(endpoint))
    raise DeploymentError(
        f"calling the API of stage {stack.stage}: it lets clients in by {told}, which this TaskGuard does not know. "
        "Was it deployed from this project's serverless.yml?"
    )


def _key(endpoint: Endpoint, stack: Stack) -> str:
    doing = f"reading the API key of stage {stack.stage} at {endpoint.place}"
    try:
        # The id is an output; the value is asked for, and is in no output.
        return endpoint.apigateway().get_api_key(apiKey=stack.outputs["ApiKeyId"], includeValue=True)["value"]
    except (ClientError, BotoCoreError) as error:
        raise DeploymentError(f"{doing}: {explain(error)}") from error
    except KeyError as missing:
        raise DeploymentError(
            f"{doing}: there is no {missing}. Deploy the stage again, which makes a key."
        ) from missing


def _credentials(endpoint: Endpoint) -> Callable[[], ReadOnlyCredentials]:
    if endpoint.url is not None:
        local = ReadOnlyCredentials(
            LOCAL_CREDENTIALS["AWS_ACCESS_KEY_ID"], LOCAL_CREDENTIALS["AWS_SECRET_ACCESS_KEY"], None
        )
        return lambda: local
    users = boto3.session.Session(region_name=endpoint.region).get_credentials()
    if users is None:
        raise SetupError(f"signing requests to the API: there are no AWS credentials. {HOW_TO_LOG_IN}")
    return users.get_frozen_credentials
