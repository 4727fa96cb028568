"""Each broken pipeline is rejected, by the check that is meant for it; the unbroken one, treated alike, is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import Outcome
from taskguard.testing.plugin import asked

from tests.mutants.judgement import faults, row
from tests.mutants.loads import GRADED
from tests.mutants.table import row_as_property
from tests.mutants.trials import Trials
from tests.mutants.variants import OURS, VARIANTS, Variant

# A task that was completed may die with its batch there, and is then logged as no dead letter, rightly; and what is wrong with a
# retry is often wrong with a task that is handed in again.
AS_GRADED = [
    replace(
        each, name=f"graded-{each.name}", load=GRADED, caught_by=(*each.caught_by, "dead_letter_log", "idempotency")
    )
    for each in VARIANTS
    if each.load.seeded and not each.load.graded
]
IN_REAL_TIME = [variant for variant in VARIANTS if variant.real_time]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_it_is_rejected(variant: Variant, trials: Trials, request: pytest.FixtureRequest) -> None:
    judge(variant, trials, request)


@pytest.mark.graded
@pytest.mark.parametrize("variant", AS_GRADED, ids=lambda variant: variant.name)
def test_a_graded_run_of_30_tasks_rejects_it(variant: Variant, trials: Trials, request: pytest.FixtureRequest) -> None:
    judge(variant, trials, request)


@pytest.mark.heavy
@pytest.mark.parametrize("variant", IN_REAL_TIME, ids=lambda variant: variant.name)
def test_it_is_rejected_in_real_time(variant: Variant, trials: Trials, request: pytest.FixtureRequest) -> None:
    if asked(request.config, "clock-scale") != 1:
        pytest.skip("this session's clock is scaled; leave out --taskguard-clock-scale")
    judge(variant, trials, request)


@pytest.mark.parametrize("variant", OURS, ids=lambda variant: variant.name)
def test_ours_passes_every_check(variant: Variant, trials: Trials) -> None:
    trial = trials.trial(variant)
    assert _not_passed(trial.seen, is_graded=variant.load.graded) == []
    assert _not_passed(trial.from_logs, is_graded=variant.load.graded) == []


def judge(variant: Variant, trials: Trials, request: pytest.FixtureRequest) -> None:
    trial = trials.trial(variant)
    request.node.user_properties.append(row_as_property(row(variant, trial.seen, trial.from_logs)))
    found = list(faults(variant, trial.seen, trial.from_logs))
    scale = asked(request.config, "clock-scale")
    repeat = f".venv/bin/python -m pytest '{request.node.nodeid}' --taskguard-clock-scale {scale:g}"
    assert not found, "\n".join([*found, f"Its histories are in {trial.folder}", f"Repeat it with: {repeat}"])


def _not_passed(graded: Grade, *, is_graded: bool) -> list[str]:
    """What did not pass; of a run that is no graded one not what it does not exercise."""
    return [
        f"{verdict.check}: {verdict.outcome}: {[finding.message for finding in verdict.findings[:3]]}"
        for verdict in graded.verdicts
        if verdict.outcome not in (Outcome.PASS, Outcome.NOT_APPLICABLE) and (is_graded or verdict.exercised)
    ]
