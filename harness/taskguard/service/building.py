"""How the programs are run that install and build a service which nobody here vouches for.

Installing its packages sees the network and the scratch copy of the service, building it sees the scratch copy and the engine: none of
the user's files, processes and credentials, and of the environment what is needed. Who runs a service of their own needs no such
walls: then the same programs run as any other. Nothing here knows which programs these are.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from taskguard.errors import SandboxError
from taskguard.service.registries import registries
from taskguard.support import folders
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.support.sandbox.bounds import bounded
from taskguard.support.sandbox.box import Bind, Box, folder_of, of_the_system
from taskguard.support.sandbox.network import Network
from taskguard.targets.base import Endpoint

_LOOPBACK = ("127.0.0.1", "localhost")
_PROGRAMS = ("node", "python3", "git")
"""What builds call by name, wherever it is installed."""
_KEPT = ("LANG", "LC_ALL", "TZ", "TERM")
_PATH = "/usr/local/bin:/usr/bin:/bin"
HOME = "/tmp"  # noqa: S108  # a folder of its own in the sandbox
_SHARED_MEMORY_BYTES = 64 * 1024**2
_TEMPORARY_BYTES = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to be run: its words, the folder it is started in, and its environment."""

    words: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a program is given of this machine's files beside the system's own, where it is kept in a sandbox: it may write to ``writes``,
    and sees what is in ``sees``. ``programs`` are called by their full names, and seen with what they need of where they are installed."""

    writes: tuple[Path, ...] = ()
    sees: tuple[Path, ...] = ()
    programs: tuple[str, ...] = ()

    def beside(self, other: View) -> View:
        """What is in one of them."""
        return View(
            writes=(*self.writes, *other.writes),
            sees=(*self.sees, *other.sees),
            programs=(*self.programs, *other.programs),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """How programs are run that build one service. In a sandbox the engine is reached in ``network``; without one there is no sandbox.
    ``settings`` is a file with npm's settings for it, and ``before`` stands before each command."""

    network: Network | None = None
    before: tuple[str, ...] = ()
    settings: Path | None = None

    @property
    def sandboxed(self) -> bool:
        return self.network is not None

    def installing(self, command: Command, view: View) -> Command:
        """The command that installs packages: npm's scripts must be left out by its own words (``--ignore-scripts``). Its ``environment``
        is what it gets beside what is needed.

        Raises:
            SandboxError: a program is installed where other files are.
        """
        if self.network is None:
            return command
        told = registries()
        binds = () if self.settings is None else (Bind(str(self.settings), f"{HOME}/.npmrc"),)
        view = replace(view, sees=(*view.sees, *map(Path, told.files)))
        return _boxed(command, view, before=self.before, binds=binds, variables=told.variables)

    def building(self, command: Command, view: View) -> Command:
        """The command that runs what is the service's own (its configuration, plugins, bundlers), as :meth:`installing`. Of the network it
        reaches the engine alone, at its own address.

        Raises:
            SandboxError: as :meth:`installing`.
        """
        if self.network is None:
            return command
        return _boxed(command, view, before=self.before, enter=self.network.enter())


WITHOUT_SANDBOX = Building()


@contextmanager
def building_at(endpoint: Endpoint, *, sandboxed: bool) -> Iterator[Building]:
    """For as long as it takes to build and deploy a service to this endpoint.

    Raises:
        SandboxError: there is no sandbox here, or the endpoint cannot be reached from one.
    """
    if not sandboxed:
        yield WITHOUT_SANDBOX
        return
    doing = f"building a service for {endpoint.place}"
    sandbox_here().require(doing)
    address = urlsplit(endpoint.url or "")
    if address.hostname not in _LOOPBACK or address.port is None:
        raise SandboxError(
            f"{doing}: from a sandbox only an engine of this machine can be reached, at 127.0.0.1. "
            "Use such a one, or --no-sandbox if you trust the service."
        )
    with ExitStack() as held:
        before = held.enter_context(bounded())
        network = held.enter_context(Network())
        network.pass_on(address.port)
        folder = held.enter_context(folders.temporary("sandbox"))
        settings = folder / "npmrc"
        settings.write_text(registries().npmrc, encoding="utf-8")
        yield Building(network=network, settings=settings, before=before)


def _boxed(
    command: Command,
    view: View,
    *,
    before: Sequence[str],
    binds: Sequence[Bind] = (),
    variables: Mapping[str, str] | None = None,
    enter: Sequence[str] = (),
) -> Command:
    given = [Bind(str(each.absolute())) for each in view.sees]
    path, needed, links = [], list[Bind](), dict[str, str]()
    for real, places in _by_name():
        if places:
            path.append(str(Path(real).parent))
            needed += places
    called = [each for each in (*view.programs, command.words[0]) if Path(each).is_absolute()]
    for each in called:
        if any(Path(each).is_relative_to(bind.source) for bind in given):
            continue
        real, places = folder_of(each)
        needed += places
        if not of_the_system(each) and not any(Path(each).is_relative_to(bind.source) for bind in places):
            links[each] = real
    box = Box(
        folder=str(command.folder),
        binds=(*dict.fromkeys([*needed, *given, *binds]), *(Bind(str(each), writable=True) for each in view.writes)),
        links=tuple(links.items()),
        temporary_bytes=_TEMPORARY_BYTES,
        shared_memory_bytes=_SHARED_MEMORY_BYTES,
        resolves=not enter,
        nested=True,
    )
    own = command.environment.get("PATH")
    environment = {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        **(variables or {}),
        **command.environment,
        "HOME": HOME,
        "TMPDIR": HOME,
        "PATH": os.pathsep.join([*([own] if own else []), *dict.fromkeys(path), _PATH]),
    }
    return Command(words=(*before, *box.command(command.words, enter=enter)), folder=Path("/"), environment=environment)


def _by_name() -> Iterator[tuple[str, tuple[Bind, ...]]]:
    for name in _PROGRAMS:
        found = shutil.which(name)
        # A version manager's script finds nothing in a sandbox.
        if found is not None and _is_program(found):
            with suppress(SandboxError):
                yield folder_of(found)


def _is_program(file: str) -> bool:
    with suppress(OSError), Path(file).open("rb") as content:
        return content.read(4) == b"\x7fELF"
    return False
