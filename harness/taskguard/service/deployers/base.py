"""What every deployer is to the rest of the tool: something that knows a kind of service by a file of it, and deploys it.

A deployer works in a scratch copy: not a byte of the service's folder changes. It must not know what a pipeline does, nor find out
what is deployed: it tells the stack's name, and :mod:`taskguard.service.discovery` does the rest.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from taskguard.errors import DeploymentError, SetupError
from taskguard.places import Places
from taskguard.service.config import DeployerName
from taskguard.service.deployers.workspaces import workspace_of
from taskguard.service.files import copy_of, copy_of_workspace, named_outside
from taskguard.support import folders
from taskguard.targets.base import Endpoint

DEADLINE_VARIABLE = "TASKGUARD_DEPLOY_SECONDS"
"""The environment variable that gives a deploy's programs another deadline."""
_DEADLINE_SECONDS = 300.0
_SCRATCH = "deploy"
DEFAULT_STAGE = "dev"
"""Where neither the user nor the service names one, as the Serverless Framework has it."""


def deadline_seconds() -> float:
    """How long a program of a deploy may take: what the environment says, or five minutes.

    Raises:
        SetupError: what it says is no number of seconds.
    """
    text = os.environ.get(DEADLINE_VARIABLE) or f"{_DEADLINE_SECONDS:g}"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SetupError(f"reading {DEADLINE_VARIABLE}: {text!r} is no number of seconds. Give one, or unset it.")
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A deploy of the service in ``places`` to ``stage`` (none: the one that it has where none is named), with ``parameters`` that the
    service's own files read. What is there already has a known ``stack_name``. With ``code_alone`` nothing but the code of functions that are
    there is changed. ``log`` receives what programs say; once it is ``abandoned``, or a program takes longer than
    ``within_seconds``, the one that is under way is ended and no further one is started."""

    endpoint: Endpoint
    stage: str | None
    places: Places
    stack_name: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    code_alone: bool = False
    abandoned: threading.Event = field(default_factory=threading.Event)
    within_seconds: float = field(default_factory=deadline_seconds)

    @property
    def stage_or_default(self) -> str:
        """The stage of a service that has no default of its own."""
        return self.stage or DEFAULT_STAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What came of it: the stack's name, the stage where the service has one of its own, and a sentence for each thing that is not
    deployed as the service has it."""

    stack_name: str
    stage: str | None = None
    set_aside: tuple[str, ...] = ()


class Deployer(Protocol):
    """One way to deploy. Its methods may be called from several threads."""

    @property
    def name(self) -> DeployerName:
        """By which the user names it."""

    @property
    def looks_for(self) -> str:
        """Which files it goes by, in the words of an error message."""

    @property
    def stages_apart(self) -> bool:
        """Whether several stages can be on one engine at once: their stacks' names tell them apart."""

    def file_in(self, service: Path) -> str | None:
        """The file in this folder that it goes by; none when this is no service of its kind."""

    def get_ready(self, cache: Path) -> None:
        """Install what it needs of its own: better missed now than when an engine is up.

        Raises:
            SetupError: it cannot be installed.
        """

    def digests(self) -> Mapping[str, str]:
        """SHA-256 of what it is made of, hexadecimal, by name: with another one the same files may be deployed otherwise."""

    def region_of(self, job: Job) -> str | None:
        """The region that the service's own files name for all of it; none where they name none, or it cannot be told before it is deployed.

        Raises:
            SetupError, DeploymentError: as :meth:`deploy`.
        """

    def name_of(self, job: Job) -> str:
        """What the stack is called that :meth:`deploy` would make; nothing is deployed.

        Raises:
            SetupError, DeploymentError: as :meth:`deploy`.
        """

    def deploy(self, job: Job) -> Deployed:
        """Deploy, and wait until it is done.

        Raises:
            SetupError: what it needs is missing.
            OtherTemplate: the job is to change code alone, and more than that differs from what is there, or it cannot be told.
            DeploymentError: it failed; the message ends with what was said, and names the file with all of it.
        """

    def remove(self, job: Job) -> None:
        """Remove the job's stage and all it holds.

        Raises:
            SetupError, DeploymentError: as :meth:`deploy`.
        """


@contextmanager
def scratch_copy(job: Job) -> Iterator[Path]:
    """A copy of what is deployed of the job's service, in a folder that is there for as long: with all of the workspace that it is a
    package of, where its files name what lies outside of its own folder.

    Raises:
        DeploymentError: what is done with it raises one; where it names what lies outside and is of no workspace, that is told.
    """
    service = job.places.service
    outside = dict(named_outside(service))
    root = workspace_of(service) if outside else None
    with folders.temporary(_SCRATCH) as scratch:
        copy = copied_in(scratch)
        copy.mkdir()
        if root is not None:
            copy_of_workspace(root, copy)
            inside = copy / service.resolve().relative_to(root)
            # What lies elsewhere in the workspace finds the same packages.
            (copy / "node_modules").symlink_to(inside / "node_modules")
            yield inside
            return
        copy_of(service, copy, of_others=job.endpoint.sandboxed)
        try:
            yield copy
        except DeploymentError as failed:
            # Nobody can mend a file of the copy, which is gone by then.
            failed.args = (str(failed).replace(str(copy), str(service)),)
            told = next((each for each in outside.items() if Path(each[1]).name in str(failed)), None)
            if told is None:
                raise
            raise DeploymentError(
                f"{failed}\n{told[0]} names {told[1]}, which lies outside of the service's folder, and only that is deployed. To have what lies "
                'beside it, make them packages of a workspace: `"workspaces": ["the-service", "the-other"]` in the package.json above them.'
            ) from None


def copied_in(scratch: Path) -> Path:
    """Where the copy is in the folder that holds all there is of it: of the service, or of its workspace."""
    return scratch / "service"


def scratch_of(folder: Path) -> Path:
    """The folder that holds all there is of a scratch copy in which ``folder`` lies; else the folder itself."""
    return next((each for each in folder.parents if each.name.startswith(f"taskguard-{_SCRATCH}-")), folder)
