"""Functions in Python: AWS's ``awslambdaric``, on an interpreter that sees the package, the layers, and what Lambda brings."""

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from taskguard.engine.functions.launch import Folders, Function, as_seen
from taskguard.engine.settings import FunctionRuntime

_BOOTSTRAP = Path(__file__).with_name("python_bootstrap.py")
_ONLY_ENGINE = Path(__file__).with_name("python_only_engine.py")
_CLOCK = Path(__file__).parents[3] / "support" / "scaled_clock.py"
_LONGEST_COMPILING_SECONDS = 20.0
"""What is not compiled by then each process compiles for itself."""


class Python:
    """A ``Language``."""

    def argv(self, function: Function, folders: Folders) -> tuple[str, ...]:
        # No site-packages, no user site: only what the search path names.
        command = (function.runtime.interpreter, "-S", "-s", str(_BOOTSTRAP))
        engine = urlsplit(function.endpoint)
        return (
            *command,
            function.handler,
            str(_CLOCK),
            str(folders.clock or ""),
            repr(function.skew_seconds),
            str(_ONLY_ENGINE),
            engine.hostname or "",
            str(engine.port or 0),
        )

    def variables(self, function: Function, folders: Folders) -> Mapping[str, str]:
        runtime, opt = function.runtime, folders.opt
        given = as_seen(function.variables.get("PYTHONPATH", ""), folders)
        # https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html#packaging-layers-paths
        layers = [f"{opt}/python/lib/{runtime.name}/site-packages", f"{opt}/python"] if opt is not None else []
        path = [str(folders.task_root), *filter(None, [given]), *layers, *runtime.library_path]
        return {"LAMBDA_RUNTIME_DIR": runtime.library_path[0], "PYTHONPATH": os.pathsep.join(path)}

    def read_only(self, function: Function) -> tuple[Path, ...]:
        return (_BOOTSTRAP, _CLOCK, _ONLY_ENGINE, *map(Path, function.runtime.library_path))

    def above(self, _folders: Folders) -> Mapping[str, Path]:
        return {}

    def prepare(self, runtime: FunctionRuntime, package: Path, _opt: Path | None) -> None:
        # No process can do so later, for the package is read-only, and all would have to.
        command = [runtime.interpreter, "-I", "-S", "-m", "compileall", "-q", str(package)]
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, check=False, env={}, timeout=_LONGEST_COMPILING_SECONDS)
