"""What a run is asked to be, and the stage that it is wanted on: how that is deployed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from taskguard.contract.contract import Contract
from taskguard.contract.draws import DEFAULT_RATE, Draws
from taskguard.contract.terms import Terms
from taskguard.faults.plan import Plan
from taskguard.places import Places
from taskguard.run.events import Announced, Tell, phase
from taskguard.service import deployment
from taskguard.service.config import DeployerName, config_of, terms_of
from taskguard.service.ours import ApiAuth, auth_parameters, failure_parameters, is_ours
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint
from taskguard.targets.names import TargetName


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedStage:
    """What the user wants a run on: the service in ``places``, the stage (none: whichever), how attempts fail (``seed``, none: at
    random; ``rate``, none: the usual one), in which ``region`` (none: the service's own, or the usual one), who may call the API (none: as ``serverless.yml`` has it), what deploys it (none: what its
    folder asks for), and what is demanded of it (none: what its taskguard.toml names). A service that is not ours is told nothing of failures and of who may call, and has no draws that are known."""

    places: Places
    stage: str | None = None
    seed: str | None = None
    rate: float | None = None
    region: str | None = None
    api_auth: ApiAuth | None = None
    deployer: DeployerName | None = None
    contract: Contract | None = None

    @property
    def failure_rate(self) -> float:
        """How often an attempt fails, where nothing else decides that."""
        return DEFAULT_RATE if self.rate is None else self.rate

    def parameters(self) -> dict[str, str]:
        """What the service's own files are given: of one that is not ours, what its taskguard.toml says."""
        if not is_ours(self.places.service):
            return dict(config_of(self.places.service).parameters)
        return failure_parameters(self.seed, self.failure_rate) | auth_parameters(self.api_auth)

    def terms(self) -> Terms:
        service = self.places.service
        draws = Draws(seed=self.seed, rate=self.failure_rate) if is_ours(service) else Draws()
        return terms_of(service, draws, contract=self.contract)

    def deploy(
        self, endpoint: Endpoint, stage: str | None, log: Path, tell: Tell, abandoned: threading.Event | None = None
    ) -> Stack:
        """Deploy it as ``stage``; the rest as :func:`taskguard.service.deployment.deploy`."""
        tell(
            Announced(
                f"Deploying the pipeline to {endpoint.place}, {f'stage {stage}' if stage else 'its default stage'}"
            )
        )
        with phase(tell, "deploy"):
            return self._deployed(endpoint, stage, log, abandoned=abandoned)

    def with_code_alone(self, endpoint: Endpoint, stage: str | None, log: Path) -> Stack:
        """Let the functions of a stage that is there have the service's present code; ``stage`` as when it was deployed.

        Raises:
            OtherTemplate: more than that has changed; the stage has to be deployed.
            SetupError, DeploymentError: as :func:`taskguard.service.deployment.deploy`.
        """
        return self._deployed(endpoint, stage, log, code_alone=True)

    def _deployed(
        self,
        endpoint: Endpoint,
        stage: str | None,
        log: Path,
        *,
        abandoned: threading.Event | None = None,
        code_alone: bool = False,
    ) -> Stack:
        if self.region is None:
            endpoint = deployment.at_home(
                endpoint,
                stage=stage,
                places=self.places,
                parameters=self.parameters(),
                log=log,
                abandoned=abandoned,
                deployer=self.deployer,
            )
        return deployment.deploy(
            endpoint,
            stage,
            places=self.places,
            parameters=self.parameters(),
            log=log,
            abandoned=abandoned,
            deployer=self.deployer,
            code_alone=code_alone,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(WantedStage):
    """What a graded run is to be.

    ``folder`` is the run's, new or empty. ``tasks_seed`` decides the tasks' ids (none: they follow from ``seed``, or are new). On AWS
    ``seed`` and ``rate``, where given, must be the stage's. Of ``endpoint_url`` none is as good as any. ``sandboxed`` is
    whether the service's programs run in a sandbox (none: as :mod:`taskguard.service.sandboxing` has it). ``keep`` leaves the stack
    running, ``fresh`` uses no engine that is up; with ``redrive`` the dead letters that lie in their queue at the end are put back once. ``learn_log`` lets the
    words of the log be learnt also where the contract asks for none. ``plan`` is what is broken on purpose, ``repeat`` the command that makes such a run
    again. ``early`` tells of checks that fail before the run has ended.
    """

    folder: Path
    tasks: int = 30
    tasks_seed: str | None = None
    target: TargetName = TargetName.LOCALSTACK
    port: int = 0
    endpoint_url: str | None = None
    clock_scale: float = 1.0
    sandboxed: bool | None = None
    allow_production: bool = False
    keep: bool = False
    fresh: bool = False
    redrive: bool = False
    plan: Plan | None = None
    repeat: str | None = None
    learn_log: bool = False
    early: bool = False
