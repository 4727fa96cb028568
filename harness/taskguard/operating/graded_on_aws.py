"""A graded run on a stage that is deployed on AWS: refused or priced before it starts, and cleaned up after it.

The stage is used as it is. Nothing is deployed, and nothing removed but the run's own tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.contract.draws import Draws
from taskguard.contract.tolerances import ON_AWS
from taskguard.errors import TargetError, TaskGuardError
from taskguard.evidence.records import Records
from taskguard.evidence.sources import log_source
from taskguard.history.wording import times
from taskguard.ingress.load import Load, shared_load
from taskguard.ingress.workload import random_seed
from taskguard.operating import cleaning, costs
from taskguard.operating.ledger import Ledger, Place, read_ledger
from taskguard.operating.stage_names import refuse_production
from taskguard.run.events import Announced, Tell, Warned
from taskguard.run.probing import invalid_of
from taskguard.run.running import Run
from taskguard.run.stages import Asked
from taskguard.run.switching import in_words
from taskguard.service.config import terms_of
from taskguard.service.deployment import read_stack
from taskguard.service.ours import failure_settings
from taskguard.support.this_command import runnable
from taskguard.targets.aws import Aws
from taskguard.targets.names import DEFAULT_REGION

_MOST_IDS_SHOWN = 10


@contextmanager
def deployed_stage(tell: Tell, asked: Asked) -> Iterator[tuple[Run, Load]]:
    """The run to make, and what it hands in; after it, and whatever ends it, the tasks are removed again.

    Raises:
        TargetError: when AWS cannot be reached, or the stage is not to be touched or not what was asked for.
        DeploymentError: when there is no such stage.
    """
    stage = asked.stage or "dev"
    refuse_production(stage, allowed=asked.allow_production)
    region = asked.region or DEFAULT_REGION
    tell(Announced(f"Looking for stage {stage} in {region}"))
    endpoint = Aws(region).start()
    stack = read_stack(endpoint, stage)
    seed, rate = failure_settings(endpoint, stack)
    _refuse_other_failures(asked, stage, seed, rate)
    # The same tasks may have been there before, a moment ago: their logs are not this run's.
    logs = log_source(endpoint, stack, clocks_apart_ms=2 * ON_AWS.clock_ms)
    terms = terms_of(asked.places.service, Draws(seed=seed, rate=rate), ON_AWS, asked.contract)
    place = Place.now(region=region, stage=stage, url=endpoint.url, clock_tolerance_ms=ON_AWS.clock_ms)
    ledger = Ledger(asked.folder, place)
    run = Run(endpoint=endpoint, stack=stack, terms=terms, alone=False, source=logs, note=ledger.add)
    load = shared_load(asked.seed or random_seed(), asked.tasks, terms)
    # What is no task must be refused, and is a task like others on a stage that takes it.
    ids = [*load.task_ids, *(each.task_id for each in invalid_of(load, terms, endpoint, stack))]
    for text in costs.in_words(len(ids), run.terms):
        tell(Announced(text))
    if endpoint.url is not None:
        tell(
            Announced(
                f"This is a rehearsal at {endpoint.url}, not AWS: it costs nothing, and proves nothing about AWS."
            )
        )
    if known := Records(endpoint, stack, run.dialect).statuses(ids):
        raise TargetError(
            f"submitting tasks to stage {stage}: {len(known)} of them are there already, {min(known)} the first. "
            f"Another run with this seed is under way, or left them (`{runnable('taskguard clean-up')} <its folder>`); or leave out --seed."
        )
    try:
        yield run, load
    finally:
        _clean_up(tell, asked.folder)


def _refuse_other_failures(asked: Asked, stage: str, seed: str | None, rate: float) -> None:
    for name, wanted, found in (("seed", asked.seed, seed), ("rate", asked.rate, rate)):
        if wanted is not None and wanted != found:
            has = f'the {name} "{found}"' if found is not None else f"no {name}"
            raise TargetError(
                f"grading stage {stage}: it was deployed with {has}, not {wanted}. Leave out --{name}, or deploy it "
                f'anew: `npx serverless deploy --stage {stage} --param="failure{name.capitalize()}={wanted}"`.'
            )


def _clean_up(tell: Tell, folder: Path) -> None:
    told = False

    def waiting(unsettled: int) -> None:
        nonlocal told
        if not told:
            what = f"Waiting for {times(unsettled, 'task')} to settle, to remove them from the stage"
            tell(Announced(f"{what}; Ctrl-C leaves them there"))
        told = True

    try:
        cleaned = cleaning.clean_up(folder, tell=waiting)
    except (TaskGuardError, ClientError, BotoCoreError, KeyboardInterrupt) as problem:
        left = [task_id for task_ids in read_ledger(folder).values() for task_id in task_ids]
        tell(_left(folder, left, in_words(problem)))
        if isinstance(problem, KeyboardInterrupt):
            raise
    else:
        tell(Announced(f"Removed {times(cleaned.removed, 'task')} from the stage"))
        if cleaned.left:
            tell(_left(folder, list(cleaned.left), "they have not settled"))


def _left(folder: Path, left: list[str], reason: str) -> Warned:
    more = f" and {len(left) - _MOST_IDS_SHOWN} more" if len(left) > _MOST_IDS_SHOWN else ""
    return Warned(
        f"tasks are left on the stage ({reason}): {', '.join(left[:_MOST_IDS_SHOWN])}{more}. "
        f"Remove them with `{runnable('taskguard clean-up', folder)}`."
    )
