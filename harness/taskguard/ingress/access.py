"""How the API of a deployed stage lets its clients in, and what a client has to send for it: nothing, a key, a signature, a token of our
own, or headers that the user states.

Key and signature are put on each request as it leaves, and nowhere else: they are in no message, no log, no history and no
manifest. It must not know what is asked of the API.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError
from requests import PreparedRequest
from requests.auth import AuthBase

from taskguard.contract.dialect import INGRESS, IngressWords
from taskguard.errors import DeploymentError, DiscoveryError, SetupError
from taskguard.ingress.client import Client
from taskguard.ingress.http_client import HttpClient
from taskguard.ingress.queue_client import QueueClient
from taskguard.service.stack import QUEUE_ITSELF, ApiKind, Route, Stack, Token
from taskguard.targets.aws_errors import HOW_TO_LOG_IN, explain
from taskguard.targets.base import LOCAL_CREDENTIALS, Endpoint

_SERVICES: Mapping[ApiKind, str] = {"rest": "execute-api", "http": "execute-api", "url": "lambda"}
"""In whose name a request is signed: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html for functions' URLs."""
# https://docs.aws.amazon.com/apigateway/latest/api/API_Method.html
_IAM = "AWS_IAM"
_KNOWN = ("NONE", _IAM)

FOR_SUBMISSIONS = "GRADED_"
"""How variables of the environment begin that headers of a gradebook's submissions may stand for."""

_NOT_SHOWN = f" A gradebook lets its submissions see none but those that begin with {FOR_SUBMISSIONS}: name it so, there and in the file."
_SUBJECT = "taskguard"
_VALID_SECONDS = 10 * 365 * 24 * 3600
_SIGNED_HEADERS = ("Content-Type",)
"""Besides what a signature adds itself. Others may be changed on the way."""


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
    service: str = "execute-api"

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        kept = {name: request.headers[name] for name in _SIGNED_HEADERS if name in request.headers}
        signed = AWSRequest(method=request.method, url=request.url, data=request.body or b"", headers=kept)
        SigV4Auth(self.credentials(), self.service, self.region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        return request


@dataclass(frozen=True, slots=True)
class OwnToken(AuthBase):
    """Sends a token (JWT) with the claims that an API asks for, signed by nobody: an engine that reaches no issuer goes by the claims."""

    asked: Token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if self.asked.header not in request.headers:
            request.headers[self.asked.header] = f"Bearer {token_for(self.asked)}"
        return request


def token_for(asked: Token) -> str:
    """A token that fits, for the next years: the engine's clock may run fast."""
    now = int(time.time())
    claims = {"iss": asked.issuer, "sub": _SUBJECT, "iat": now, "exp": now + _VALID_SECONDS}
    claims |= {"aud": asked.audience[0], "client_id": asked.audience[0]} if asked.audience else {}
    claims |= {"scope": " ".join(asked.scopes), "token_use": "access"} if asked.scopes else {"token_use": "id"}
    parts = (json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), ""])


def client_of(
    endpoint: Endpoint,
    stack: Stack,
    words: IngressWords = INGRESS,
    note: Callable[[Iterable[str]], None] = lambda _: None,
) -> Client:
    """A client for the way in of ``stack``, which lets it in, and that hands in tasks in these ``words``; ``note`` as of
    :class:`Client`.

    Raises:
        DeploymentError: when it is not told how, or the key cannot be read.
        DiscoveryError: the path has a parameter of which nobody said what it is.
        SetupError: when a request must be signed, and there are no credentials; or a header's variable is not set.
    """
    if stack.ingress.is_queue:
        _refuse_unset(words)
        return QueueClient(endpoint, stack.work_queue.url, note, words, os.environ)
    return http_client_of(endpoint, stack, words, note)


