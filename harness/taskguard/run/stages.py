"""The stage that a run is wanted on, and how it is deployed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from taskguard.contract.draws import Draws
from taskguard.contract.terms import Terms
from taskguard.places import Places
from taskguard.run.events import Announced, Tell, phase
from taskguard.service import deployment
from taskguard.service.config import terms_of
from taskguard.service.ours import ApiAuth, auth_parameters, failure_parameters
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedStage:
    """What the user wants a run on: the service in ``places``, the stage (none: whichever), how attempts fail, and who may call the API (none: as
    ``serverless.yml`` has it)."""

    places: Places
    stage: str | None
    seed: str | None
    rate: float
    api_auth: ApiAuth | None = None

    def parameters(self) -> dict[str, str]:
        return failure_parameters(self.seed, self.rate) | auth_parameters(self.api_auth)

    def terms(self) -> Terms:
        return terms_of(self.places.service, Draws(seed=self.seed, rate=self.rate))

    def deploy(
        self, endpoint: Endpoint, stage: str, log: Path, tell: Tell, abandoned: threading.Event | None = None
    ) -> Stack:
        """Deploy it as ``stage``; the rest as :func:`taskguard.service.deployment.deploy`."""
        tell(Announced(f"Deploying the pipeline to {endpoint.place}, stage {stage}"))
        with phase(tell, "deploy"):
            return deployment.deploy(
                endpoint,
                stage,
                places=self.places,
                parameters=self.parameters(),
                log=log,
                abandoned=abandoned,
            )
