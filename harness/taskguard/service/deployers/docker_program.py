"""Stands in for Docker while an app of CDK bundles its code: what was to run in a container runs on this machine.

It is a program of its own, run by an interpreter that sees nothing of TaskGuard. `docker run` runs the command with the places of the
mounted folders in it; images are neither built nor fetched. In the environment, TASKGUARD_PYTHONS has the interpreters by their
versions, TASKGUARD_PIP the folder of pip's packages, TASKGUARD_PROGRAMS what else the images have, TASKGUARD_SHIMS a folder for
programs, and TASKGUARD_FAILED the file that receives a command that failed, and the end of what it said.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import deque
from itertools import pairwise
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


_LINES_KEPT = 10


def main(arguments: list[str]) -> int:
    """What `docker` with these arguments ends with."""
    if arguments[:1] == ["run"]:
        return _run(arguments[1:])
    if arguments[:1] == ["build"]:
        _remember(arguments)
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
    words = [here(each) for each in command]
    said: deque[str] = deque(maxlen=_LINES_KEPT)
    try:
        with subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                sys.stdout.write(line)
                sys.stdout.flush()
                said.append(line)
        status = process.returncode
    except OSError as error:
        status = 127
        said.append(f"{error}\n")
    if status:
        lines = [
            f"  {' '.join(command)}\n",
            *(f"  {line}" for line in said if line.strip()),
            f"  it ended with {status}",
        ]
        Path(os.environ["TASKGUARD_FAILED"]).write_text("".join(lines), encoding="utf-8")
    return status


def _remember(arguments: list[str]) -> None:
    """What an image is to be built from: its name does not tell the version of Python."""
    for option, name in pairwise(arguments):
        if option in ("-t", "--tag"):
            file = _note_of(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(" ".join(arguments), encoding="utf-8")


def _note_of(image: str) -> Path:
    return Path(os.environ["TASKGUARD_SHIMS"], "images", re.sub(r"[^\w.-]", "-", image))


def _path(image: str) -> str:
    """Where programs are found: first the interpreter of the version that the image is named for, with pip."""
    pythons: dict[str, str] = json.loads(os.environ["TASKGUARD_PYTHONS"])
    built = _note_of(image)
    text = built.read_text(encoding="utf-8") if built.is_file() else image
    named = re.search(r"python(?::|-)?(3\.\d+)", text)
    python = pythons.get(named[1] if named else "", pythons[""])
    shims = Path(os.environ["TASKGUARD_SHIMS"], Path(python).name)
    shims.mkdir(parents=True, exist_ok=True)
    pip = os.environ["TASKGUARD_PIP"]
    start = f'#!/bin/sh\nPYTHONPATH="{pip}" exec "{python}" -s'
    programs = {"python": f'{start} "$@"\n', "pip": f'{start} -m pip "$@"\n'}
    for name, program in json.loads(os.environ.get("TASKGUARD_PROGRAMS", "{}")).items():
        programs[name] = f'#!/bin/sh\nexec "{program}" "$@"\n'
    # CDK's own images have it, and this machine may not. Its last two arguments are folders.
    programs["rsync"] = '#!/bin/sh\nwhile [ $# -gt 2 ]; do shift; done\nmkdir -p "$2" && cp -RL "$1/." "$2"\n'
    for name, text in programs.items():
        for each in (name, f"{name}3") if name in ("python", "pip") else (name,):
            (shims / each).write_text(text)
            (shims / each).chmod(0o755)
    return f"{shims}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
