"""Finds, on this machine, what Lambda functions run on: an interpreter and the libraries that Lambda itself provides.

A function of runtime ``python3.13`` runs on Python 3.13 where one is found, else on the interpreter that the engine runs on; the
run's manifest says which. The libraries (the runtime interface client and boto3) are installed once, from a lock file,
into a folder of their own, so that a function sees those and nothing of the harness's environment.
"""

from __future__ import annotations

from pathlib import Path

from taskguard.engine.settings import FunctionRuntime
from taskguard.errors import SetupError
from taskguard.places import DATA
from taskguard.targets.environments import engine_python, find_python, installed

_LOCK = DATA / "lambda-runtime.txt"
# Found last: where the runtime interface client has its native transport, that one is used.
_FALLBACK = Path(__file__).parents[1] / "engine" / "functions" / "runtime_client"
LAMBDA_RUNTIME = "python3.13"


def find_runtime(name: str, cache: Path) -> FunctionRuntime:
    """What functions of the Lambda runtime ``name`` (``python3.13``) run on here.

    Raises:
        SetupError: when it is no Python runtime, or the libraries cannot be installed.
    """
    if not name.startswith("python3."):
        raise SetupError(
            f"looking for the Lambda runtime {name}: only Python runtimes run as local processes; "
            "choose a python3.x runtime in serverless.yml"
        )
    python = find_python(name.removeprefix("python")) or engine_python()
    libraries = installed(_LOCK, python, cache, "the Lambda runtime's libraries").packages
    return FunctionRuntime(python.executable, (str(libraries), str(_FALLBACK)), python.version)
