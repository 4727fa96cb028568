"""What this machine has of what TaskGuard needs: one small function for each thing looked at, which changes nothing.

Each takes what it asks the machine as an argument, so that another machine can be told of. It must not know how it is shown.
"""

from __future__ import annotations

import locale
import os
import platform
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from taskguard.engine.settings import FunctionRuntime
from taskguard.errors import SetupError, TargetError
from taskguard.support.sandbox.availability import Availability, sandbox_here
from taskguard.support.this_command import runnable
from taskguard.targets.environments import Python, engine_python, find_python
from taskguard.targets.process import listen_once
from taskguard.targets.runtimes import LAMBDA_RUNTIME, RUNTIMES, interpreter_of

OLDEST_NODE = (20, 19)
FEWEST_FILES = 128
"""How many files a process must be allowed to have open."""

LEAST_FREE_BYTES = 500 * 1024**2
"""What set-up and a run take of a disk, about."""

PORT_OF_UP = 4566
_ANSWER_SECONDS = 20


class State(StrEnum):
    """Whether something is there, and whether it must be."""

    OK = "ok"
    MISSING = "missing"
    """It is needed for a run on the default target."""
    ABSENT = "absent"
    """It is needed for something else, or would be better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing that was looked at: ``what`` was found there, and what ``to_do`` about it, or nothing."""

    name: str
    state: State
    what: str
    to_do: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a program answered, on its standard output; ``reason`` tells why it did not, else it is empty."""

    text: str = ""
    reason: str = ""


Ask = Callable[[Sequence[str]], Answer]


def ask(command: Sequence[str]) -> Answer:
    """Run a program of this machine, for a while at most."""
    executable = shutil.which(command[0])
    if executable is None:
        return Answer(reason="not on the path")
    try:
        done = subprocess.run(
            [executable, *command[1:]],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(reason=f"no answer within {_ANSWER_SECONDS} s")
    except OSError as error:
        return Answer(reason=error.strerror or str(error))
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        return Answer(reason=said[-1] if said else f"it ended with status {done.returncode}")
    return Answer(text=done.stdout.strip())


def python_of_the_engine(find: Callable[[], Python] = engine_python) -> Found:
    """The interpreter that the engine runs on."""
    try:
        python, to_do = find(), ""
    except SetupError as error:
        python, to_do = None, str(error)
    none = f"none; this is {platform.python_version()} ({sys.executable})"
    return _looked_at("Python of the engine", _named(python) or none, to_do)


def python_of_functions(find: Callable[[str], Python | None] = find_python) -> Found:
    """The interpreter that functions run on."""
    wanted = LAMBDA_RUNTIME.removeprefix("python")
    python = find(wanted)
    to_do = "" if python else f"On Lambda functions run on Python {wanted}; here they run on the engine's."
    return _looked_at("Python of functions", _named(python) or f"no Python {wanted}", to_do, State.ABSENT)


def runtimes(language: str, find: Callable[[str], FunctionRuntime | None] = interpreter_of) -> Found:
    """Which of Lambda's runtimes of a language (as their names begin) have their own version here, and what stands in for the others."""
    found = {name: find(name) for name in RUNTIMES if name.startswith(language)}
    there = [f"{name}: {each.version}" for name, each in found.items() if each is not None and each.is_own]
    others = {name: each for name, each in found.items() if each is None or not each.is_own}
    stand_in = next((each.runs_on for each in others.values() if each is not None), "")
    what = ", ".join(there) or "none has its own version"
    if others:
        what += f"; {'on ' + stand_in if stand_in else 'not at all'}: {', '.join(others)}"
    return _looked_at(f"{language} runtimes", what, "")


def node(asked: Ask = ask) -> Found:
    """Node.js, which runs the Serverless CLI."""
    answer = asked(("node", "--version"))
    version = tuple(map(int, re.findall(r"\d+", answer.text)[:3]))
    to_do = "Install Node.js 20.19 or later: the Serverless CLI, which deploys, runs on it."
    what = answer.text.removeprefix("v") or answer.reason
    return _looked_at("Node.js", what, "" if version[:2] >= OLDEST_NODE else to_do)


def npm(asked: Ask = ask) -> Found:
    """npm, which installs the Serverless CLI."""
    answer = asked(("npm", "--version"))
    to_do = "Install npm (it comes with Node.js): it installs the Serverless CLI."
    return _looked_at("npm", answer.text or answer.reason, "" if answer.text else to_do)


def loopback() -> Found:
    """Whether this machine can talk to itself, where engines listen."""
    what, to_do = "127.0.0.1 can be listened on, and answers", ""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(5)
            socket.create_connection(server.getsockname(), timeout=5).close()
            server.accept()[0].close()
    except OSError as error:
        what = f"127.0.0.1: {_reason(error)}"
        to_do = "Switch the loopback interface on (`ip link set lo up`): engines listen on 127.0.0.1 alone."
    return _looked_at("loopback", what, to_do)


