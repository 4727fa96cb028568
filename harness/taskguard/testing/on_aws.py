"""A test session on a stage that is deployed on AWS: looked at before any test, and cleaned up after the last one.

Tests use the stage as it is, and share it; nothing is deployed. It must not know pytest.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.contract.draws import Draws
from taskguard.contract.tolerances import ON_AWS
from taskguard.errors import TargetError, TaskGuardError
from taskguard.history.wording import times
from taskguard.operating import cleaning, costs, prices
from taskguard.operating.ledger import LEDGER_FILE, Ledger, Place
from taskguard.operating.stage_names import refuse_production
from taskguard.run.running import Run
from taskguard.run.switching import in_words
from taskguard.service.config import terms_of
from taskguard.service.deployment import read_stack
from taskguard.service.ours import failure_settings
from taskguard.service.stack import Stack
from taskguard.support.this_command import runnable
from taskguard.targets.base import Endpoint
from taskguard.testing.shared_engine import SharedEngine


def look_at_stage(engine: SharedEngine, stage: str, service: Path, *, allow_production: bool) -> str:
    """Make sure that ``stage`` of the ``service`` in this folder is there and may be tested; what it is and costs, in a line.

    Raises:
        TargetError, DeploymentError: when it may not, or cannot be reached, or no task's fate is known there.
    """
    refuse_production(stage, allowed=allow_production)
    endpoint = engine.endpoint()
    seed, rate = failure_settings(endpoint, read_stack(endpoint, stage))
    if seed is None:
        raise TargetError(
            f"testing stage {stage}: it was deployed without a failure seed, so no task's fate is known. Deploy it with one: "
            f"`{runnable('taskguard deploy', '--stage', stage, '--seed', 'taskguard')}`."
        )
    usd = costs.run_of(100, terms_of(service, Draws(seed=seed, rate=rate))).usd
    what = f"{endpoint.target}, stage {stage} in {endpoint.region}"
    return f"{what}; about ${usd:.3f} for 100 tasks (list prices of {prices.NOTED_ON}); a test submits a few"


def run_on(endpoint: Endpoint, stack: Stack, service: Path) -> Run:
    """The stage under test, with what is expected of it."""
    seed, rate = failure_settings(endpoint, stack)
    terms = terms_of(service, Draws(seed=seed, rate=rate), ON_AWS)
    return Run(endpoint=endpoint, stack=stack, terms=terms, alone=False)


def ledger_in(folder: Path, run: Run) -> Ledger:
    """Where the session's tasks are written down."""
    stack, url = run.stack, run.endpoint.url
    place = Place.now(region=stack.region, stage=stack.stage, url=url, clock_tolerance_ms=ON_AWS.clock_ms)
    return Ledger(folder, place)


def clean_up_after(folder: Path, say: Callable[[str], None]) -> bool:
    """Remove the session's tasks from the stage; whether nothing is left."""
    if not (folder / LEDGER_FILE).exists():
        return True
    try:
        cleaned = cleaning.clean_up(
            folder, tell=lambda n: say(f"waiting for {times(n, 'task')} to settle, to remove them")
        )
    except (TaskGuardError, ClientError, BotoCoreError, KeyboardInterrupt) as problem:
        reason = in_words(problem)
    else:
        say(f"removed {times(cleaned.removed, 'task')} from the stage")
        if not cleaned.left:
            return True
        reason = f"{', '.join(cleaned.left)} have not settled"
    say(f"tasks are left on the stage ({reason}); remove them with `{runnable('taskguard clean-up', folder)}`")
    return False
