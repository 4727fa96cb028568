"""A function is initialised once before it is called: its first invocation waits for that, and those beside it do not."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from taskguard.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("localstack_itself")


class Service:
    """Stands in for what starts environments and finds them: it finds those that are started."""

    def __init__(self) -> None:
        self.environments: dict[str, dict[str, Any]] = defaultdict(dict)
        self.may_start = threading.Event()
        self.cold_since: list[float | None] = []
        self.fails = False

    def start_environment(self, *_: object) -> Any:
        assert self.may_start.wait(60)
        if self.fails:
            raise RuntimeError("its code cannot be read")
        return SimpleNamespace(id="e1", runtime_executor=SimpleNamespace(count_cold_start=self.cold_since.append))

    def get_environment(self, manager_id: str, *_: object) -> list[str]:
        return [*self.environments[manager_id]]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    """One of a function that has just been updated."""
    from localstack.services.lambda_.invocation.assignment import AssignmentService
    from localstack.services.lambda_.invocation.version_manager import LambdaVersionManager
    from taskguard.engine.patches import prewarmed_functions
    from taskguard.engine.settings import EngineSettings

    ready = SimpleNamespace(functions_ready=True)
    monkeypatch.setattr(EngineSettings, "from_environment", lambda: ready)
    monkeypatch.setattr(LambdaVersionManager, "start", lambda _: SimpleNamespace(state="Active"))
    monkeypatch.setattr(AssignmentService, "get_environment", Service.get_environment)
    service = Service()
    manager: Any = SimpleNamespace(
        id="m1",
        function_arn="its ARN",
        function_version=SimpleNamespace(id=SimpleNamespace(qualifier="$LATEST")),
        assignment_service=service,
        shutdown_event=threading.Event(),
    )
    prewarmed_functions.apply()
    LambdaVersionManager.start(manager)
    return service


def invoked(service: Any) -> list[str]:
    from localstack.services.lambda_.invocation.assignment import AssignmentService

    found: Any = AssignmentService.get_environment(service, "m1", None, None)
    return list(found)


def test_the_first_invocation_waits_and_its_cold_start_is_its_own(service: Service) -> None:
    from taskguard.engine.patches import prewarmed_functions

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(invoked, service)
        wait_for(lambda: not prewarmed_functions._under_way, seconds=60)
        # Another one at the same time needs an environment of its own.
        assert invoked(service) == []
        came_ms = time.time() * 1000
        service.may_start.set()
        assert first.result(60) == ["e1"]
    [since_ms] = service.cold_since
    assert since_ms is not None
    assert since_ms <= came_ms


def test_what_comes_later_finds_it_without_a_cold_start(service: Service) -> None:
    service.may_start.set()
    wait_for(lambda: bool(service.environments["m1"]), seconds=60)
    assert invoked(service) == ["e1"]
    assert service.cold_since == [None]


def test_one_that_cannot_be_started_keeps_nobody_waiting(service: Service) -> None:
    service.fails = True
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(invoked, service)
        service.may_start.set()
        assert first.result(60) == []
