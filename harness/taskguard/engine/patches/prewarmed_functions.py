"""LocalStack: a function that was created or updated is initialised before it is called, where a target asks for that.

LocalStack initialises it at its first invocation, which takes longer for it than every later one. Lambda may do it before
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#proactive-initialization).

Needed until LocalStack has provisioned environments of its own for that: ``tests/engine/test_functions.py`` fails without it.
"""

import logging
import threading
from typing import Any

from localstack.services.lambda_.invocation.version_manager import LambdaVersionManager

from taskguard.engine.settings import EngineSettings

LOG = logging.getLogger(__name__)


def apply() -> None:
    if not EngineSettings.from_environment().functions_ready:
        return
    start = LambdaVersionManager.start

    def start_and_initialise(manager: LambdaVersionManager) -> Any:
        state = start(manager)
        if state.state == "Active" and manager.function_version.id.qualifier == "$LATEST":
            threading.Thread(target=_initialise, args=(manager,), name="prewarming", daemon=True).start()
        return state

    LambdaVersionManager.start = start_and_initialise


def _initialise(manager: LambdaVersionManager) -> None:
    """Start an environment for the function, for the first invocation to find."""
    service = manager.assignment_service
    try:
        environment = service.start_environment(manager.id, manager.function_version)
    except Exception as error:  # the first invocation will say so
        LOG.warning("%s could not be initialised ahead of time: %s", manager.function_arn, error)
        return
    environment.runtime_executor.count_no_cold_start()
    service.environments[manager.id][environment.id] = environment
    if manager.shutdown_event.is_set():
        service.stop_environment(environment)
