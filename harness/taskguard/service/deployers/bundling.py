"""Lets an app of CDK bundle its code without Docker: the environment in which a program of ours answers in its place."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from taskguard.errors import DeploymentError
from taskguard.service.building import View
from taskguard.service.deployers.artifacts import esbuild_of_ours
from taskguard.service.deployers.base import Job, scratch_of
from taskguard.service.deployers.dependencies import REQUIREMENTS, requirements_in
from taskguard.service.deployers.programs import Programs
from taskguard.service.deployers.wheels import fetched
from taskguard.service.files import configuration_files
from taskguard.targets.environments import Python, engine_python, find_python, pip_environment

_PROGRAM = Path(__file__).with_name("docker_program.py")
_MINORS = range(9, 15)
_FAILED = "bundling-failed"
_MOST_BYTES = 10_000
_ENDINGS = frozenset({".py", ".ts", ".js", ".mjs", ".cjs", ".json", ".java", ".cs", ".go"})
_BUNDLES_PYTHON = re.compile(r"bundling|PythonFunction|PythonLayer", re.IGNORECASE)
_BUNDLES_NODE = re.compile(r"nodejs_?function|lambda[-_]nodejs", re.IGNORECASE)
_VERSION = re.compile(r"python_?3[._](\d+)", re.IGNORECASE)


def bundling_programs(job: Job, folder: Path, main: Path | None = None) -> Programs:
    """What an app's program is given that is run in ``folder``, a copy of the service, or in ``main`` below; what is made for it lies beside that.
    Where no package index is reached, what files of requirements ask for is fetched before; a sentence for each whose packages cannot be, which
    is of use where something fails for want of them.

    Raises:
        SetupError: pip, or esbuild where it is needed, cannot be installed.
    """
    python, main = engine_python().executable, main or folder
    found = {f"3.{minor}": found.executable for minor in _MINORS if (found := find_python(f"3.{minor}")) is not None}
    scratch, pip = scratch_of(folder), pip_environment(job.places.cache).packages
    docker = scratch / "docker"
    docker.write_text(f'#!/bin/sh\nexec {shlex.quote(python)} -I -S {shlex.quote(str(_PROGRAM))} "$@"\n')
    docker.chmod(0o755)
    text = "\n".join(_texts(folder))
    packages = _packages(job, folder, main, text) if job.endpoint.sandboxed and _BUNDLES_PYTHON.search(text) else None
    programs: dict[str, str] = {}
    sees = [_PROGRAM, pip, *(packages.view.sees if packages is not None else ())]
    if _BUNDLES_NODE.search(text) and not (main / "node_modules" / ".bin" / "esbuild").exists():
        # CDK's own images have it.
        programs["esbuild"] = str(esbuild := esbuild_of_ours(job))
        sees.append(esbuild.parents[1])
    variables = {
        **(packages.variables if packages is not None else {}),
        "CDK_DOCKER": str(docker),
        "TASKGUARD_PYTHONS": json.dumps({"": python, **found}),
        "TASKGUARD_PIP": str(pip),
        "TASKGUARD_PROGRAMS": json.dumps(programs),
        "TASKGUARD_SHIMS": str(scratch / "programs"),
        "TASKGUARD_FAILED": str(scratch / _FAILED),
    }
    set_aside = packages.set_aside if packages is not None else ()
    return Programs(variables, View(sees=tuple(sees), programs=(python, *found.values())), set_aside)


def what_failed(folder: Path) -> str | None:
    """Which command failed that was to bundle something, and the end of what it said; none where none did."""
    file = scratch_of(folder) / _FAILED
    if file.is_symlink() or not file.is_file():
        return None
    with file.open("rb") as content:
        return content.read(_MOST_BYTES).decode("utf-8", errors="replace")


def _texts(folder: Path) -> Iterator[str]:
    for file in configuration_files(folder, _ENDINGS):
        yield file.read_text(encoding="utf-8", errors="replace")


def _packages(job: Job, folder: Path, main: Path, text: str) -> Programs:
    """What lets pip find what files of requirements ask for, but the app's own."""
    folders, set_aside = list[Path](), list[str]()
    for file in sorted(folder.rglob(REQUIREMENTS)):
        others = {"node_modules", ".venv", "cdk.out"} & set(file.relative_to(folder).parts)
        if others or file.parent == main or requirements_in(file.parent) is None:
            continue
        for python in _pythons(text):
            try:
                folders += fetched(job, [file], python=python).sees
            except DeploymentError as error:
                set_aside.append(str(error))
    variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": " ".join(map(str, dict.fromkeys(folders)))}
    return Programs(variables, View(sees=tuple(dict.fromkeys(folders))), tuple(set_aside))


def _pythons(text: str) -> tuple[Python, ...]:
    """Those for which an app may have code bundled, by the versions that its text names."""
    named = dict.fromkeys(int(minor) for minor in _VERSION.findall(text))
    found = [find_python(f"3.{minor}") or engine_python() for minor in named if minor in _MINORS]
    return tuple(dict.fromkeys(found)) or (engine_python(),)
