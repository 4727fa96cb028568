"""A run on an engine that is started for it: the engine, and the stage that is deployed to it."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from taskguard.run.events import Announced, Tell, phase
from taskguard.run.running import Run
from taskguard.run.stages import WantedStage
from taskguard.service import deployment
from taskguard.service.kept import RunningStack
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack
from taskguard.targets.names import TargetName
from taskguard.targets.registry import TargetOptions, make


class OwnEngine:
    """Use as a context manager: inside, the engine is up with the stage on it; after it, neither is there, unless it was kept.

    Raises:
        SetupError, TargetError, DeploymentError: when it is entered, that the engine cannot be started or deployed to.
    """

    run: Run

    def __init__(self, target: TargetName, options: TargetOptions, wanted: WantedStage, tell: Tell) -> None:
        self._target, self._options, self._wanted, self._tell = target, options, wanted, tell
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as entering:
            deployment.get_ready(self._wanted.places)
            self._engine = entering.enter_context(make(self._target, self._options))
            self._tell(Announced(f"Starting the engine (its log: {self._options.folder})"))
            self.run = self._started(entering)
            self._cleanup = entering.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.__exit__(kind, error, trace)

    def keep(self) -> None:
        """Leave the engine and the stage, as ``taskguard up`` does."""
        instance = self._engine.running
        RunningStack(instance=instance, stage=self.run.stack.stage).save(self._wanted.places)
        instance.stay()
        self._engine.leave_running()
        self._cleanup.pop_all()

    def _started(self, entering: ExitStack) -> Run:
        engine = self._engine
        if isinstance(engine, LocalStack):
            return self._deployed_meanwhile(engine)
        with phase(self._tell, "engine: start"):
            endpoint = engine.start()
        stage = self._wanted.stage
        if not engine.running.takes_stacks_along:
            stage = stage or f"run-{secrets.token_hex(3)}"
            deployment.make_sure_is_free(endpoint, stage)
            # However far the deploy comes, it is removed before the engine is let go of.
            entering.callback(self._remove, endpoint, stage, self._options.folder / "remove.log")
        return self._deployed(endpoint, stage or "dev")

    def _deployed_meanwhile(self, engine: LocalStack) -> Run:
        """Let the CLI get ready while the engine does: its first call waits until the engine answers."""
        with ThreadPoolExecutor(1) as pool:
            deploying: list[Future[Run]] = []
            abandoned = threading.Event()

            def deploy(endpoint: Endpoint) -> None:
                deploying.append(pool.submit(self._deployed, endpoint, self._wanted.stage or "dev", abandoned))

            engine.on_launch = deploy
            try:
                with phase(self._tell, "engine: start"):
                    engine.start()
                return deploying[-1].result()
            except BaseException:
                abandoned.set()
                raise

    def _deployed(self, endpoint: Endpoint, stage: str, abandoned: threading.Event | None = None) -> Run:
        stack = self._wanted.deploy(endpoint, stage, self._options.folder / "deploy.log", self._tell, abandoned)
        return Run(endpoint=endpoint, stack=stack, terms=self._wanted.terms())

    def _remove(self, endpoint: Endpoint, stage: str, log: Path) -> None:
        if deployment.is_deployed(endpoint, stage):
            self._tell(Announced(f"Removing stage {stage} from {endpoint.place}"))
            deployment.remove(endpoint, stage, places=self._wanted.places, log=log)
