"""Stands in for Docker while an app of CDK bundles its code: what was to run in a container runs on this machine.

It is a program of its own, run by an interpreter that sees nothing of TaskGuard. `docker run` runs the command with the places of the
mounted folders in it; images are neither built nor fetched. In the environment, TASKGUARD_PYTHONS has the interpreters by their
versions, TASKGUARD_PIP the folder of pip's packages, and TASKGUARD_SHIMS a folder for programs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

_WITH_VALUE = [
    "-u",
    "--user",
    "-v",
    "--volume",
    "-e",
    "--env",
    "-w",
    "--workdir",
    "--entrypoint",
    "--platform",
    "--network",
    "--security-opt",
    "--volumes-from",
    "--name",
]
"""The options of `docker run` that CDK gives: https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.DockerRunOptions.html"""
_WITHOUT_AN_ANSWER = ("build", "pull", "tag", "version")


def main(arguments: list[str]) -> int:
    """What `docker` with these arguments ends with."""
    if arguments[:1] == ["run"]:
        return _run(arguments[1:])
    if arguments and arguments[0] in _WITHOUT_AN_ANSWER:
        return 0
    sys.stderr.write(f"bundling without Docker: `docker {' '.join(arguments[:2])}` cannot be done\n")
    return 1


def _run(arguments: list[str]) -> int:
    given: dict[str, list[str]] = {}
    while arguments and arguments[0].startswith("-"):
        option = arguments.pop(0)
        if option in _WITH_VALUE:
            given.setdefault(option, []).append(arguments.pop(0))
    image, command = arguments[0], arguments[1:]
    mounts = dict(reversed(each.split(":")[:2]) for each in (*given.get("-v", ()), *given.get("--volume", ())))
    variables = dict(each.partition("=")[::2] for each in (*given.get("-e", ()), *given.get("--env", ())))

    def here(text: str) -> str:
        for inside, outside in sorted(mounts.items(), key=lambda each: -len(each[0])):
            text = re.sub(rf"(?<![\w/.-]){re.escape(inside)}(?![\w-])", outside.replace("\\", r"\\"), text)
        return text

    command = [*given.get("--entrypoint", ()), *command]
    environment = {**os.environ, **{name: here(value) for name, value in variables.items()}, "PATH": _path(image)}
    folder = here((given.get("-w") or given.get("--workdir") or ["/asset-input"])[-1])
    return subprocess.run([here(each) for each in command], cwd=folder, env=environment, check=False).returncode


def _path(image: str) -> str:
    """Where programs are found: first the interpreter of the version that the image is named for, with pip."""
    pythons: dict[str, str] = json.loads(os.environ["TASKGUARD_PYTHONS"])
    named = re.search(r"python(?::|-)?(3\.\d+)", image)
    python = pythons.get(named[1] if named else "", pythons[""])
    shims = Path(os.environ["TASKGUARD_SHIMS"], Path(python).name)
    shims.mkdir(parents=True, exist_ok=True)
    pip = os.environ["TASKGUARD_PIP"]
    start = f'#!/bin/sh\nPYTHONPATH="{pip}" exec "{python}" -s'
    programs = {"python": f'{start} "$@"\n', "pip": f'{start} -m pip "$@"\n'}
    # CDK's own images have it, and this machine may not. Its last two arguments are folders.
    programs["rsync"] = '#!/bin/sh\nwhile [ $# -gt 2 ]; do shift; done\nmkdir -p "$2" && cp -RL "$1/." "$2"\n'
    for name, text in programs.items():
        for each in (name, f"{name}3") if name != "rsync" else (name,):
            (shims / each).write_text(text)
            (shims / each).chmod(0o755)
    return f"{shims}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
