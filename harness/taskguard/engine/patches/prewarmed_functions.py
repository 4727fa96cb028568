"""LocalStack: a function that was created or updated is initialised before it is called, where a target asks for that.

LocalStack initialises it at its first invocation, which takes longer for it than every later one.

Needed until LocalStack has provisioned environments of its own for that: ``tests/engine/test_functions.py`` fails without it.
"""

import threading
from typing import Any

from localstack.services.lambda_.invocation.version_manager import LambdaVersionManager

from taskguard.engine.functions.prewarming import initialise
from taskguard.engine.settings import EngineSettings


def apply() -> None:
    if EngineSettings.from_environment().functions_ready:
        _initialise_all()


def _initialise_all() -> None:
    start = LambdaVersionManager.start

    def start_and_initialise(manager: LambdaVersionManager) -> Any:
        state = start(manager)
        if state.state == "Active" and manager.function_version.id.qualifier == "$LATEST":
            threading.Thread(target=initialise, args=(manager,), name="prewarming", daemon=True).start()
        return state

    LambdaVersionManager.start = start_and_initialise
