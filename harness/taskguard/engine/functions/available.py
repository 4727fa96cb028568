"""Which runtimes this engine has: those that it was told of when it was started, and those that it asked for since.

Most services need one. What another needs is found and installed when a function of it is made, by whoever the engine was told to ask
(:class:`taskguard.engine.settings.Provider`): the engine itself knows nothing of the user's interpreters and registries.
"""

import json
import subprocess
import threading
from pathlib import Path

from rolo import Request, Response

from taskguard.engine.settings import EngineSettings, FunctionRuntime

_LONGEST_INSTALLING_SECONDS = 600

_met: dict[str, FunctionRuntime] = {}
_asking = threading.Lock()


class RuntimeNotAvailable(Exception):
    """A function wants a Lambda runtime that cannot be run here."""


def runtime_named(name: str | None) -> FunctionRuntime:
    """What functions of the runtime ``name`` (``nodejs20.x``) run on.

    Raises:
        RuntimeNotAvailable: there is none, or what it needs cannot be installed; it may be there when asked again.
    """
    settings = EngineSettings.from_environment()
    with _asking:
        known = {**settings.runtimes, **_met}
        if name is not None and name not in known:
            _met[name] = _asked_for(name, settings)
            return _met[name]
    if name is None:
        raise RuntimeNotAvailable("the function is a container image; functions of a runtime run here, from packages")
    return known[name]


def tell(_request: Request) -> Response:
    """``GET /_taskguard/runtimes``: what functions of each runtime that was met run on, by its name, and whether that is its ``own`` version."""
    known = {**EngineSettings.from_environment().runtimes, **_met}
    told = {name: {"runs_on": each.runs_on, "own": each.is_own} for name, each in known.items()}
    return Response.for_json({"runtimes": told})


def _asked_for(name: str, settings: EngineSettings) -> FunctionRuntime:
    if settings.provider is None:
        known = ", ".join(sorted(settings.runtimes)) or "none"
        raise RuntimeNotAvailable(f"this engine runs functions of {known}, and not of {name}")
    try:
        done = subprocess.run(
            [*settings.provider.command, name],
            env=json.loads(Path(settings.provider.environment_file).read_text(encoding="utf-8")),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST_INSTALLING_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeNotAvailable(f"looking for the Lambda runtime {name}: {error}") from error
    if done.returncode != 0:
        raise RuntimeNotAvailable(done.stderr.strip())
    return FunctionRuntime.of(json.loads(done.stdout))
