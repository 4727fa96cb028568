"""A run on an engine that is started for it: the engine, and the stage that is deployed to it."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from taskguard.run.events import Announced, Tell, phase
from taskguard.run.running import Run
from taskguard.run.stages import WantedStage
from taskguard.service import deployment
from taskguard.service.kept import RunningStack
from taskguard.targets.base import Endpoint, Instance
from taskguard.targets.localstack import LocalStack
from taskguard.targets.names import TargetName
from taskguard.targets.registry import TargetOptions, make


class OwnEngine:
    """Up with the stage on it once this is made; neither is there any more when ``held`` closes, unless it was kept.

    Raises:
        SetupError, TargetError, DeploymentError: the engine cannot be started or deployed to.
    """

    def __init__(
        self, target: TargetName, options: TargetOptions, wanted: WantedStage, tell: Tell, held: ExitStack
    ) -> None:
        self._options, self._wanted, self._tell, self._held = options, wanted, tell, held
        deployment.get_ready(wanted.places, wanted.deployer)
        self._engine = held.enter_context(make(target, options))
        if options.endpoint_url is None:
            tell(Announced(f"Starting the engine (its log: {options.folder})"))
        self.run = self._started()

    @property
    def instance(self) -> Instance:
        """The engine, once it is up."""
        instance: Instance = self._engine.running
        return instance

    def keep(self) -> None:
        """Leave the engine and the stage, as ``taskguard up`` does."""
        instance = self._engine.running
        RunningStack.of(instance, self.run.stack).save(self._wanted.places)
        instance.stay()
        self._engine.leave_running()
        self._held.pop_all()

    def _started(self) -> Run:
        engine = self._engine
        if isinstance(engine, LocalStack):
            return self._deployed_meanwhile(engine)
        with phase(self._tell, "engine: start"):
            endpoint = engine.start()
        stage = self._wanted.stage
        if not engine.running.takes_stacks_along:
            stage = stage or f"run-{secrets.token_hex(3)}"
            name = deployment.name_of(
                endpoint,
                stage,
                places=self._wanted.places,
                parameters=self._wanted.parameters(),
                log=self._options.folder / "deploy.log",
                deployer=self._wanted.deployer,
            )
            deployment.make_sure_is_free(endpoint, stage, name=name)
            # However far the deploy comes, it is removed before the engine is let go of.
            self._held.callback(self._remove, endpoint, stage, name)
        return self._deployed(endpoint, stage)

    def _deployed_meanwhile(self, engine: LocalStack) -> Run:
        """Let the CLI get ready while the engine does: its first call waits until the engine answers."""
        with ThreadPoolExecutor(1) as pool:
            deploying: list[Future[Run]] = []
            abandoned = threading.Event()

            def deploy(endpoint: Endpoint) -> None:
                deploying.append(pool.submit(self._deployed, endpoint, self._wanted.stage, abandoned))

            engine.on_launch = deploy
            try:
                with phase(self._tell, "engine: start"):
                    engine.start()
                return deploying[-1].result()
            except BaseException:
                abandoned.set()
                raise

    def _deployed(self, endpoint: Endpoint, stage: str | None, abandoned: threading.Event | None = None) -> Run:
        stack = self._wanted.deploy(endpoint, stage, self._options.folder / "deploy.log", self._tell, abandoned)
        return Run(endpoint=endpoint.in_region(stack.region), stack=stack, terms=self._wanted.terms())

    def _remove(self, endpoint: Endpoint, stage: str, name: str) -> None:
        if deployment.is_deployed(endpoint, stage, name=name):
            self._tell(Announced(f"Removing stage {stage} from {endpoint.place}"))
            log = self._options.folder / "remove.log"
            deployment.remove(endpoint, stage, places=self._wanted.places, name=name, log=log)
