"""Lets programs that build a service in a sandbox, where no package index is reached, install packages of Python all the same: what files
of requirements ask for is fetched before, by a program that sees nothing else of the service. It must not know who installs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from taskguard.service.building import View
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.caching import cached, digest
from taskguard.service.deployers.commands import run
from taskguard.service.deployers.dependencies import FOLDER, installing
from taskguard.targets.environments import Python, pip_environment, python_with_pip


@dataclass(frozen=True, slots=True)
class Fetched:
    """``variables`` let pip take what it is to install from the folders in ``sees``."""

    variables: Mapping[str, str] = field(default_factory=dict)
    sees: tuple[Path, ...] = ()


def fetched(
    job: Job, requirements: Sequence[Path], options: Sequence[str] = (), python: Python | None = None
) -> Fetched:
    """Fetch what these files ask for, with ``options`` that pip is going to be called with, for this interpreter (none: the one that
    :func:`view_of_pip` is of). Where nothing is kept in a sandbox, pip is left to itself.

    Raises:
        SetupError: there is no pip.
        DeploymentError: something cannot be fetched.
    """
    if not job.endpoint.sandboxed or not requirements:
        return Fetched()
    interpreter = python or pip_environment(job.places.cache).python
    # Only files for another platform can be fetched, and only for this one can what comes as source be built.
    how = ["download", "--dest"] if any(each.startswith("--platform") for each in options) else ["wheel", "--wheel-dir"]

    def fetch(folder: Path) -> None:
        pip = view_of_pip(job, python)
        for file in requirements:
            words = [
                str(python_with_pip(job.places.cache, python)),
                "-m",
                "pip",
                *how,
                str(folder),
                "--quiet",
                *options,
            ]
            view = View(writes=(folder,), sees=(*pip.sees, file.parent), programs=pip.programs)
            what = f"fetching the packages of {file.parent.name}/{file.name}"
            run(job, [*words, "--requirement", str(file)], folder, installing(job), what, view=view, installs=True)

    about = [file.read_text(encoding="utf-8-sig", errors="replace") for file in requirements]
    name = f"wheels-{digest(*about, *options, interpreter.version, interpreter.abi)}"
    folder = cached(job.places.cache / FOLDER, name, fetch)
    return Fetched({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}, (folder,))


def view_of_pip(job: Job, python: Python | None = None) -> View:
    """What must be seen of the interpreter with pip that builds are given; without a ``python`` that is the engine's.

    Raises:
        SetupError: it cannot be made.
    """
    environment = pip_environment(job.places.cache)
    sees = (python_with_pip(job.places.cache, python).parent, environment.packages)
    return View(sees=sees, programs=((python or environment.python).executable,))
