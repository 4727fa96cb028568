"""The engine's own settings: read from its environment once, written there by the target that starts it.

One dataclass serves both sides, so that a setting cannot be written under one name and read under another.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from taskguard.support.folders import part_in_memory

_VARIABLE = "TASKGUARD_ENGINE"

SERVICES = (
    "apigateway",
    "cloudformation",
    "cloudwatch",
    "dynamodb",
    "dynamodbstreams",
    "iam",
    "lambda",
    "logs",
    "s3",
    "sqs",
    "sts",
)
"""What a deployed pipeline is made of."""

ENGINE_VARIABLES = {
    # Loaded before it answers, while the package is being made; others when they are asked for.
    "EAGER_SERVICE_LOADING": "1",
    "STRICT_SERVICE_LOADING": "0",
    "SERVICES": ",".join(SERVICES),
    # What it asks of itself (an event source's queue, a function's log) need not leave the process and come back.
    "IN_MEMORY_CLIENT": "1",
    # A call for each message and each invocation, for metrics that nothing here reads. What functions measure is in their logs.
    "SQS_DISABLE_CLOUDWATCH_METRICS": "1",
    "GATEWAY_SERVER": "taskguard",
    "LAMBDA_RUNTIME_EXECUTOR": "taskguard",
    "PROVIDER_OVERRIDE_APIGATEWAY": "taskguard",
    "PROVIDER_OVERRIDE_APIGATEWAYV2": "taskguard",
    "PROVIDER_OVERRIDE_DYNAMODB": "taskguard",
    "PROVIDER_OVERRIDE_DYNAMODBSTREAMS": "taskguard",
    "DNS_ADDRESS": "0",
    "SKIP_SSL_CERT_DOWNLOAD": "1",
    "PYTHONUNBUFFERED": "1",
}
"""What makes a LocalStack process this engine."""

LOCALSTACK_VARIABLES = {
    # Otherwise an event source is looked at once a second, and every ten seconds when it was empty.
    "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.05",
    "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "0.1",
    # Addresses in answers that need no name server.
    "SQS_ENDPOINT_STRATEGY": "path",
    "DISABLE_EVENTS": "1",
}
"""What any LocalStack is set to that pipelines run on, as a process or in a container (docker-compose.yml has them too)."""


_LANGUAGES = {"python": "Python", "node": "Node.js", "provided": "its own program, on"}


@dataclass(frozen=True, slots=True)
class FunctionRuntime:
    """Where functions of one Lambda runtime run locally.

    ``interpreter`` is its program, ``library_path`` the folders of what Lambda brings (the runtime interface client, the AWS SDK), in the
    order in which they are searched, ``version`` the interpreter's. ``compiled`` is the folder where what is compiled of packages is kept for
    all engines; with none, each package has its own. The ``language`` is one of :mod:`taskguard.engine.functions.runtimes`,
    the ``name`` is Lambda's (``nodejs20.x``).
    """

    interpreter: str
    library_path: tuple[str, ...]
    version: str
    language: str = "python"
    name: str = ""
    compiled: str = ""

    @property
    def runs_on(self) -> str:
        """The interpreter, for people: ``Node.js 20.20.2``."""
        return f"{_LANGUAGES[self.language]} {self.version}"

    @property
    def may_work_on(self) -> bool:
        """Whether it may work on after its answer: Lambda freezes it when it asks for the next invocation, which AWS's own clients do at once."""
        return self.language == "provided"

    @property
    def is_own(self) -> bool:
        """Whether the interpreter's version is the one that the runtime has on Lambda, so far as its name tells that."""
        if self.language == "provided":
            return True
        major, minor = self.version.split(".")[:2]
        return self.name in (f"python{major}.{minor}", f"nodejs{major}.x")

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """One that was told as JSON."""
        return cls(**{**document, "library_path": tuple(document["library_path"])})


@dataclass(frozen=True, slots=True)
class Provider:
    """Who tells of a runtime that the engine was not told of: a ``command``, to which the runtime's name is added, in the environment that a
    file has as JSON: it is the user's, as far as installing needs that, and no business of the engine's own. It prints the runtime as JSON, or
    says what is wrong and fails."""

    command: tuple[str, ...]
    environment_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What a target tells the engine it starts.

    ``instance`` is the token by which a target recognises its own engine; ``scratch`` the folder that goes with it;
    ``owner_pid`` the process that it must not outlive (0: nobody owns it); ``recording`` the flight recorder's file
    (none: no recording); ``runtimes`` maps Lambda runtime names (``python3.13``) to local interpreters, and ``provider`` tells of others, if
    anybody does; ``listener`` is the file descriptor of the socket that it serves; with ``functions_ready`` functions are initialised before they are called;
    with ``as_it_comes`` LocalStack's own code does all but run functions;
    ``clock`` is the file of the clock that it lives by, which runs up to ``clock_scale`` times as fast as the machine's and is not
    set when the machine's is (none: the machine's); with ``sandboxed`` functions run in a sandbox.
    """

    instance: str = ""
    scratch: str = ""
    owner_pid: int = 0
    recording: str | None = None
    listener: int = -1
    functions_ready: bool = False
    as_it_comes: bool = False
    clock: str | None = None
    clock_scale: float = 1.0
    sandboxed: bool = False
    runtimes: Mapping[str, FunctionRuntime] = field(default_factory=dict)
    provider: Provider | None = None

    @property
    def clock_file(self) -> Path | None:
        """Where ``clock`` is."""
        return Path(self.clock) if self.clock else None

    @property
    def packages(self) -> Path:
        """Where packages of functions, and what their layers hold together, are unzipped."""
        return part_in_memory(self.scratch) / "packages"

    def to_environment(self) -> dict[str, str]:
        """The environment variables that hand these settings to the engine's process."""
        return {_VARIABLE: json.dumps(asdict(self))}

    @classmethod
    @lru_cache(maxsize=1)
    def from_environment(cls) -> Self:
        """The settings of this process.

        Raises:
            KeyError: when the process was not started by a target.
        """
        document = json.loads(os.environ[_VARIABLE])
        runtimes = {name: FunctionRuntime.of(told) for name, told in document.pop("runtimes").items()}
        if (told := document.pop("provider")) is not None:
            document["provider"] = Provider(tuple(told["command"]), told["environment_file"])
        return cls(**document, runtimes=runtimes)
