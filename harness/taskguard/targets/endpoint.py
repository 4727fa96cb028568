"""An engine that somebody else started, known by its address: LocalStack, MiniStack, or another that answers like them.

It is used as it is, and neither started nor stopped. Only what local engines accept as credentials is ever sent to it.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.errors import TargetError
from taskguard.targets.aws_errors import by_an_engine, no_engine
from taskguard.targets.base import Endpoint, Instance, Target
from taskguard.targets.names import DEFAULT_REGION
from taskguard.targets.process import direct

_TIMEOUT_SECONDS = 5.0
_EXAMPLE = "for example --endpoint-url http://127.0.0.1:4566"
_AWS_DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "api.aws", "on.aws")
# Where each tells what it is. MiniStack answers on LocalStack's path too, so it is asked for its own first.
_HEALTH = {"ministack": "/_ministack/health", "localstack": "/_localstack/health"}
# How engines serve REST APIs without host names of their own, the newer form first.
_API_PATHS = ("/_aws/execute-api/{api_id}/{stage}", "/restapis/{api_id}/{stage}/_user_request_")


@dataclass(frozen=True, slots=True)
class EndpointInstance(Instance):
    """An engine of somebody else's, as it was found."""

    kind = "endpoint"
    takes_stacks_along = False

    url: str
    region: str
    api_path: str
    engine: str
    version: str

    def endpoint(self) -> Endpoint:
        versions = ((self.engine, self.version),)
        return Endpoint(target=self.kind, url=self.url, region=self.region, api_path=self.api_path, versions=versions)

    def is_running(self) -> bool:
        try:
            _ask(self.url, "/")
        except TargetError:
            return False
        return True

    def stay(self) -> None:
        pass

    def end(self) -> None:
        pass


@dataclass(eq=False)
class ForeignEngine(Target[EndpointInstance]):
    """The engine at ``endpoint_url``, as a user gave it."""

    engine = "an engine that is running"

    endpoint_url: str | None = None
    region: str = field(default=DEFAULT_REGION, kw_only=True)

    def start(self) -> Endpoint:
        url = address_of_engine(self.endpoint_url)
        engine, version = _identify(url)
        try:
            # Asked before there is any API: engines that load their parts when needed then have this one.
            with by_an_engine(url):
                told = Endpoint(target="endpoint", url=url, region=self.region).apigateway().get_rest_apis(limit=1)
        except (ClientError, BotoCoreError) as error:
            raise TargetError(
                f"asking {url} for its REST APIs: {error}. Is it an engine of AWS services, with API Gateway?"
            ) from error
        if "items" not in told:
            raise no_engine(url, "it lists no REST APIs, not even none")
        self.instance = EndpointInstance(url, self.region, _api_path(url), engine, version)
        return self.instance.endpoint()


def address_of_engine(url: str | None) -> str:
    """The address, without a closing slash.

    Raises:
        TargetError: when it is none, or not that of a local engine.
    """
    if not url:
        raise TargetError(f"using an engine that is running: its address is not given. Add it, {_EXAMPLE}.")
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_valid = urlsplit(""), False
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("http", "https") or not host or not port_is_valid or any(c.isspace() for c in url):
        raise TargetError(f"--endpoint-url {url}: this is no address of an engine. Give one that is, {_EXAMPLE}.")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise TargetError(
            f"--endpoint-url {parts.scheme}://{host}…: more than scheme, host and port is given. Give these alone, {_EXAMPLE}."
        )
    if any(host == domain or host.endswith(f".{domain}") for domain in _AWS_DOMAINS):
        raise TargetError(
            f"--endpoint-url {url}: this is AWS itself, where the credentials of local engines are worth nothing. "
            "Use --target aws."
        )
    return url.rstrip("/")


def _identify(url: str) -> tuple[str, str]:
    for engine, path in _HEALTH.items():
        health = _ask(url, path)
        if isinstance(health, dict) and isinstance(health.get("services"), Mapping):
            return engine, str(health.get("version", "unknown"))
    return "engine", "unknown"


def _api_path(url: str) -> str:
    for path in _API_PATHS:
        # To an engine that does not know the form, this is an object in a bucket: S3 answers, in XML.
        if _ask(url, path.format(api_id="0000000000", stage="none") + "/") is not None:
            return path
    raise TargetError(
        f"asking {url} where it serves REST APIs: it knows neither {' nor '.join(_API_PATHS)}. "
        "TaskGuard can use engines that know one of them."
    )


def _ask(url: str, path: str) -> Any:
    """What it answers, whatever the status; none when that is not JSON.

    Raises:
        TargetError: when it does not answer.
    """
    try:
        with direct.open(url + path, timeout=_TIMEOUT_SECONDS) as response:
            text = response.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            text = refusal.read()
    except HTTPException as error:
        raise no_engine(url, repr(error)) from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise TargetError(
            f"asking the engine at {url}: it does not answer ({reason}). Is it running, and is this its address?"
        ) from error
    try:
        return json.loads(text)
    except ValueError:
        return None
