"""What every target is to the rest of the harness: something that can be started, reached and stopped.

A target knows nothing of the pipeline that is deployed to it, and nothing of checks. An *instance* is what a started
target leaves: enough for another process to reach it and end it.
"""

import json
import os
import threading
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import boto3
import botocore.session
from botocore.config import Config

from taskguard.errors import TargetError
from taskguard.support.clocks import REAL, Clock

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sqs import SQSClient

LOCAL_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
"""What local engines accept. Never the user's own credentials: they would reach an engine's log."""

# The user's proxies and profiles have no say in how this machine talks to itself.
_CLIENT_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "max_attempts": 4},
    max_pool_connections=32,
    proxies={},
)
# AWS throttles: https://docs.aws.amazon.com/boto3/latest/guide/retries.html.
_AWS_CONFIG = Config(
    connect_timeout=5, read_timeout=30, retries={"mode": "adaptive", "total_max_attempts": 10}, max_pool_connections=32
)
_NO_PROFILE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A running target, as its users see it.

    ``url`` is the address of the AWS APIs, none for AWS itself, which is reached with the user's own settings;
    ``api_path`` is where a REST API is found below it. ``recording`` is the flight recorder's file and ``log`` the
    engine's, for targets that have them. ``versions`` names what runs there, for the manifest. Where it is ``sandboxed``, the programs of
    services are kept in a sandbox, those that build them too. ``clock`` is the one that a
    pipeline there lives by.
    """

    target: str
    url: str | None
    region: str
    log: Path | None = None
    recording: Path | None = None
    versions: tuple[tuple[str, str], ...] = ()
    api_path: str = "/_aws/execute-api/{api_id}/{stage}"
    clock: Clock = REAL
    sandboxed: bool = False

    @property
    def place(self) -> str:
        """How to speak of it: its address, or AWS and the region."""
        return self.url or f"AWS, {self.region}"

    def in_region(self, region: str) -> Self:
        """The same, with this region's services: an engine has those of every region."""
        return replace(self, region=region)

    def environment(self) -> dict[str, str]:
        """The variables with which other programs reach this endpoint."""
        if self.url is None:
            return {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
        return {"AWS_ENDPOINT_URL": self.url, "AWS_REGION": self.region, **LOCAL_CREDENTIALS}

    def api_url(self, api_id: str, stage: str) -> str:
        """The address of an API deployed here; one whose stage is no part of its address has the stage ``""``."""
        if self.url is None:
            return f"https://{api_id}.execute-api.{self.region}.{_domain(self.region)}/{stage}".rstrip("/")
        return (self.url + self.api_path.format(api_id=api_id, stage=stage)).rstrip("/")

    def apigateway(self) -> "APIGatewayClient":
        return _client(self.url, self.region, "apigateway")  # type: ignore[no-any-return]

    def cloudformation(self) -> "CloudFormationClient":
        return _client(self.url, self.region, "cloudformation")  # type: ignore[no-any-return]

    def dynamodb(self) -> "DynamoDBClient":
        return _client(self.url, self.region, "dynamodb")  # type: ignore[no-any-return]

    def functions(self) -> "LambdaClient":
        return _client(self.url, self.region, "lambda")  # type: ignore[no-any-return]

    def logs(self) -> "CloudWatchLogsClient":
        return _client(self.url, self.region, "logs")  # type: ignore[no-any-return]

    def sqs(self) -> "SQSClient":
        return _client(self.url, self.region, "sqs")  # type: ignore[no-any-return]

    def client(self, service: str) -> Any:
        """A client of any other service, by boto3's name for it."""
        return _client(self.url, self.region, service)


def _domain(region: str) -> str:
    # https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html: China's is its own.
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


@lru_cache(maxsize=64)
def _client(url: str | None, region: str, service: str) -> Any:
    # Made once: a client costs a tenth of a second, and may be used from several threads.
    if url is None:
        return boto3.session.Session(region_name=region).client(service, config=_AWS_CONFIG)  # type: ignore[call-overload]
    with _making_a_client:
        return _session(region).client(service, endpoint_url=url, config=_CLIENT_CONFIG)  # type: ignore[call-overload]


_making_a_client = threading.Lock()
"""A session makes one at a time: https://docs.aws.amazon.com/boto3/latest/guide/session.html#multithreading-or-multiprocessing-with-sessions."""


@lru_cache(maxsize=8)
def _session(region: str) -> boto3.session.Session:
    # Shared: with a session of its own, each client would read AWS's data about regions and errors again.
    return boto3.session.Session(
        botocore_session=botocore.session.Session(session_vars=_NO_PROFILE),
        aws_access_key_id=LOCAL_CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=LOCAL_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=region,
    )


@dataclass(frozen=True, slots=True)
class Instance(ABC):
    """A started engine: enough to recognise it, reach it and end it, also from another process."""

    kind: ClassVar[str]
    """The target's name, by which :mod:`taskguard.targets.registry` finds the class again."""

    takes_stacks_along: ClassVar[bool] = True
    """Whether all that was deployed to it goes when it ends; otherwise whoever deploys must remove."""

    @abstractmethod
    def endpoint(self) -> Endpoint:
        """How it is reached."""

    def in_region(self, region: str) -> Self:
        """As :meth:`Endpoint.in_region`, for what is reached there from now on."""
        return replace(self, region=region)  # type: ignore[call-arg]  # each has one

    @abstractmethod
    def is_running(self) -> bool:
        """Whether it is there still."""

    @abstractmethod
    def stay(self) -> None:
        """Let it outlive its owner."""

    @abstractmethod
    def end(self) -> None:
        """Stop it and all it started, and remove its scratch files. May be called again."""

    def to_json(self) -> str:
        return json.dumps({"kind": self.kind, **asdict(self)}, indent=2)


Started = TypeVar("Started", bound=Instance)


class Target(ABC, Generic[Started]):
    """Use as a context manager: it can be started inside, and nothing of it is left after. Each is a dataclass, whose fields are
    what can be asked of it (:class:`taskguard.targets.registry.TargetOptions`, whose names they have)."""

    engine: ClassVar[str]
    """What it is, as users know it."""

    instance: Started | None = None
    """What has been started, or was found."""

    @abstractmethod
    def start(self) -> Endpoint:
        """Bring it up and wait until it answers.

        Raises:
            TargetError: when it cannot be started; the message says why and where its log is.
        """

    def stop(self) -> None:
        """End it and all it started. May be called again, and before :meth:`start`."""
        if self.instance is not None:
            self.instance.end()
        self.leave_running()

    @property
    def running(self) -> Started:
        """What has been started.

        Raises:
            TargetError: when nothing has.
        """
        if self.instance is None:
            raise TargetError(f"looking for {self.engine}: it has not been reached")
        return self.instance

    def leave_running(self) -> None:
        """Let go of what was started, which somebody else will end: :meth:`stop` has nothing to do any more."""
        self.instance = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
