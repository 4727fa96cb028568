"""Each broken pipeline is rejected, by the check that is meant for it; the unbroken one, treated alike, is not."""

from __future__ import annotations

import pytest
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import Outcome
from taskguard.testing.plugin import asked

from tests.mutants.gallery import Gallery
from tests.mutants.judgement import faults, row
from tests.mutants.table import row_as_property
from tests.mutants.variants import OURS, VARIANTS, Variant

IN_REAL_TIME = [variant for variant in VARIANTS if variant.real_time]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_it_is_rejected(variant: Variant, gallery: Gallery, request: pytest.FixtureRequest) -> None:
    judge(variant, gallery, request)


@pytest.mark.heavy
@pytest.mark.parametrize("variant", IN_REAL_TIME, ids=lambda variant: variant.name)
def test_it_is_rejected_in_real_time(variant: Variant, gallery: Gallery, request: pytest.FixtureRequest) -> None:
    if asked(request.config, "clock-scale") != 1:
        pytest.skip("this session's clock is scaled; leave out --taskguard-clock-scale")
    judge(variant, gallery, request)


@pytest.mark.parametrize("variant", OURS, ids=lambda variant: variant.name)
def test_ours_passes_every_check(variant: Variant, gallery: Gallery) -> None:
    trial = gallery.trial(variant)
    assert _not_passed(trial.seen) == []
    assert _not_passed(trial.from_logs) == []


def judge(variant: Variant, gallery: Gallery, request: pytest.FixtureRequest) -> None:
    trial = gallery.trial(variant)
    request.node.user_properties.append(row_as_property(row(variant, trial.seen, trial.from_logs)))
    found = list(faults(variant, trial.seen, trial.from_logs))
    scale = asked(request.config, "clock-scale")
    repeat = f".venv/bin/python -m pytest '{request.node.nodeid}' --taskguard-clock-scale {scale:g}"
    assert not found, "\n".join([*found, f"Its histories are in {trial.folder}", f"Repeat it with: {repeat}"])


def _not_passed(graded: Grade) -> list[str]:
    return [
        f"{verdict.check}: {verdict.outcome}: {[finding.message for finding in verdict.findings[:3]]}"
        for verdict in graded.verdicts
        if verdict.outcome is not Outcome.PASS
    ]
