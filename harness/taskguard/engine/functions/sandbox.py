"""Functions in a sandbox: what Lambda's own environment has, under the same names, and of the network this engine alone.

A function there sees its package at ``/var/task``, its layers at ``/opt``, what its runtime needs at ``/var/runtime``, and a ``/tmp`` of
its own. All functions of an engine share one network, in which the engine listens: for the Runtime API of each process, and at its own
address. Where a runtime's processes are forked, they are in a sandbox that has what all of them see, and each is set apart from the others
there (``isolation.py``); else bubblewrap makes a sandbox for each. It must not know languages.
"""

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path

from taskguard.engine.functions.launch import KEEPER, Folders, ForkServer, Function, Isolation, Launch
from taskguard.engine.functions.runtimes import language_of, launch_of
from taskguard.engine.network import network
from taskguard.engine.settings import FunctionRuntime
from taskguard.support.sandbox.box import GROUP_ID, USER_ID, Bind, Box, folder_of
from taskguard.support.sandbox.processes import MOST_PROCESSES, where_groups_are_made

_ABOVE = "/var"
_TASK_ROOT, _OPT, _RUNTIME, _HOME = "/var/task", "/opt", "/var/runtime", "/tmp"  # noqa: S108  # in the sandbox
_CLOCK = f"{_RUNTIME}/clock"
_KEEPING, _GROUPS, _PACKAGES = f"{_HOME}/keeping", f"{_HOME}/groups", f"{_HOME}/packages"
"""What only a fork server sees: a process that is set apart gets another ``/tmp``."""
_OF_KEEPERS = (KEEPER, KEEPER.with_name("descendants.py"), KEEPER.with_name("isolation.py"))
_BESIDE_BYTES = 1024**3
"""What a process may have beside the function's memory, since much of what it reserves it never uses: this is a bound for the machine's
sake, and not Lambda's."""
_TRIED_WITHIN_SECONDS = 20.0
_finding_out = threading.Lock()


def launch_in_box(function: Function, folders: Folders, shared: Path | None = None) -> Launch:
    """As :func:`taskguard.engine.functions.runtimes.launch_of`, in a sandbox. It is forked only if its package and its layers lie below ``shared``.

    Raises:
        SandboxError: the interpreter cannot be shown without files of the user's.
    """
    inside = launch_of(
        function,
        Folders(
            task_root=Path(_TASK_ROOT),
            home=Path(_HOME),
            opt=folders.opt and Path(_OPT),
            clock=folders.clock and Path(_CLOCK),
        ),
    )
    interpreter, binds = folder_of(str(inside.interpreter))
    places = _places(inside.read_only)
    names = {**places, str(inside.interpreter): interpreter}
    boxed = replace(
        inside,
        argv=tuple(_seen(word, names) for word in inside.argv),
        environment={name: _seen(value, places) for name, value in inside.environment.items()} | {"PWD": _TASK_ROOT},
        folders=folders,
        boxed=True,
        fork_server=None,
    )
    if shared is not None and (isolation := _isolation(function, folders, shared)) is not None:
        server = fork_server_in_box(function.runtime, function.endpoint, folders.clock, shared)
        if server is not None:
            return replace(boxed, fork_server=server, isolation=isolation)
    given = [(folders.task_root, _TASK_ROOT), (folders.opt, _OPT), (folders.clock, _CLOCK)]
    seen = places | {str(source): at for source, at in given if source is not None}
    box = Box(
        folder=_TASK_ROOT,
        binds=(
            *binds,
            *(Bind(source, at) for source, at in places.items()),
            *(Bind(str(source), at) for source, at in given if source is not None),
        ),
        links=tuple(_links(language_of(function.runtime).above(folders), seen)),
        memory_bytes=function.memory_bytes + _BESIDE_BYTES,
        temporary_bytes=function.temporary_bytes,
    )
    return replace(
        boxed,
        argv=tuple(box.command(boxed.argv)),
        folder="/",
        groups=where_groups_are_made(),
        enter=network().enter(),
    )


def fork_server_in_box(runtime: FunctionRuntime, endpoint: str, clock: Path | None, shared: Path) -> ForkServer | None:
    """What processes of this runtime are forked from in a sandbox, if they are, and this system lets them be set apart there. Their packages and
    layers lie below ``shared``.

    Raises:
        SandboxError: as :func:`launch_in_box`.
    """
    with _finding_out:
        return _fork_server_in_box(runtime, endpoint, clock, shared)


