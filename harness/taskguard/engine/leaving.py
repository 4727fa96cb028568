"""How the engine ends: at once, with every function's process and its own folder, however it comes to it."""

import os
import shutil
from typing import Any, NoReturn

from taskguard.engine.functions.process import stop_all
from taskguard.engine.settings import EngineSettings


def leave(_runtime: Any = None, code: int = 0) -> NoReturn:
    """End this process and all that it started."""
    try:
        stop_all()
        # Whoever made the folder may be gone; whoever is not finds it removed already.
        shutil.rmtree(EngineSettings.from_environment().scratch, ignore_errors=True)
    finally:
        os._exit(code)
