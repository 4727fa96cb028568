"""Targets by name: the one place that knows how each is made.

Each is imported when it is asked for, so that nobody needs Docker's library to run LocalStack as a process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from taskguard.errors import TargetError
from taskguard.targets.base import Target
from taskguard.targets.names import DEFAULT_REGION, TargetName


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """What can be asked of a target. ``folder`` receives its log; what it runs on is installed in ``cache``; ``port`` 0 takes a free one; it ends with the process
    ``owner_pid`` (none: this one). Its clock runs up to ``clock_scale`` times as fast as the machine's; ``functions_ready`` as in
    :class:`taskguard.targets.localstack.LocalStack`."""

    folder: Path
    cache: Path
    port: int = 0
    region: str = DEFAULT_REGION
    endpoint_url: str | None = None
    owner_pid: int | None = None
    clock_scale: float = 1.0
    functions_ready: bool = False


def make(name: TargetName, options: TargetOptions) -> Target:
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
    match name:
        case TargetName.LOCALSTACK:
            from taskguard.targets.localstack import LocalStack

            return LocalStack(
                options.folder,
                cache=options.cache,
                port=options.port,
                region=options.region,
                owner_pid=options.owner_pid,
                clock_scale=options.clock_scale,
                functions_ready=options.functions_ready,
            )
        case TargetName.DOCKER:
            try:
                from taskguard.targets.docker import LocalStackInDocker, image_to_start
            except ModuleNotFoundError as missing:
                raise TargetError(
                    f"starting LocalStack in Docker: the Python package {missing.name} is not installed. It comes with an extra of "
                    "TaskGuard's: `pip install 'taskguard[docker]'`."
                ) from missing

            return LocalStackInDocker(
                options.folder, image_to_start(), port=options.port, region=options.region, owner_pid=options.owner_pid
            )
        case TargetName.MINISTACK:
            from taskguard.targets.ministack import MiniStack

            return MiniStack(
                options.folder,
                cache=options.cache,
                port=options.port,
                region=options.region,
                owner_pid=options.owner_pid,
            )
        case TargetName.ENDPOINT:
            from taskguard.targets.endpoint import ForeignEngine

            return ForeignEngine(options.endpoint_url, region=options.region)
        case TargetName.AWS:
            from taskguard.targets.aws import Aws

            return Aws(options.region)
        case TargetName.RUNNING:
            raise ValueError("what is running already is not made")
