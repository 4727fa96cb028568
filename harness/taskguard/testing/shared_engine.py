"""One engine for a whole test session, however many processes take part in it.

Whoever needs it first starts it, and deploys to it; the others wait and use it. It belongs to the session's first
process: that one stops it, and the engine ends by itself when that process is gone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock

from taskguard.places import Places
from taskguard.service import deployment
from taskguard.service.config import config_of
from taskguard.service.deployment import read_stack
from taskguard.service.ours import is_ours
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint, Instance, Target
from taskguard.targets.registry import instance_from_json

_UNNAMED = "unnamed"


class SharedEngine:
    """``folder`` is the session's, the same in each of its processes; the service in ``places`` is deployed; ``make`` makes the target that is to be started.
    With ``at_home`` that is in the region that the service names, if it names one. An ``adopted`` engine is somebody else's: it is used, and neither started nor stopped."""

    def __init__(
        self,
        folder: Path,
        places: Places,
        make: Callable[[], Target[Any]],
        adopted: Instance | None = None,
        *,
        at_home: bool = False,
    ) -> None:
        self.folder = folder
        self._places = places
        self._make = make
        self._adopted = adopted
        self._at_home = at_home
        self._note = folder / "engine.json"

    def endpoint(self) -> Endpoint:
        """The engine, started when it is not up.

        Raises:
            TargetError: when it cannot be started.
        """
        if self._adopted is not None:
            return self._adopted.endpoint()
        with self.alone("engine"):
            if self._note.exists():
                return instance_from_json(self._note.read_text()).endpoint()
            target = self._make()
            try:
                endpoint = target.start()
                if self._at_home:
                    parameters, log = config_of(self._places.service).parameters, self.folder / "region.log"
                    endpoint = deployment.at_home(endpoint, places=self._places, parameters=parameters, log=log)
                self._note.write_text(target.running.in_region(endpoint.region).to_json())
            except BaseException:
                target.stop()
                raise
            target.leave_running()
            return endpoint

    def stages(self) -> set[str]:
        """The stages that this session has deployed up to now."""
        return {deployed.stem for deployed in self.folder.glob("*.deployed")}

    def stack(
        self,
        stage: str | None,
        parameters: Mapping[str, str],
        ready: Callable[[Endpoint, Stack], None] = lambda *_: None,
    ) -> Stack:
        """The pipeline on ``stage`` (none: the one that the service has where none is named), deployed when it is not, and made ``ready``
        then.

        Raises:
            TargetError, SetupError, DeploymentError: when it cannot be.
        """
        label = stage or _UNNAMED
        endpoint, deployed = self.endpoint(), self.folder / f"{label}.deployed"
        with self.alone(label):
            if deployed.exists():
                choices = config_of(self._places.service).choices
                return read_stack(endpoint, stage or "", name=deployed.read_text(), choices=choices)
            if stage is not None and self._outlives_session():
                name = deployment.name_of(endpoint, stage, places=self._places, parameters=parameters)
                deployment.make_sure_is_free(endpoint, stage, name=name)
                # From here on something of it may be there, however far the deploy comes.
                (self.folder / f"{stage}.ours").write_text(name)
            stack = deployment.deploy(
                endpoint,
                stage,
                places=self._places,
                parameters=parameters,
                log=self.folder / f"{label}-deploy.log",
            )
            ready(endpoint, stack)
            deployed.write_text(stack.name)
            return stack

    def default_stage(self) -> str | None:
        """The stage of a session that names none, once its engine is up: one of its own, on an engine that others may use. A service that
        is not ours has its own (none: whichever it is), since it may know no other."""
        if self._outlives_session():
            return f"test-{sha256(self.folder.name.encode()).hexdigest()[:6]}"
        service = self._places.service
        return "test" if is_ours(service) else config_of(service).stage

    def stop(self, *, forget: bool) -> None:
        """End the engine, if there is one of the session's own, and with ``forget`` remove the session's folder. Where
        the engine goes on, the stages that the session deployed are removed."""
        try:
            if self._outlives_session():
                for ours in sorted(self.folder.glob("*.ours")):
                    self._remove(ours.stem, ours.read_text())
        finally:
            if self._note.exists():
                instance_from_json(self._note.read_text()).end()
                self._note.unlink()
        if forget:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _outlives_session(self) -> bool:
        """Whether there is an engine which goes on when the session has ended, with all that is deployed to it."""
        if self._adopted is not None:
            return True
        return self._note.exists() and not instance_from_json(self._note.read_text()).takes_stacks_along

    def _remove(self, stage: str, name: str) -> None:
        endpoint, log = self.endpoint(), self.folder / f"{stage}-remove.log"
        if deployment.is_deployed(endpoint, stage, name=name):
            deployment.remove(endpoint, stage, places=self._places, name=name, log=log)

    def alone(self, name: str) -> FileLock:
        """What one process of the session holds at a time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / f"{name}.lock")
