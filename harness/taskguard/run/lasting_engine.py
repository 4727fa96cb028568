"""An engine for many runs of one service, one after the other: it has one stage, whose code is changed where nothing else has to be.

Whatever else has changed, or was left by a run, it is ended, and the next run has a new one: so each run finds what a run from nothing
would find. It must not know why there are so many runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

from taskguard.run.events import Announced, Tell, phase
from taskguard.run.kept_stage import KeptStage, run_on
from taskguard.run.manifests import digests_of_service
from taskguard.run.own_engine import OwnEngine
from taskguard.run.running import Run
from taskguard.run.stages import WantedStage
from taskguard.service import deployment
from taskguard.targets.localstack import LocalStackInstance
from taskguard.targets.names import TargetName
from taskguard.targets.registry import TargetOptions


class LastingEngine:
    """Use as a context manager: inside an engine is started when it is needed first, and none is left after. The log and the
    recording of each are below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = ExitStack()
        self._instance: LocalStackInstance | None = None
        self._last: Run | None = None
        self._started = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Let the next run have another one."""
        self._instance = None
        self._held.close()

    def run(self, options: TargetOptions, wanted: WantedStage, task_ids: Sequence[str], tell: Tell) -> Run:
        """A run with the service's present files on a stage that is at rest and knows nothing of ``task_ids``. What would not build leaves
        the engine as it is.

        Raises:
            SetupError, TargetError, DeploymentError: there cannot be one; the next call tries again.
        """
        log = options.folder / "deploy.log"
        if self._instance is not None and self._instance.answers():
            kept = self._kept(self._instance, wanted)
            stack = kept.there(kept.digests_now(), tell, log, task_ids)
            if stack is not None:
                run = run_on(stack, self._instance.endpoint(), wanted)
                if self._last is not None:
                    run.configuration.before = self._last.configuration.known()
                self._last = run
                return run
            tell(Announced("More than code has changed, or messages were left: the engine is started anew"))
        with phase(tell, "engine: stop"):
            self.end()
        deployment.get_ready(wanted.places, wanted.deployer)
        try:
            return self._on_a_new_one(options, wanted, tell)
        except BaseException:
            self.end()
            raise

    def _on_a_new_one(self, options: TargetOptions, wanted: WantedStage, tell: Tell) -> Run:
        self._started += 1
        options = replace(options, folder=self._folder / str(self._started))
        digests = digests_of_service(wanted.places.service, wanted.deployer)
        engine = OwnEngine(TargetName.LOCALSTACK, options, wanted, tell, self._held)
        instance = engine.instance
        assert isinstance(instance, LocalStackInstance)  # noqa: S101  # it was asked for
        self._kept(instance, wanted).remember(engine.run.stack, wanted.stage, digests)
        self._instance, self._last = instance, engine.run
        return engine.run

    @staticmethod
    def _kept(instance: LocalStackInstance, wanted: WantedStage) -> KeptStage:
        return KeptStage(instance.endpoint(), Path(instance.scratch), wanted, 1)
