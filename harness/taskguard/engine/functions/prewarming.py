"""Functions that are made ready before anybody calls them, as Lambda may do
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#proactive-initialization).

The first invocation then finds an environment that is initialised, as every later one does.
"""

import logging
import threading
from typing import Any

from localstack.services.lambda_.invocation.version_manager import LambdaVersionManager

from taskguard.engine.functions.executor import ahead_of_time

LOG = logging.getLogger(__name__)


def take_part() -> None:
    """Let functions that are created or updated from now on be made ready at once."""
    start = LambdaVersionManager.start

    def start_and_make_ready(manager: LambdaVersionManager) -> Any:
        state = start(manager)
        if state.state == "Active" and manager.function_version.id.qualifier == "$LATEST":
            threading.Thread(target=_make_ready, args=(manager,), name="make-ready", daemon=True).start()
        return state

    LambdaVersionManager.start = start_and_make_ready


def _make_ready(manager: LambdaVersionManager) -> None:
    service = manager.assignment_service
    try:
        with ahead_of_time():
            environment = service.start_environment(manager.id, manager.function_version)
    except Exception as error:  # the first invocation will say so
        LOG.warning("%s could not be made ready: %s", manager.function_arn, error)
        return
    service.environments[manager.id][environment.id] = environment
    if manager.shutdown_event.is_set():
        service.stop_environment(environment)
