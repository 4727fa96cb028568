"""Lets an app of CDK bundle its code without Docker: the environment in which a program of ours answers in its place."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from taskguard.service.deployers.base import Job
from taskguard.targets.environments import engine_python, find_python, pip_environment

_PROGRAM = Path(__file__).with_name("docker_program.py")
_MINORS = range(9, 15)


def bundling_environment(job: Job, scratch: Path) -> dict[str, str]:
    """The variables for an app's program; ``scratch`` is a folder for what is made for it.

    Raises:
        SetupError: pip cannot be installed.
    """
    python = engine_python().executable
    found = {f"3.{minor}": found.executable for minor in _MINORS if (found := find_python(f"3.{minor}")) is not None}
    docker = scratch / "docker"
    docker.write_text(f'#!/bin/sh\nexec {shlex.quote(python)} -I -S {shlex.quote(str(_PROGRAM))} "$@"\n')
    docker.chmod(0o755)
    return {
        "CDK_DOCKER": str(docker),
        "TASKGUARD_PYTHONS": json.dumps({"": python, **found}),
        "TASKGUARD_PIP": str(pip_environment(job.places.cache).packages),
        "TASKGUARD_SHIMS": str(scratch / "programs"),
    }
