"""One engine for a whole test session, however many processes take part in it.

Whoever needs it first starts it, and deploys to it; the others wait and use it. It belongs to the session's first
process: that one stops it, and the engine ends by itself when that process is gone.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from harness import deployment
from harness.deployment import Stack, read_stack
from harness.targets.base import Endpoint
from harness.targets.localstack import Instance, LocalStack


class SharedEngine:
    """``folder`` is the session's, the same in each of its processes; ``owner_pid`` the process it belongs to. An
    ``adopted`` engine is somebody else's: it is used, and neither started nor stopped."""

    def __init__(self, folder: Path, owner_pid: int, adopted: Instance | None = None) -> None:
        self.folder = folder
        self._owner_pid = owner_pid
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
                return Instance.from_json(self._note.read_text()).endpoint()
            engine = LocalStack(self.folder, owner_pid=self._owner_pid)
            try:
                endpoint = engine.start()
            except BaseException:
                engine.stop()
                raise
            self._note.write_text(engine.running.to_json())
            engine.leave_running()
            return endpoint

    def stack(self, stage: str, parameters: Mapping[str, str]) -> Stack:
        """The pipeline on ``stage``, deployed when it is not.

        Raises:
            TargetError, SetupError, DeploymentError: when it cannot be.
        """
        endpoint, deployed = self.endpoint(), self.folder / f"{stage}.deployed"
        with self._alone(stage):
            if deployed.exists():
                return read_stack(endpoint, stage)
            stack = deployment.deploy(endpoint, stage, parameters=parameters, log=self.folder / f"{stage}-deploy.log")
            deployed.touch()
            return stack

    @property
    def is_adopted(self) -> bool:
        """Whether the engine is somebody else's."""
        return self._adopted is not None

    def stop(self, *, forget: bool) -> None:
        """End the engine, if there is one, and with ``forget`` remove the session's folder."""
        if self._note.exists():
            Instance.from_json(self._note.read_text()).end()
            self._note.unlink()
        if forget:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _alone(self, name: str) -> FileLock:
        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / f"{name}.lock")
