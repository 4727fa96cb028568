"""Whether the programs of a service run in a sandbox: its builds and its functions, all of them or none.

They do unless the service is our own in the current folder, or its user says otherwise; where there is none, nothing of another service
runs until its user has said so. What a service says of itself does not count for more than that: anybody can write it. In a container target the container keeps its functions; its builds run in a sandbox there where this machine has one.
"""

from __future__ import annotations

import os
from pathlib import Path

from taskguard.errors import ConfigurationError, SandboxError
from taskguard.service.ours import is_ours
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.targets.names import TargetName

VARIABLE = "TASKGUARD_SANDBOX"
"""The environment variable that says on or off, where no option does."""
_SAYS = {"on": True, "off": False}


def chosen_by_user(asked: bool | None = None) -> bool | None:
    """What the user has said: ``asked`` by an option, else by the environment; none when nothing was.

    Raises:
        ConfigurationError: the environment says something else than on or off.
    """
    if asked is not None:
        return asked
    text = os.environ.get(VARIABLE, "")
    if text and text not in _SAYS:
        raise ConfigurationError(
            f"reading {VARIABLE}: {text!r} is neither on nor off. Set it to one of these, or unset it."
        )
    return _SAYS.get(text)


def is_trusted(service: Path) -> bool:
    """Whether this service runs without a sandbox where nobody says anything: it is ours, and whoever runs it works in its folder."""
    return is_ours(service) and service.resolve() == Path.cwd()


def is_sandboxed(service: Path, asked: bool | None, target: TargetName) -> bool:
    """Whether this service's programs are to run in a sandbox on this target; ``asked`` is what its user has said by an option.

    Raises:
        SandboxError: they are, and there is none here.
        ConfigurationError: as :func:`chosen_by_user`.
    """
    said = chosen_by_user(asked)
    wanted = not is_trusted(service) if said is None else said
    if not wanted or target not in (TargetName.LOCALSTACK, TargetName.DOCKER):
        return False
    here = sandbox_here()
    if not here and (target is TargetName.LOCALSTACK or said):
        besides = "" if said else " Or give --no-sandbox, if you trust what the service runs on this machine."
        raise SandboxError(
            f"running the programs of {service}: there is no sandbox here: {here.missing}. {here.to_do}{besides}"
        )
    return bool(here)


def describe(sandboxed: bool) -> str:
    """What the manifest says."""
    return sandbox_here().version if sandboxed else "none"
