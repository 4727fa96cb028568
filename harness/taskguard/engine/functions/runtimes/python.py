"""Functions in Python: AWS's ``awslambdaric``, on an interpreter that sees the package, the layers, and what Lambda brings."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from taskguard.engine.functions.launch import LOCALE, Folders, ForkServer, Function, as_seen
from taskguard.engine.functions.runtimes.python_compiled import compile_beside, link_compiled
from taskguard.engine.settings import FunctionRuntime

_BOOTSTRAP = Path(__file__).with_name("python_bootstrap.py")
_FORK_SERVER = Path(__file__).with_name("python_fork_server.py")
_ONLY_ENGINE = Path(__file__).with_name("python_only_engine.py")
_CLOCK = Path(__file__).parents[3] / "support" / "scaled_clock.py"


class Python:
    """A ``Language``."""

    def argv(self, function: Function, folders: Folders) -> tuple[str, ...]:
        process = (str(_BOOTSTRAP), *_where_it_lives(function.endpoint, folders.clock))
        return (*_interpreter(function.runtime), *process, repr(function.skew_seconds), function.handler)

    def variables(self, function: Function, folders: Folders) -> Mapping[str, str]:
        runtime, opt = function.runtime, folders.opt
        given = as_seen(function.variables.get("PYTHONPATH", ""), folders)
        # https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html#packaging-layers-paths
        layers = [f"{opt}/python/lib/{runtime.name}/site-packages", f"{opt}/python"] if opt is not None else []
        path = [str(folders.task_root), *filter(None, [given]), *layers, *runtime.library_path]
        return {"LAMBDA_RUNTIME_DIR": runtime.library_path[0], "PYTHONPATH": os.pathsep.join(path)}

    def read_only(self, runtime: FunctionRuntime) -> tuple[Path, ...]:
        compiled = (Path(runtime.compiled),) if runtime.compiled else ()
        return (_BOOTSTRAP, _CLOCK, _ONLY_ENGINE, *map(Path, runtime.library_path), *compiled)

    def above(self, _folders: Folders) -> Mapping[str, Path]:
        return {}

    def fork_server(self, runtime: FunctionRuntime, endpoint: str, clock: Path | None) -> ForkServer | None:
        if not sys.platform.startswith("linux"):
            # On macOS the system's frameworks do not work in a process that was forked.
            return None
        library_path = os.pathsep.join(runtime.library_path)
        # Nobody's settings are read.
        return ForkServer(
            interpreter=_interpreter(runtime),
            environment=(("LANG", LOCALE), ("HOME", os.devnull)),
            script=(str(_FORK_SERVER), str(_BOOTSTRAP), library_path, *_where_it_lives(endpoint, clock)),
        )

    def prepare(self, runtime: FunctionRuntime, package: Path, _opt: Path | None) -> None:
        # No process can do so later, for the package is read-only, and all would have to.
        if not runtime.compiled:
            compile_beside(runtime.interpreter, package)
            return
        kept = Path(runtime.compiled)
        # As in a sandbox, where the package lies at /var/task, and what the runtime needs below /var/runtime.
        seen = Path("runtime", kept.name)
        link = package.parent / seen
        if not link.is_symlink():
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(kept)
        link_compiled(runtime.interpreter, package, kept, f"../{seen}")


def _interpreter(runtime: FunctionRuntime) -> tuple[str, ...]:
    # No site-packages, no user site: only what the search path names.
    return (runtime.interpreter, "-S", "-s")


def _where_it_lives(endpoint: str, clock: Path | None) -> tuple[str, ...]:
    """The arguments of ``python_bootstrap.py`` that are the same for all functions of an engine."""
    engine = urlsplit(endpoint)
    return (str(_CLOCK), str(clock or ""), str(_ONLY_ENGINE), engine.hostname or "", str(engine.port or 0))
