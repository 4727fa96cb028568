"""Targets by name, and started engines read back from what they left in a file or in arguments.

Each class is imported when it is asked for, so that nobody needs Docker's library to run LocalStack as a process.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from taskguard.errors import TargetError
from taskguard.targets.base import Instance, Target
from taskguard.targets.names import DEFAULT_REGION, TargetName

_CLASSES = {
    TargetName.LOCALSTACK: ("LocalStack", "LocalStackInstance"),
    TargetName.DOCKER: ("LocalStackInDocker", "DockerInstance"),
    TargetName.MINISTACK: ("MiniStack", "MiniStackInstance"),
    TargetName.ENDPOINT: ("ForeignEngine", "EndpointInstance"),
    TargetName.AWS: ("Aws", "AwsInstance"),
}
"""Each target's class and its instances', in the module of its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """What can be asked of a target. ``folder`` receives its log; what it runs on is installed in ``cache``; ``port`` 0 takes a free one; it ends with the process
    ``owner_pid`` (none: this one). Its clock runs up to ``clock_scale`` times as fast as the machine's; ``functions_ready``
    and ``sandboxed`` as in :class:`taskguard.targets.localstack.LocalStack`."""

    folder: Path
    cache: Path
    port: int = 0
    region: str = DEFAULT_REGION
    endpoint_url: str | None = None
    owner_pid: int | None = None
    clock_scale: float = 1.0
    functions_ready: bool = False
    sandboxed: bool = False


def make(name: TargetName, options: TargetOptions) -> Target[Any]:
    """The target of this name, not started yet.

    Raises:
        TargetError: when an address is given to one that has its own, or a clock scale to one that it cannot be given to.
    """
    if options.endpoint_url is not None and name is not TargetName.ENDPOINT:
        raise TargetError(f"--endpoint-url is of no use with --target {name}: use --target endpoint")
    if options.clock_scale != 1 and name is not TargetName.LOCALSTACK:
        raise TargetError(
            f"--clock-scale is of no use with --target {name}: only LocalStack as a process has a clock that can be set"
        )
    kind = _class(name, 0)
    asked = {each.name: getattr(options, each.name, None) for each in fields(kind)}
    # What is not asked for is left to the target.
    return kind(**{name: value for name, value in asked.items() if value is not None})  # type: ignore[no-any-return]


def instance_from_json(text: str) -> Instance:
    """What :meth:`Instance.to_json` wrote.

    Raises:
        ValueError, KeyError: when the text is something else.
    """
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError(f"not an instance: {text:.60}")
    kind = _class(TargetName(document.pop("kind")), 1)
    return kind(**{each.name: document[each.name] for each in fields(kind)})  # type: ignore[no-any-return]


def _class(name: TargetName, which: int) -> Any:
    if name not in _CLASSES:
        raise ValueError("what is running already is not made")
    try:
        module = import_module(f"taskguard.targets.{name}")
    except ModuleNotFoundError as missing:
        if name is not TargetName.DOCKER:
            raise
        raise TargetError(
            f"starting LocalStack in Docker: the Python package {missing.name} is not installed. It comes with an extra of "
            "TaskGuard's: `pip install 'taskguard[docker]'`."
        ) from missing
    return getattr(module, _CLASSES[name][which])
