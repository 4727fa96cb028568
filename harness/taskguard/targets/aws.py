"""AWS itself, with the user's own credentials: the stage that is deployed there is used, and nothing is started or stopped.

Where the user's settings lead somewhere else (``AWS_ENDPOINT_URL``), it is a rehearsal there, and is called so. The Serverless
CLI deploys to AWS and removes from it, as it would without the harness.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from taskguard.contract.tolerances import ON_AWS
from taskguard.errors import TargetError
from taskguard.targets.aws_clock import measure_skew
from taskguard.targets.aws_errors import SET_THE_CLOCK, explained
from taskguard.targets.base import Endpoint, Instance, Target
from taskguard.targets.endpoint import ForeignEngine

# The first call tells a wrong region or an expired login, so it must not be tried for minutes.
_FIRST_CALL = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
# The stubs do not know this option.
_NOT_AS_CONFIGURED = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]


@dataclass(frozen=True, slots=True)
class AwsInstance(Instance):
    """A region of AWS; or, with ``url``, the engine at which AWS is rehearsed."""

    kind = "aws"
    takes_stacks_along = False

    region: str
    url: str | None = None
    api_path: str = ""

    def endpoint(self) -> Endpoint:
        name = "aws" if self.url is None else f"aws (at {self.url})"
        return Endpoint(target=name, url=self.url, region=self.region, api_path=self.api_path)

    def is_running(self) -> bool:
        return True

    def stay(self) -> None:
        """AWS stays."""

    def end(self) -> None:
        """AWS is not ours to end."""


@dataclass(eq=False)
class Aws(Target[AwsInstance]):
    """Use it as any other target; starting it is finding out that it can be reached, and by whose clock."""

    engine = "AWS"

    region: str

    def start(self) -> Endpoint:
        doing = f"reaching AWS in {self.region}"
        with explained(doing):
            url = rehearsal_url(self.region)
            if url is None:
                instance = AwsInstance(self.region)
            else:
                engine = ForeignEngine(url, region=self.region).start()
                instance = AwsInstance(self.region, engine.url, engine.api_path)
            skew = measure_skew(_asking(instance.endpoint()))
        if skew is None and url is None:
            raise TargetError(f"{doing}: its clock could not be compared with this machine's. Try again.")
        if skew is not None and not skew.is_within(ON_AWS.clock_ms):
            raise TargetError(
                f"{doing}: this machine's clock is {skew} its clock, and times could not be compared. {SET_THE_CLOCK}"
            )
        self.instance = instance
        return instance.endpoint()

    def leave_running(self) -> None:
        """It runs on, whatever is done here."""


def rehearsal_url(region: str) -> str | None:
    """Where the user's settings send AWS's calls, if not to AWS: ``AWS_ENDPOINT_URL``, or a profile's ``endpoint_url``.

    Raises:
        TargetError: when it is not an address.
    """
    session: Any = boto3.session.Session(region_name=region)
    try:
        configured = session.client("sts", config=_FIRST_CALL).meta.endpoint_url
    except ValueError as error:
        raise TargetError(
            f"reading AWS_ENDPOINT_URL: {error}. Give it as http://127.0.0.1:4566, or unset it."
        ) from error
    plain = session.client("sts", config=_NOT_AS_CONFIGURED).meta.endpoint_url
    # A private endpoint of AWS's own is AWS too.
    ours = configured == plain or (urlsplit(configured).hostname or "").endswith(
        (".amazonaws.com", ".amazonaws.com.cn")
    )
    return None if ours else configured.rstrip("/")


def _asking(endpoint: Endpoint) -> Callable[[], str | None]:
    """Asks AWS who is asking, which nobody needs a permission for, and returns the answer's date."""
    users: Any = boto3.session.Session(region_name=endpoint.region)
    # The user's own credentials must not reach an engine's log.
    sts = users.client("sts", config=_FIRST_CALL) if endpoint.url is None else endpoint.client("sts")

    def ask() -> str | None:
        headers = sts.get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
        return str(headers["date"]) if "date" in headers else None

    return ask
