"""What a program in a sandbox sees, and the command that runs it there (bubblewrap's).

It sees the system's programs and libraries, a few files of ``/etc`` that name no user, and what it is given; its other folders are
empty ones in memory. It has no rights over the system, sees no processes but its own, and all of them end with the first.
It must be started in a session of its own, with a standard input that is no terminal, and it ends with the thread that started it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from taskguard.errors import SandboxError
from taskguard.places import DATA
from taskguard.support.sandbox.processes import MOST_PROCESSES

USER_ID, GROUP_ID = 993, 990
"""Whom functions run as on Lambda: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html says only that it is no
administrator, the numbers are those found there."""

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
_SETTINGS = (
    "alternatives",
    "ca-certificates",
    "ld.so.cache",
    "localtime",
    "mime.types",
    "pki",
    "protocols",
    "services",
    "ssl",
)
_INSTALLED = ("bin", "lib", "lib64", "include")
_RESOLVING = ("gai.conf", "host.conf", "nsswitch.conf", "resolv.conf")
_OURS = DATA / "sandbox"


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder that is there, and where it is seen; without ``at`` that is its own place."""

    source: str
    at: str = ""
    writable: bool = False

    def options(self) -> tuple[str, ...]:
        return ("--bind" if self.writable else "--ro-bind", os.path.realpath(self.source), self.at or self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A program's view: ``binds`` are what it is given beside the system's own, ``links`` are symbolic links by where they are seen.
    ``temporary_bytes`` is how much its ``/tmp`` holds, which is also its home. It starts in ``folder``. Of
    ``memory_bytes`` each of its processes may have as many for itself alone (none: all there is). With ``resolves`` it finds the
    names of hosts. ``nested`` are programs that make user namespaces themselves. One that ``isolates`` forks processes and
    sets each apart (:mod:`taskguard.engine.functions.isolation`): it keeps the rights that it takes to do that in its own namespaces, sees
    the machine's processes, is bound by nothing, and outlives the thread that started it. ``folders`` are empty ones, for such a process to
    have something there."""

    folder: str
    binds: tuple[Bind, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    memory_bytes: int | None = None
    temporary_bytes: int = 512 * 1024**2
    shared_memory_bytes: int = 0
    resolves: bool = False
    nested: bool = False
    isolates: bool = False
    folders: tuple[str, ...] = ()

    def command(self, program: Sequence[str], *, enter: Sequence[str] = ()) -> list[str]:
        """What runs ``program`` so. ``enter`` stands before it, and says whose network it is in (``Network.enter``); without it, it is in
        the network of whoever starts it."""
        links = (part for at, target in self.links for part in ("--symlink", target, at))
        shared = ("--size", str(self.shared_memory_bytes), "--tmpfs", "/dev/shm") if self.shared_memory_bytes else ()  # noqa: S108
        return [
            *enter,
            program_of("bwrap"),
            *_ALONE,
            *(_ISOLATES if self.isolates else _ISOLATED),
            *(() if self.nested or self.isolates else ("--disable-userns",)),
            *_system(),
            *(_resolving() if self.resolves else ()),
            *(("--ro-bind", "/proc", "/proc") if self.isolates else _PROCESSES),
            *("--dev", "/dev", *shared, "--size", str(self.temporary_bytes), "--tmpfs", "/tmp"),  # noqa: S108
            *(option for bind in self.binds for option in bind.options()),
            *links,
            *(part for folder in self.folders for part in ("--dir", folder)),
            # What is not bound is a folder in memory: whoever fills that fills the machine's.
            *("--remount-ro", "/dev", "--remount-ro", "/"),
            *("--chdir", self.folder, "--"),
            *(() if self.isolates else self._bounds()),
            *program,
        ]

    def _bounds(self) -> tuple[str, ...]:
        memory = () if self.memory_bytes is None else (f"--data={self.memory_bytes}",)
        return (program_of("prlimit"), f"--nproc={MOST_PROCESSES}", "--core=0", *memory, "--")


_ALONE = (
    *("--unshare-user", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "localhost"),
    *("--cap-drop", "ALL"),
)
_ISOLATED = ("--unshare-pid", "--uid", str(USER_ID), "--gid", str(GROUP_ID), "--die-with-parent")
# Terminals are made only where there is a user 0, whom only CAP_SETFCAP may make another. Folders of control groups are not even their owner's to
# write to.
_RIGHTS = ("CAP_SYS_ADMIN", "CAP_SETFCAP", "CAP_DAC_OVERRIDE")
_ISOLATES = ("--uid", "0", "--gid", "0", *(part for right in _RIGHTS for part in ("--cap-add", right)))
# What the machine's administrator may write to in /proc, whatever rights it has left. bubblewrap means to cover the same, and does not where it has
# itself no right to write to the folder. Whoever sees /proc only with covers can mount none without, in namespaces of its own either.
_OF_THE_MACHINE = tuple(f"/proc/{name}" for name in ("sys", "sysrq-trigger", "irq", "bus"))
_PROCESSES = ("--proc", "/proc", *(part for place in _OF_THE_MACHINE for part in ("--ro-bind-try", place, place)))


def folder_of(executable: str) -> tuple[str, tuple[Bind, ...]]:
    """A program as it is called in a sandbox, and what must be seen for it: nothing more when it is the system's, else programs and
    libraries of the folder that it was installed in.

    Raises:
        SandboxError: that folder has more in it than the program.
    """
    real = os.path.realpath(executable)
    if of_the_system(real):
        return real, ()
    beside = Path(real).parent
    folder = beside.parent if beside.name == "bin" else beside
    if any(Path(place).resolve().is_relative_to(folder) for place in (Path.home(), "/root", "/home", "/tmp")):  # noqa: S108
        raise SandboxError(
            f"making a sandbox for {executable}: it is installed in {folder}, which has other files, too. "
            "Install it in a folder of its own, or for the whole system."
        )
    if folder == beside:
        return real, (Bind(str(folder)),)
    # There may be other things in it: ~/.local has all kinds.
    return real, tuple(Bind(str(folder / each)) for each in _INSTALLED if (folder / each).is_dir())


def of_the_system(path: str) -> bool:
    """Whether this is what every program in a sandbox sees anyway."""
    return any(Path(path).is_relative_to(place) for folder in _SYSTEM for place in (folder, os.path.realpath(folder)))


@lru_cache
def program_of(name: str) -> str:
    """A program that makes sandboxes: its full name, as what runs there may have another PATH.

    Raises:
        SandboxError: it is not on PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise SandboxError(f"making a sandbox: {name} is not on PATH.")
    return os.path.realpath(found)


@lru_cache(maxsize=1)
def _system() -> tuple[str, ...]:
    options: list[str] = []
    for folder in map(Path, _SYSTEM):
        if folder.is_symlink():
            options += ("--symlink", str(folder.readlink()), str(folder))
        elif folder.is_dir():
            options += ("--ro-bind", str(folder), str(folder))
    for name in _SETTINGS:
        options += ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    for name in ("passwd", "group", "hosts"):
        options += ("--ro-bind", str(_OURS / name), f"/etc/{name}")
    return tuple(options)


def _resolving() -> tuple[str, ...]:
    places = ((os.path.realpath(f"/etc/{name}"), f"/etc/{name}") for name in _RESOLVING)
    return tuple(part for source, at in places for part in ("--ro-bind-try", source, at))
