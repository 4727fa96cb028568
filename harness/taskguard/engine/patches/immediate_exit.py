"""LocalStack: its signal handlers let the engine end at once, with every function's process and its own folder.

It would take its services down one by one, for seconds, and nothing in them is worth saving.

Needed until LocalStack ends as fast by itself: ``tests/engine/test_lifecycle.py`` says how long an end may take.
"""

import os
from typing import Any, NoReturn

from localstack.runtime.runtime import LocalstackRuntime

from taskguard.engine.functions.process import stop_all
from taskguard.engine.settings import EngineSettings
from taskguard.support import folders


def apply() -> None:
    LocalstackRuntime.exit = leave


def leave(_runtime: Any = None, code: int = 0) -> NoReturn:
    """End this process and all that it started."""
    try:
        stop_all()
        # Whoever made the folder may be gone; whoever is not finds it removed already.
        folders.remove(EngineSettings.from_environment().scratch)
    finally:
        os._exit(code)
