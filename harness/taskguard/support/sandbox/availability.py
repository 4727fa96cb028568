"""Whether this machine can keep programs in a sandbox, found out by keeping one there."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from taskguard.errors import SandboxError
from taskguard.support.sandbox.box import Box
from taskguard.support.sandbox.network import Network

_PROGRAMS = {"bwrap": "bubblewrap", "nsenter": "util-linux", "prlimit": "util-linux"}
_ENDS_WITHIN_SECONDS = 20.0
_RESTRICTED = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_SWITCHES = (Path("/proc/sys/kernel/unprivileged_userns_clone"), Path("/proc/sys/user/max_user_namespaces"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """There is a sandbox unless something is ``missing``; then ``to_do`` says how to get it. ``version`` is bubblewrap's, where it is there."""

    version: str = ""
    missing: str = ""
    to_do: str = ""

    def __bool__(self) -> bool:
        return not self.missing

    def require(self, doing: str) -> None:
        """
        Raises:
            SandboxError: there is none; says what was being done, what is missing and how to get it.
        """
        if self.missing:
            raise SandboxError(f"{doing}: there is no sandbox here: {self.missing}. {self.to_do}")


@lru_cache(maxsize=1)
def sandbox_here() -> Availability:
    """Whether there is one on this machine. It is tried once for each process."""
    return look()


def look(
    system: Callable[[], str] = platform.system,
    which: Callable[[str], str | None] = shutil.which,
    tried: Callable[[], str] | None = None,
) -> Availability:
    """As :func:`sandbox_here`, of a machine that answers these."""
    if system() != "Linux":
        to_do = "Use --target docker, where a container keeps them apart."
        return Availability(missing="bubblewrap is for Linux", to_do=to_do)
    for program, package in _PROGRAMS.items():
        if which(program) is None:
            return Availability(missing=f"{program} is not on PATH", to_do=_install(package))
    version = _output(["bwrap", "--version"])
    if reason := (tried or _tried)():
        return Availability(
            version=version, missing=f"{version or 'bubblewrap'} does not work ({reason})", to_do=_allow()
        )
    return Availability(version=version)


def _tried() -> str:
    """Why a program could not be kept in a sandbox, empty when it could."""
    try:
        with Network() as network:
            command = Box(folder="/").command(["true"], enter=network.enter())
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_ENDS_WITHIN_SECONDS,
                check=False,
                start_new_session=True,
            )
    except SandboxError as error:
        return str(error).rstrip(".")
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = done.stderr.strip().splitlines()
    return (said[-1] if said else f"it ended with status {done.returncode}") if done.returncode else ""


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ENDS_WITHIN_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _install(package: str) -> str:
    for program, command in (
        ("apt-get", "apt-get install"),
        ("dnf", "dnf install"),
        ("apk", "apk add"),
        ("pacman", "pacman -S"),
    ):
        if shutil.which(program):
            return f"Install it: `{'' if os.geteuid() == 0 else 'sudo '}{command} {package}`."
    return f"Install the package {package}."


def _allow() -> str:
    """What may keep it from working here, and what helps."""
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return (
            "This is a container: start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined, "
            "or let the container itself be what keeps strangers' code apart."
        )
    if _first_line(_RESTRICTED) == "1":
        return (
            "This system lets only programs with an AppArmor profile make user namespaces: install apparmor-profiles, "
            "which has one for bubblewrap, or set kernel.apparmor_restrict_unprivileged_userns=0 (sysctl)."
        )
    off = next((switch for switch in _SWITCHES if _first_line(switch) == "0"), None)
    if off is not None:
        name = ".".join(off.parts[3:])
        return f"User namespaces are switched off: set {name} to more than 0 (sysctl)."
    return "It needs bubblewrap 0.8 or later, and user namespaces; a container or a hardened kernel may lack them."


def _first_line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