def port_of_up(listen: Callable[[int], int] = listen_once) -> Found:
    """The port that `taskguard up` takes unless another is named."""
    what, to_do = "free", ""
    try:
        listen(PORT_OF_UP)
    except OSError as error:
        what = _reason(error)
        to_do = f"`{runnable('taskguard up')}` wants it: stop what listens there, or name another with --port. A grade takes a free one."
    return _looked_at(f"port {PORT_OF_UP}", what, to_do, State.ABSENT)


def open_files(limits: Callable[[], tuple[int, int]] = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)) -> Found:
    """How many files a process may have open."""
    allowed, most = limits()
    endless = allowed == resource.RLIM_INFINITY
    fits = endless or allowed >= FEWEST_FILES
    best = 1024 if most == resource.RLIM_INFINITY else min(most, 1024)
    can_be_raised = best >= FEWEST_FILES
    how = f"`ulimit -n {best}`" if can_be_raised else f"as an administrator, since {most} is the most here"
    to_do = "" if fits else f"The engine needs {FEWEST_FILES} at least. Raise the limit: {how}."
    return _looked_at("open files", "no limit" if endless else f"{allowed} at once", to_do)


def require(*probes: Callable[[], Found]) -> None:
    """Look for these before anything is started that would fail without them, slowly and at length.

    Raises:
        SetupError: one is missing; says what to do.
    """
    for found in (probe() for probe in probes):
        if found.state is State.MISSING:
            raise SetupError(f"looking at this machine: {found.name}: {found.what}. {found.to_do}")


def home() -> Found:
    """Whether the home folder can be written to: npm and the Serverless CLI keep files there."""
    return _folder("HOME", Path(os.path.expanduser("~")), "Let HOME name a folder that can be written to.")  # noqa: PTH111


def scratch() -> Found:
    """Whether there is a folder for what is needed during a run alone."""
    return _folder("temporary files", Path(tempfile.gettempdir()), "Let TMPDIR name a folder that can be written to.")


def disk(folder: Path, usage: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free) -> Found:
    """Whether there is room for set-up and runs, where ``folder`` is or will be."""
    while not folder.exists():
        folder = folder.parent
    free = usage(folder)
    to_do = "" if free >= LEAST_FREE_BYTES else f"Make room: set-up and runs need {size(LEAST_FREE_BYTES)} or so."
    return _looked_at("disk", f"{size(free)} free at {folder}", to_do)


def encoding(found: Callable[[], str] = locale.getencoding) -> Found:
    """Whether text is read as what all programs here write."""
    name = "utf-8" if sys.flags.utf8_mode else found()
    fits = name.lower().replace("_", "-") in ("utf-8", "utf8")
    return _looked_at(
        "encoding", name, "" if fits else "Set LC_ALL=C.UTF-8, or PYTHONUTF8=1: what programs say is UTF-8."
    )


def sandbox(found: Callable[[], Availability] = sandbox_here) -> Found:
    """Whether strangers' services can be kept away from files and network."""
    here = found()
    what = here.missing or f"{here.version} works; for services that are not your own"
    to_do = here.to_do and f"{here.to_do} Without it a service that is not your own is graded with --no-sandbox alone."
    return _looked_at("sandbox", what, to_do, State.ABSENT)


def docker() -> Found:
    """Whether Docker's daemon answers."""
    to_do = ""
    try:
        from taskguard.targets.docker_daemon import connected

        with connected() as client:
            what = f"{client.version()['Version']} answers; for --target docker"
    except ModuleNotFoundError as missing:
        what = f"the Python package {missing.name} is not installed"
        to_do = "Needed for --target docker alone: `pip install 'taskguard[docker]'`."
    except TargetError as error:
        what = str(error).split(". ", maxsplit=1)[0].removeprefix("reaching ").rstrip(".")
        to_do = "Needed for --target docker alone: install or start it."
    return _looked_at("Docker", what, to_do, State.ABSENT)


def size(number: int) -> str:
    """A number of bytes, for people."""
    for unit, bytes_of in (("GB", 1024**3), ("MB", 1024**2)):
        if number >= bytes_of:
            return f"{number / bytes_of:.1f} {unit}" if unit == "GB" else f"{number / bytes_of:.0f} {unit}"
    return f"{number / 1024:.0f} kB"


def _looked_at(name: str, what: str, to_do: str, otherwise: State = State.MISSING) -> Found:
    """It is as it must be when there is nothing to do."""
    return Found(name=name, state=otherwise if to_do else State.OK, what=what, to_do=to_do)


def _folder(name: str, folder: Path, to_do: str) -> Found:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return _looked_at(name, f"{folder} can be written to", "")
    except OSError as error:
        return _looked_at(name, f"{folder}: {_reason(error)}", to_do)


def _named(python: Python | None) -> str:
    return f"{python.version} ({python.executable})" if python else ""


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
