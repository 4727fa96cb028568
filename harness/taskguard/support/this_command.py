"""How to name this very tool in a command that is printed, so that the command works as pasted.

A command is written, and kept in a run's folder, as ``taskguard …``; whoever shows it to a user asks here first.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

NAME = "taskguard"


def runnable(command: str, *arguments: object, folder: Path | None = None) -> str:
    """Return ``command``, which begins with ``taskguard``, as it can be typed in this folder: as it is when a shell finds this
    very tool by its name, else with the path of its script. ``arguments`` follow it, quoted as a shell wants them. What was written for
    another ``folder`` goes there first."""
    name, blank, rest = command.partition(" ")
    here = Path.cwd()
    there = here if folder is None else folder.absolute()
    command = _name(here if there == here else None) + blank + rest if name == NAME else command
    first = [] if there == here else [f"cd {shlex.quote(os.path.relpath(there))} &&"]
    return " ".join([*first, command, *(shlex.quote(str(argument)) for argument in arguments)])


def _name(here: Path | None) -> str:
    script = _script()
    if script is None:
        return NAME
    on_path = shutil.which(NAME)
    # uv, which says so in UV, puts a script onto the path for one command; the user's next one would not find it.
    if on_path is not None and "UV" not in os.environ and script.samefile(on_path):
        return NAME
    if script.parent == here:
        return f"./{NAME}"
    return shlex.quote(str(script.relative_to(here) if here is not None and script.is_relative_to(here) else script))


def _script() -> Path | None:
    """The script that was started, or, within another program such as pytest, the one that was installed beside it."""
    for script in (Path(sys.argv[0]), Path(sysconfig.get_path("scripts")) / NAME):
        if script.name == NAME and script.is_file():
            return script.absolute()
    return None
