"""What a function's process is started with: one frozen value, complete before anything is started.

Whoever wraps the process in something (a sandbox) takes this value and gives another: the command, the whole environment, and the
folders that both name. It must not know languages (:mod:`taskguard.engine.functions.runtimes`), nor how a process is started.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from taskguard.engine.settings import FunctionRuntime

LOCALE = "en_US.UTF-8"
"""Lambda's, as ``LANG`` has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where the function finds what is its own: its unzipped package (Lambda's ``/var/task``), the folder that it may write to
    (``/tmp``), what its layers hold together (``/opt``; none where it has none), and the file of the clock that it lives by, if that is
    not the machine's (:mod:`taskguard.support.scaled_clock`)."""

    task_root: Path
    home: Path
    opt: Path | None = None
    clock: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """What is to run: the ``handler`` as it is configured, on a runtime, with these variables. ``endpoint`` is the engine's URL, and
    ``skew_seconds`` by how much its process is told more than its clock shows. ``temporary_bytes`` and ``memory_bytes`` are how much it
    may write to its ``/tmp`` and have in memory, where that can be held."""

    runtime: FunctionRuntime
    handler: str
    variables: Mapping[str, str]
    endpoint: str = ""
    skew_seconds: float = 0.0
    temporary_bytes: int = 512 * 1024**2
    memory_bytes: int = 128 * 1024**2


KEEPER = Path(__file__).with_name("keeper.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkServer:
    """An interpreter that has loaded what each process of a runtime loads first, for these to be forked from it: its command with its
    environment, and a ``script`` with arguments that loads it, and makes a process that was forked the function's (``keeper.py``).
    ``keeper`` and ``groups`` are where it finds that file, and where it makes control groups, if it does."""

    interpreter: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    script: tuple[str, ...]
    keeper: str = str(KEEPER)
    groups: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """How a process is set apart from others that are forked in the same sandbox: the arguments of ``isolation.py``."""

    task_root: str
    opt: str | None
    user: int
    group: int
    temporary_bytes: int
    memory_bytes: int
    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """The command of the function's own process, its whole environment, and the folders that these name. ``read_only`` are the other
    files and folders that the command needs, beside what the interpreter itself is made of; ``interpreter`` is its program. ``above`` has
    what is to lie in the folder above the package, by the name that it is to have there.

    ``folder`` is where it starts, by the name that it has there. ``boxed`` is whether the command keeps it in a sandbox: then the process that is started is another than the function's own, and tells
    by its exit status what signal ended that one, as a shell does. ``groups`` is where a control group can be made that bounds how many
    processes it has, for who needs one. ``enter`` stands before a command whose processes are to be in the network that it is to be in.
    Where there is a ``fork_server``, the process is forked from that if it becomes the same as by the command. With an ``isolation`` it is
    set apart before either."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    folders: Folders
    interpreter: Path
    read_only: tuple[Path, ...]
    above: Mapping[str, Path]
    folder: str
    boxed: bool = False
    groups: Path | None = None
    enter: tuple[str, ...] = ()
    fork_server: ForkServer | None = None
    isolation: Isolation | None = None


def as_seen(search_path: str, folders: Folders) -> str:
    """A search path of the function's own, whose entries name Lambda's folders, by where these are."""
    places = {"/var/task": folders.task_root, "/opt": folders.opt}
    entries = []
    for entry in search_path.split(os.pathsep):
        place = next((place for place in places if f"{entry}/".startswith(f"{place}/")), None)
        seen = places[place] if place else None
        entries.append(entry if place is None or seen is None else f"{seen}{entry.removeprefix(place)}")
    return os.pathsep.join(entries)
