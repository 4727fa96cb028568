"""Installs what a service's own programs need to run in a copy of it: its packages of Node.js, and of Python beside its root.

It must not know which programs these are.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from taskguard.service.building import View
from taskguard.service.deployers.artifacts import lay
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.dependencies import (
    MANIFEST,
    manifest_in,
    node_modules,
    python_packages,
    requirements_in,
)
from taskguard.service.deployers.locks import lock_in
from taskguard.targets.environments import engine_python

_OF_OTHERS = ("node_modules", "cdk.out")


@dataclass(frozen=True, slots=True)
class Programs:
    """What was installed: the variables with which the service's programs find it, what they are given to see of it in a sandbox, and a
    sentence for what was not installed as the service has it."""

    variables: Mapping[str, str]
    view: View
    set_aside: tuple[str, ...] = ()


def programs_of(job: Job, folder: Path, main: Path | None = None) -> Programs:
    """Install what is needed in ``folder``, a copy of the service in a folder of its own, which its programs may change. They are run in
    ``main`` (none: the same), for which what is for development is installed, too.

    Raises:
        SetupError: npm is missing.
        DeploymentError: something cannot be installed.
    """
    main = main or folder
    binaries, sees, called = [main / "node_modules" / ".bin", main / ".venv" / "bin"], list[Path](), list[str]()
    set_aside = list[str]()
    for manifest in _manifests(folder, main):
        is_main = manifest.parent == main
        installed = node_modules(job, manifest, development=is_main)
        modules, at = installed.folder, manifest.parent / "node_modules"
        set_aside += installed.set_aside
        if is_main:
            at.symlink_to(modules, target_is_directory=True)
            sees.append(modules)
            above = [each for each in (main, *main.parents) if each.is_relative_to(folder)]
            if not any(map(lock_in, above)) and (made := modules.with_name("package-lock.json")).is_file():
                # CDK's NodejsFunction wants some lock file in its folder or above, and a service may have left its own out.
                shutil.copy2(made, folder)
        elif not at.exists():
            # It is packed with the function beside it, so it must be there itself.
            lay(modules, at)
    if (requirements := requirements_in(main)) is not None:
        python = engine_python()
        packages = python_packages(job, requirements, python)
        sees.append(packages)
        called.append(python.executable)
        binaries[1].mkdir(parents=True)
        for name in ("python", "python3"):
            # No other interpreter must see these packages.
            text = f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(packages))} exec {shlex.quote(python.executable)} "$@"\n'
            (binaries[1] / name).write_text(text)
            (binaries[1] / name).chmod(0o755)
    path = [*map(str, binaries), *([] if job.endpoint.sandboxed else [os.environ.get("PATH", os.defpath)])]
    view = View(writes=(folder,), sees=tuple(sees), programs=tuple(called))
    return Programs({"PATH": os.pathsep.join(path)}, view, tuple(dict.fromkeys(set_aside)))


def _manifests(folder: Path, main: Path) -> Iterator[Path]:
    """Of the packages of Node.js in the service those that have dependencies, the outer ones first."""
    for file in sorted(folder.rglob(MANIFEST), key=lambda each: (len(each.parts), each)):
        if set(_OF_OTHERS) & set(file.relative_to(folder).parts):
            continue
        if (manifest := manifest_in(file.parent, development=file.parent == main)) is not None:
            yield manifest
