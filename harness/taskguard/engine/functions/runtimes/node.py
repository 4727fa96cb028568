"""Functions in Node.js: AWS's own client, on a Node.js that finds the package, the layers, and the AWS SDK that Lambda brings.

CommonJS looks on NODE_PATH. ES modules are looked for in the folders above the package alone, as by the loader that Lambda has for them:
so in the folder above lies a ``node_modules`` with what the layers and Lambda bring, which is found last.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from taskguard.engine.functions.launch import Folders, ForkServer, Function, as_seen
from taskguard.engine.settings import FunctionRuntime

_BOOTSTRAP = Path(__file__).with_name("node_bootstrap")
_MODULES = "node_modules"
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html: what Lambda disables of a Node.js unless NODE_OPTIONS enables it. The first
# Node.js that has the feature, and the last runtime on which it is disabled.
_DISABLED = (("experimental-require-module", (20, 17), 22), ("experimental-detect-module", (20, 10), 22))
_DETECTING = {"experimental-detect-module": 20}
"""Features that the Node.js of one runtime has switched on by itself, and Lambda leaves on."""


class Node:
    """A ``Language``."""

    def argv(self, function: Function, folders: Folders) -> tuple[str, ...]:
        runtime = function.runtime
        client, _ = runtime.library_path
        return (
            runtime.interpreter,
            *_flags(runtime, function.variables.get("NODE_OPTIONS", "")),
            str(_BOOTSTRAP / "index.cjs"),
            client,
            function.handler,
            str(folders.clock or ""),
            repr(function.skew_seconds),
            function.endpoint,
        )

    def variables(self, function: Function, folders: Folders) -> Mapping[str, str]:
        client, sdk = function.runtime.library_path
        given = as_seen(function.variables.get("NODE_PATH", ""), folders)
        path = [*_of_layers(function.runtime, folders.opt), sdk, str(folders.task_root), *filter(None, [given])]
        return {"LAMBDA_RUNTIME_DIR": client, "NODE_PATH": os.pathsep.join(path), "_HANDLER": function.handler}

    def read_only(self, runtime: FunctionRuntime) -> tuple[Path, ...]:
        return (_BOOTSTRAP, *map(Path, runtime.library_path))

    def above(self, folders: Folders) -> Mapping[str, Path]:
        return {_MODULES: folders.task_root.parent / _MODULES}

    def fork_server(self, _runtime: FunctionRuntime, _endpoint: str, _clock: Path | None) -> ForkServer | None:
        return None

    def prepare(self, runtime: FunctionRuntime, package: Path, opt: Path | None) -> None:
        modules = package.parent / _MODULES
        if modules.exists():
            return
        _, sdk = runtime.library_path
        layers = [Path(each) for each in _of_layers(runtime, opt) if Path(each).is_dir()]
        if layers:
            _merge([*layers, Path(sdk)], modules)
        else:
            modules.symlink_to(sdk)


def _flags(runtime: FunctionRuntime, options: str) -> Iterator[str]:
    version = tuple(map(int, re.findall(r"\d+", runtime.version)[:2]))
    wanted = re.match(r"nodejs(\d+)", runtime.name)
    for feature, since, until in _DISABLED:
        is_disabled = wanted is not None and int(wanted[1]) <= until and int(wanted[1]) != _DETECTING.get(feature)
        if is_disabled and version >= since and f"--{feature}" not in options.split():
            yield f"--no-{feature}"


def _of_layers(runtime: FunctionRuntime, opt: Path | None) -> list[str]:
    if opt is None:
        return []
    wanted = re.match(r"nodejs(\d+)", runtime.name)
    own = [f"{opt}/nodejs/node{wanted[1]}/{_MODULES}"] if wanted else []
    return [*own, f"{opt}/nodejs/{_MODULES}"]


def _merge(sources: list[Path], target: Path) -> None:
    """Make a folder in which each package of the sources is found; of two with one name the first source's."""
    new = target.with_name(f"{target.name}.new")
    new.mkdir()
    for source in sources:
        for entry in source.iterdir():
            if entry.name.startswith("@") and entry.is_dir():
                (new / entry.name).mkdir(exist_ok=True)
                packages = [Path(entry.name, each.name) for each in entry.iterdir()]
            else:
                packages = [Path(entry.name)]
            for name in packages:
                if not (new / name).is_symlink():
                    (new / name).symlink_to(source / name)
    new.rename(target)
