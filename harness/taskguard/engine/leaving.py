"""How the engine ends: at once, with every function's process and its own folder, however it comes to it."""

import os
from typing import Any, NoReturn

from taskguard.engine.functions.process import stop_all
from taskguard.engine.settings import EngineSettings
from taskguard.support import folders


def leave(_runtime: Any = None, code: int = 0) -> NoReturn:
    """End this process and all that it started."""
    try:
        stop_all()
        # Whoever made the folder may be gone; whoever is not finds it removed already.
        folders.remove(EngineSettings.from_environment().scratch)
    finally:
        os._exit(code)
