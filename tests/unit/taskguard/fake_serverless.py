"""A script in the place of the Serverless CLI: it notes what it was called with, and leaves a package that nobody can deploy."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from taskguard.service.deployers.serverless.publishing import Package

STATE = json.dumps({"service": {"service": "TaskGuard", "provider": {}}, "package": {"artifactDirectoryName": "below"}})
"""What the CLI says of a package."""

CLI = f"""
import json, os, sys
STATE = {STATE!r}
"""
CLI += """
note, status, says = sys.argv[1:4]
files = sorted(os.path.join(folder, name)[2:] for folder, _, names in os.walk(".") for name in names)
with open(note, "w") as file:
    json.dump({
        "arguments": sys.argv[4:], "environment": dict(os.environ), "folder": os.getcwd(), "files": files,
        "node_modules": os.path.islink("node_modules") and os.readlink("node_modules"),
        "profiles": [open(os.environ[n]).read() for n in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")],
        "input": sys.stdin.read(),
    }, file)
if sys.argv[4] == "package" and status == "0":
    with open(os.path.join(sys.argv[6], "serverless-state.json"), "w") as file:
        file.write(STATE)
print(says, flush=True)
print("what went wrong", file=sys.stderr)
sys.exit(int(status))
"""

NOTES = """
with open(json.loads(os.environ["TASKGUARD_WRAPPER"])["note"], "w") as file:
    json.dump({}, file)
"""


class Cli:
    """The script in the CLI's place; :meth:`heard` is what it was called with. What is deployed without it is ``published``."""

    def __init__(self, folder: Path) -> None:
        self.published: list[Package] = []
        self.path, self._note = folder / "serverless-cli", folder / "heard.json"
        self._code = folder / "cli.py"
        self._code.write_text(CLI)
        self.ends_with(0)

    def ends_with(self, status: int, says: str = "Deploying, as one would") -> None:
        command = shlex.join([sys.executable, "-IS", str(self._code), str(self._note), str(status), says])
        self.path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        self.path.chmod(0o755)

    def does(self, script: str) -> None:
        """Be this script of a shell, which has what the CLI says of a package in ``$STATE``, and ``$3`` for where that goes."""
        self.path.write_text(f"#!/bin/sh\nSTATE={shlex.quote(STATE)}\n{script}\n")

    def notes(self, note: object) -> None:
        """Leave this note, as the plugin does for a service that is not ours."""
        self._code.write_text(CLI.replace("sys.exit", f"{NOTES.format(json.dumps(note))}sys.exit"))

    @property
    def was_called(self) -> bool:
        return self._note.exists()

    def heard(self) -> dict[str, Any]:
        return dict(json.loads(self._note.read_text()))