@lru_cache
def _fork_server_in_box(runtime: FunctionRuntime, endpoint: str, clock: Path | None, shared: Path) -> ForkServer | None:
    language = language_of(runtime)
    server = language.fork_server(runtime, endpoint, clock and Path(_CLOCK))
    if server is None:
        return None
    interpreter, binds = folder_of(runtime.interpreter)
    script, groups = Path(server.script[0]), where_groups_are_made()
    places = _places(language.read_only(runtime))
    names = {
        **places,
        runtime.interpreter: interpreter,
        **{str(file): f"{_KEEPING}/{file.name}" for file in (*_OF_KEEPERS, script)},
    }
    shared.mkdir(parents=True, exist_ok=True)
    own = [(clock, _CLOCK), (shared, _PACKAGES)]
    box = Box(
        folder="/",
        binds=(
            *binds,
            *(Bind(source, at) for source, at in names.items() if source != runtime.interpreter),
            *(Bind(str(source), at) for source, at in own if source is not None),
            *((Bind(str(groups), _GROUPS, writable=True),) if groups else ()),
        ),
        folders=(_TASK_ROOT, _OPT),
        isolates=True,
    )
    boxed = ForkServer(
        interpreter=tuple(box.command([_seen(word, names) for word in server.interpreter], enter=network().enter())),
        environment=server.environment,
        script=tuple(_seen(word, names) for word in server.script),
        keeper=names[str(KEEPER)],
        groups=_GROUPS if groups else "",
    )
    return boxed if _can_isolate(boxed) else None


def _can_isolate(server: ForkServer) -> bool:
    """Whether this system lets it, found out by doing it: what restricts bubblewrap's children (AppArmor) may forbid it."""
    isolation = asdict(_isolation_of(_PACKAGES, None, 1024**2, _BESIDE_BYTES))
    command = [*server.interpreter, f"{_KEEPING}/isolation.py", json.dumps(isolation)]
    try:
        done = subprocess.run(
            command,
            cwd="/",
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRIED_WITHIN_SECONDS,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _isolation(function: Function, folders: Folders, shared: Path) -> Isolation | None:
    """How it is set apart; none where a fork server does not see what is the function's."""
    if not all(folder is None or folder.is_relative_to(shared) for folder in (folders.task_root, folders.opt)):
        return None
    task_root, opt = (
        None if folder is None else f"{_PACKAGES}/{folder.relative_to(shared)}"
        for folder in (folders.task_root, folders.opt)
    )
    return _isolation_of(str(task_root), opt, function.temporary_bytes, function.memory_bytes + _BESIDE_BYTES)


def _isolation_of(task_root: str, opt: str | None, temporary_bytes: int, memory_bytes: int) -> Isolation:
    return Isolation(
        task_root=task_root,
        opt=opt,
        user=USER_ID,
        group=GROUP_ID,
        temporary_bytes=temporary_bytes,
        memory_bytes=memory_bytes,
        processes=MOST_PROCESSES,
    )


def _places(sources: tuple[Path, ...]) -> dict[str, str]:
    """Where each is seen: nothing tells where it lies on this machine."""
    places: dict[str, str] = {}
    for source in sources:
        name = source.name if f"{_RUNTIME}/{source.name}" not in places.values() else f"{source.name}-{len(places)}"
        places[str(source)] = f"{_RUNTIME}/{name}"
    return places


def _links(above: Mapping[str, Path], places: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What lies above the package, as symbolic links to where that is seen: by name, to its target. It is itself a link, or a folder of
    links, by whose names a scope (``@aws-sdk``) may come first."""
    for name, path in above.items():
        links = [path] if path.is_symlink() else [*path.glob("*"), *path.glob("@*/*")]
        for link in links:
            if link.is_symlink():
                yield f"{_ABOVE}/{Path(name, link.relative_to(path))}", _seen_path(str(link.readlink()), places)


def _seen(text: str, places: Mapping[str, str]) -> str:
    """A path, or several as in a search path, as they are called in the sandbox; all else as it is."""
    return os.pathsep.join(_seen_path(part, places) for part in text.split(os.pathsep))


def _seen_path(path: str, places: Mapping[str, str]) -> str:
    for source, at in places.items():
        if path == source or path.startswith(f"{source}/"):
            return at + path.removeprefix(source)
    return path
