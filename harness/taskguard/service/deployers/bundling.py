"""Lets an app of CDK bundle its code without Docker: the environment in which a program of ours answers in its place."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from taskguard.service.building import View
from taskguard.service.deployers.base import Job, scratch_of
from taskguard.service.deployers.programs import Programs
from taskguard.targets.environments import engine_python, find_python, pip_environment

_PROGRAM = Path(__file__).with_name("docker_program.py")
_MINORS = range(9, 15)


def bundling_programs(job: Job, folder: Path) -> Programs:
    """What an app's program is given that is run in ``folder``, a copy of the service; what is made for it lies beside that.

    Raises:
        SetupError: pip cannot be installed.
    """
    python = engine_python().executable
    found = {f"3.{minor}": found.executable for minor in _MINORS if (found := find_python(f"3.{minor}")) is not None}
    scratch, pip = scratch_of(folder), pip_environment(job.places.cache).packages
    docker = scratch / "docker"
    docker.write_text(f'#!/bin/sh\nexec {shlex.quote(python)} -I -S {shlex.quote(str(_PROGRAM))} "$@"\n')
    docker.chmod(0o755)
    variables = {
        "CDK_DOCKER": str(docker),
        "TASKGUARD_PYTHONS": json.dumps({"": python, **found}),
        "TASKGUARD_PIP": str(pip),
        "TASKGUARD_SHIMS": str(scratch / "programs"),
    }
    return Programs(variables, View(sees=(_PROGRAM, pip), programs=(python, *found.values())))
