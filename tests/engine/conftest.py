"""Functions of a test's own, on the session's engine."""

import gc
import io
import json
import re
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psutil
import pytest
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.queues import Queues

ROLE = "arn:aws:iam::000000000000:role/tests"


# What runs in the background of a shell ignores interrupts or hang-ups, and so does all that it starts; a prefix for commands.
HEEDING_INTERRUPTS = [
    sys.executable,
    "-c",
    "import os, signal, sys; [signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGHUP)]; "
    "os.execv(sys.argv[1], sys.argv[1:])",
]


@dataclass(frozen=True)
class Outcome:
    """What the caller of a function is told."""

    payload: Any
    error: str | None
    request_id: str


@dataclass(frozen=True)
class Function:
    """A function on the engine."""

    name: str
    endpoint: Endpoint

    def invoke(self, **event: Any) -> Outcome:
        answer = self.endpoint.functions().invoke(FunctionName=self.name, Payload=json.dumps(event))
        request_id = answer["ResponseMetadata"]["RequestId"]
        return Outcome(json.load(answer["Payload"]), answer.get("FunctionError"), request_id)

    def log(self, until: str) -> list[str]:
        """The function's log, once a line of it contains ``until``."""
        group, found = f"/aws/lambda/{self.name}", list[str]()

        def there() -> bool:
            logs = self.endpoint.logs()
            try:
                pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
                found[:] = [event["message"].rstrip("\n") for page in pages for event in page["events"]]
            except logs.exceptions.ResourceNotFoundException:
                return False
            return any(until in line for line in found)

        wait_for(there, seconds=20)
        return found


Create = Callable[..., Function]


@pytest.fixture(scope="session")
def localstack_itself() -> None:
    """For tests of what this process has of LocalStack. To import it at the top would cost each process of a session the time."""
    with warnings.catch_warnings():
        # LocalStack leaves a socket open when it is imported.
        warnings.simplefilter("ignore", ResourceWarning)
        import localstack.services.cloudformation.resource_provider
        import localstack.services.s3.provider
        import localstack.services.sqs.models  # noqa: F401

        gc.collect()


def is_running(pid: int) -> bool:
    """Whether the process still does anything: where nobody collects orphans, an ended one stays as a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def packed(files: Mapping[str, str]) -> bytes:
    """A package with these files; a margin of ``|`` is taken off."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        for name, source in files.items():
            # Without the time of day: the same source is the same package.
            about, text = zipfile.ZipInfo(name), re.sub(r"^ *\|", "", source, flags=re.MULTILINE).strip() + "\n"
            if text.startswith("#!"):
                about.external_attr = 0o755 << 16
            package.writestr(about, text)
    return archive.getvalue()


def create_function(
    endpoint: Endpoint,
    source: str,
    *,
    timeout: int = 10,
    memory: int = 256,
    handler: str = "task.handler",
    role: str = ROLE,
    runtime: str = "python3.13",
    file: str = "task.py",
    files: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    **env: str,
) -> Function:
    """Create a function from the source of its ``file``, which holds ``handler(event, context)``, and others; a margin of ``|`` is taken
    off. ``settings`` are others of Lambda's."""
    archive = packed({file: source, **(files or {})})
    name = f"engine-test-{uuid4().hex[:10]}"
    client: Any = endpoint.functions()
    client.create_function(
        FunctionName=name,
        Runtime=runtime,
        Role=role,
        Handler=handler,
        Code={"ZipFile": archive},
        Timeout=timeout,
        MemorySize=memory,
        Environment={"Variables": env},
        **(settings or {}),
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return Function(name, endpoint)


@pytest.fixture
def function(endpoint: Endpoint) -> Iterator[Create]:
    """As :func:`create_function`; gone after the test."""
    made: list[Function] = []

    def create(source: str, **options: Any) -> Function:
        made.append(create_function(endpoint, source, **options))
        return made[-1]

    yield create
    for each in made:
        endpoint.functions().delete_function(FunctionName=each.name)


@pytest.fixture
def queues(endpoint: Endpoint) -> Iterator[Queues]:
    """Makes queues; they are gone after the test."""
    with ExitStack() as stack:
        yield Queues(endpoint, stack)