def http_client_of(
    endpoint: Endpoint,
    stack: Stack,
    words: IngressWords = INGRESS,
    note: Callable[[Iterable[str]], None] = lambda _: None,
) -> HttpClient:
    """As :func:`client_of`, of a stack whose way in is an API.

    Raises:
        DeploymentError, DiscoveryError, SetupError: as :func:`client_of`.
    """
    ingress = stack.ingress
    _refuse_parameters(ingress.submit, stack)
    _refuse_unset(words)
    # Without a route for records there is nothing to be read, wherever it would be.
    record_path = ingress.record.path if ingress.record is not None else f"{ingress.submit.path}/{{id}}"
    return HttpClient(
        ingress.api.url,
        note,
        clock=endpoint.clock,
        auth=access_to(endpoint, stack, words),
        submit_path=ingress.submit.path,
        record_path=record_path,
        words=words,
        method=ingress.submit.verb,
        environment=os.environ,
    )


def access_to(endpoint: Endpoint, stack: Stack, words: IngressWords = INGRESS) -> AuthBase | None:
    """What is to be put on each request to the API of ``stack``, besides headers that are stated; none when it is open.

    Raises:
        DeploymentError, SetupError: as :func:`client_of`.
    """
    route = stack.ingress.submit
    if route.token is not None and endpoint.url is not None and not route.api_key_required:
        # A header that is stated goes before it.
        record = stack.ingress.record.token if stack.ingress.record is not None else None
        return OwnToken(replace(route.token, scopes=(*route.token.scopes, *(record.scopes if record else ()))))
    if route.authorization not in _KNOWN and not words.headers:
        raise DeploymentError(
            f"calling the API of the stack {stack.name}: {route} wants the authorization {route.authorization}, and nobody said what its "
            "authorizer lets in. State the header in taskguard.toml, with a variable of the environment for what is secret:\n"
            '  [ingress]\n  headers = { Authorization = "Bearer ${env:TOKEN}" }\n'
            f'Or leave the API out, and have tasks sent to the work queue itself:\n  [ingress]\n  route = "{QUEUE_ITSELF}"'
        )
    if route.api_key_required:
        return ApiKey(_key(endpoint, stack))
    if route.authorization != _IAM:
        return None
    return Signature(endpoint.region, _credentials(endpoint), _SERVICES[stack.ingress.api.kind])


def _refuse_parameters(route: Route, stack: Stack) -> None:
    if unstated := re.findall(r"(?<!\$)\{[^{}]+\}", route.path):
        raise DiscoveryError(
            f"handing in tasks by {route} of the stack {stack.name}: nobody said what stands for {' and '.join(unstated)}. State the path "
            'that takes tasks in taskguard.toml, with ${id} where the task\'s id belongs:\n  [ingress]\n  route = "POST /tasks"'
        )


def _refuse_unset(words: IngressWords) -> None:
    try:
        words.headers_of("", os.environ)
    except KeyError as unset:
        name = unset.args[0]
        raise SetupError(
            f"reading the headers of [ingress] in taskguard.toml: the variable {name} is not set. Set it in the environment "
            f"that taskguard runs in.{'' if name.startswith(FOR_SUBMISSIONS) else _NOT_SHOWN}"
        ) from None


def _key(endpoint: Endpoint, stack: Stack) -> str:
    doing = f"reading the API key of stage {stack.stage} at {endpoint.place}"
    ids = stack.ingress.api.key_ids
    if not ids:
        raise DeploymentError(
            f"{doing}: there is none, and {stack.ingress.submit} wants one. Deploy the stage again, with a key."
        )
    found, refusal = [], None
    for each in ids:
        try:
            found.append(endpoint.apigateway().get_api_key(apiKey=each, includeValue=True))
        except (ClientError, BotoCoreError) as error:
            # A caller may be allowed to read one of several.
            refusal = error
    if not found and refusal is not None:
        raise DeploymentError(f"{doing}: {explain(refusal)}") from refusal
    # While keys are being replaced, the newest is the one that stays. Some engines tell whole seconds: of one second it is the last one listed.
    return max(reversed(found), key=lambda key: key["createdDate"])["value"]


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
