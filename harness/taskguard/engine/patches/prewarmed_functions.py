"""LocalStack: a function that was created or updated is initialised before it is called, where a target asks for that.

LocalStack initialises it at its first invocation, which takes longer for it than every later one. Lambda may do it before
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#proactive-initialization). An invocation that comes meanwhile
waits for what is under way, which is sooner there than another environment.

Needed until LocalStack has provisioned environments of its own for that: ``tests/engine/test_prewarming.py`` fails without it.
"""

import logging
import threading
from typing import Any

from localstack.services.lambda_.invocation.assignment import AssignmentService
from localstack.services.lambda_.invocation.version_manager import LambdaVersionManager

from taskguard.engine.recorder.flight_recorder import now_ms
from taskguard.engine.settings import EngineSettings

LOG = logging.getLogger(__name__)


class _UnderWay:
    """An environment that is being started, and when the first invocation came that waits for it; none when none did."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self.handed_over_at_ms: float | None = None


_under_way: dict[str, _UnderWay] = {}
"""By the id of a version's manager: those that nobody waits for yet."""


def apply() -> None:
    if not EngineSettings.from_environment().functions_ready:
        return
    start, get_environment = LambdaVersionManager.start, AssignmentService.get_environment

    def start_and_initialise(manager: LambdaVersionManager) -> Any:
        state = start(manager)
        if state.state == "Active" and manager.function_version.id.qualifier == "$LATEST":
            _under_way[manager.id] = starting = _UnderWay()
            threading.Thread(target=_initialise, args=(manager, starting), name="prewarming", daemon=True).start()
        return state

    def get_environment_under_way(service: AssignmentService, manager_id: str, *args: Any, **named: Any) -> Any:
        # Of several invocations at once the others need environments of their own.
        if (starting := _under_way.pop(manager_id, None)) is not None:
            starting.handed_over_at_ms = now_ms()
            starting.is_over.wait()
        return get_environment(service, manager_id, *args, **named)

    LambdaVersionManager.start = start_and_initialise
    AssignmentService.get_environment = get_environment_under_way


def _initialise(manager: LambdaVersionManager, starting: _UnderWay) -> None:
    """Start an environment for the function, for the first invocation to find."""
    service = manager.assignment_service
    try:
        environment = service.start_environment(manager.id, manager.function_version)
        environment.runtime_executor.count_cold_start(starting.handed_over_at_ms)
        service.environments[manager.id][environment.id] = environment
        if manager.shutdown_event.is_set():
            service.stop_environment(environment)
    except Exception as error:  # the first invocation will say so
        LOG.warning("%s could not be initialised ahead of time: %s", manager.function_arn, error)
    finally:
        _under_way.pop(manager.id, None)
        starting.is_over.set()
