"""Functions in a sandbox: what Lambda's own environment has, under the same names, and of the network this engine alone.

A function there sees its package at ``/var/task``, its layers at ``/opt``, what its runtime needs at ``/var/runtime``, and a ``/tmp`` of
its own. All functions of an engine share one network, in which the engine listens: for the Runtime API of each process, and at its own
address. It must not know languages.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from taskguard.engine.functions.launch import Folders, Function, Launch
from taskguard.engine.functions.runtimes import language_of, launch_of
from taskguard.engine.network import network
from taskguard.support.sandbox.box import Bind, Box, folder_of
from taskguard.support.sandbox.processes import where_groups_are_made

_ABOVE = "/var"
_TASK_ROOT, _OPT, _RUNTIME, _HOME = "/var/task", "/opt", "/var/runtime", "/tmp"  # noqa: S108  # in the sandbox
_CLOCK = f"{_RUNTIME}/clock"
_BESIDE_BYTES = 1024**3
"""What a process may have beside the function's memory, since much of what it reserves it never uses: this is a bound for the machine's
sake, and not Lambda's."""


def launch_in_box(function: Function, folders: Folders) -> Launch:
    """As :func:`taskguard.engine.functions.runtimes.launch_of`, in a sandbox.

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
    program = [_seen(word, {**places, str(inside.interpreter): interpreter}) for word in inside.argv]
    return replace(
        inside,
        argv=tuple(box.command(program)),
        environment={name: _seen(value, places) for name, value in inside.environment.items()},
        folders=folders,
        boxed=True,
        # What is forked sees what the interpreter saw.
        fork_server=None,
        groups=where_groups_are_made(),
        enter=network().enter(),
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
