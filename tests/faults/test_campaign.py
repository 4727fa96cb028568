"""All kinds of fault at once, in a run as a user makes it: nothing is lost, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from taskguard.faults.campaigns import faults_of
from taskguard.faults.plan import Plan
from taskguard.history import SavedRun
from taskguard.ingress.load import plain_load
from taskguard.judging.guarantees import guarantees_under
from taskguard.judging.verdict import Outcome
from taskguard.reports.nemesis import nemesis_of
from taskguard.run.injecting.planned_faults import PlannedFaults
from taskguard.run.manifests import manifest_of
from taskguard.run.outside import Outside
from taskguard.run.running import Run
from taskguard.service.ours import failure_parameters
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint
from taskguard.testing.shared_engine import SharedEngine

from tests.terms import our_terms

pytestmark = pytest.mark.in_process

SEED = "campaign"
RATE = 0.3
TASKS = 120
FEWEST_KINDS = 24
"""Of 26: a window in which the table is down may pass without a call."""

LATE_SECONDS = 60.0


def test_nothing_is_lost_or_done_twice_when_all_faults_meet(
    endpoint: Endpoint, deploy: Callable[..., Stack], shared_engine: SharedEngine
) -> None:
    stack = deploy("campaign", **failure_parameters(SEED, RATE))
    plan = Plan(seed=SEED, faults=faults_of("all"))
    expected = our_terms(seed=SEED, rate=RATE, late_seconds=LATE_SECONDS)
    run = Run(endpoint=endpoint, stack=stack, terms=expected)
    folder = shared_engine.folder / "campaign"

    planned = PlannedFaults(endpoint, stack, plan, folder)
    history = run.of(plain_load(SEED, TASKS), outside=Outside(faults=planned))

    manifest = manifest_of(run, TASKS, {}, plan=plan, tasks_seed=SEED)
    SavedRun(history=history, manifest=manifest).write(folder)
    again = f"Look at it with `taskguard check {folder}`"
    verdicts = {name: judge(history, expected) for name, judge in guarantees_under(plan).items()}
    met = verdicts.pop("faults_met")
    wrong = [
        f"{name}: {finding.message}"
        for name, verdict in verdicts.items()
        if verdict.outcome is not Outcome.PASS
        for finding in verdict.findings
    ]
    assert not wrong, "\n".join([*wrong, again])
    report = nemesis_of(history, manifest)
    assert report is not None
    assert (report.lost, report.doubled) == (0, 0)
    assert report.kinds >= FEWEST_KINDS, f"{met.observed}. {again}"
