"""One engine for a whole test session, however many processes take part in it.

Whoever needs it first starts it, and deploys to it; the others wait and use it. It belongs to the session's first
process: that one stops it, and the engine ends by itself when that process is gone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from filelock import FileLock

from harness import deployment
from harness.deployment import Stack, read_stack
from harness.targets.base import Endpoint, Instance, Target
from harness.targets.registry import instance_from_json


class SharedEngine:
    """``folder`` is the session's, the same in each of its processes; ``make`` makes the target that is to be started.
    An ``adopted`` engine is somebody else's: it is used, and neither started nor stopped."""

    def __init__(self, folder: Path, make: Callable[[], Target], adopted: Instance | None = None) -> None:
        self.folder = folder
        self._make = make
        self._adopted = adopted
        self._note = folder / "engine.json"

    def endpoint(self) -> Endpoint:
        """The engine, started when it is not up.

        Raises:
            TargetError: when it cannot be started.
        """
        if self._adopted is not None:
            return self._adopted.endpoint()
        with self._alone("engine"):
            if self._note.exists():
                return instance_from_json(self._note.read_text()).endpoint()
            target = self._make()
            try:
                endpoint = target.start()
            except BaseException:
                target.stop()
                raise
            self._note.write_text(target.running.to_json())
            target.leave_running()
            return endpoint

    def has(self, stage: str) -> bool:
        """Whether this session has deployed ``stage``."""
        return self._deployed(stage).exists()

    def stack(self, stage: str, parameters: Mapping[str, str]) -> Stack:
        """The pipeline on ``stage``, deployed when it is not.

        Raises:
            TargetError, SetupError, DeploymentError: when it cannot be.
        """
        endpoint, deployed = self.endpoint(), self._deployed(stage)
        with self._alone(stage):
            if deployed.exists():
                return read_stack(endpoint, stage)
            stack = deployment.deploy(endpoint, stage, parameters=parameters, log=self.folder / f"{stage}-deploy.log")
            deployed.touch()
            return stack

    def stop(self, *, forget: bool) -> None:
        """End the engine, if there is one of the session's own, and with ``forget`` remove the session's folder. Where
        the engine goes on, the stages that the session deployed are removed."""
        instance = self._adopted
        if self._note.exists():
            instance = instance_from_json(self._note.read_text())
        if instance is not None and (self._adopted is not None or not instance.takes_stacks_along):
            for deployed in sorted(self.folder.glob("*.deployed")):
                deployment.remove(instance.endpoint(), deployed.stem, log=self.folder / f"{deployed.stem}-remove.log")
        if instance is not None and self._adopted is None:
            instance.end()
            self._note.unlink()
        if forget:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _deployed(self, stage: str) -> Path:
        return self.folder / f"{stage}.deployed"

    def _alone(self, name: str) -> FileLock:
        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / f"{name}.lock")
