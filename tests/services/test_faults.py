"""A service that is not ours, while things are broken on purpose: its words are learnt before, so that its records and its log can be judged."""

from __future__ import annotations

import shutil

import pytest
from taskguard import session
from taskguard.faults.campaigns import faults_of
from taskguard.faults.plan import Plan
from taskguard.judging.verdict import Outcome
from taskguard.places import Places
from taskguard.run.stages import Asked
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.testing.plugin import asked

from tests.places import STATE
from tests.services.engines import Engines
from tests.services.test_services import service_of

pytestmark = pytest.mark.in_process

NAME = "node"
HARMLESS = (
    "fail when=before receive=1 rate=40%; lose receive=2 rate=30%; late seconds=1 receive=1 rate=30%; deploy from=4"
)
"""What leaves alone the attempts that a function makes: a right service keeps each promise."""


def test_what_is_broken_around_a_right_service_is_held_against_nobody(
    engines: Engines, request: pytest.FixtureRequest
) -> None:
    folder = STATE / "services" / f"{NAME}-under-faults"
    shutil.rmtree(folder, ignore_errors=True)
    places = Places.of(service_of(NAME, folder / "service"))
    with engines.one_for(places) as region:
        graded = session.grade(
            Asked(
                places=places,
                folder=folder / "run",
                tasks=20,
                tasks_seed="services",
                clock_scale=float(asked(request.config, "clock-scale")),
                sandboxed=bool(sandbox_here()),
                region=region,
                plan=Plan(seed="services", faults=faults_of(HARMLESS)),
            )
        )
    record = graded.saved.manifest.dialect.record
    assert record is not None, "nobody stated it"
    assert (record.key, record.completed, record.dead) == ("conversion", ("DONE",), ("GIVEN_UP",))
    verdicts = {each.check: each for each in graded.grade.verdicts}
    wrong = {name: each.findings[:2] for name, each in verdicts.items() if each.outcome is not Outcome.PASS}
    assert not wrong, f"Look at it with `taskguard check {graded.folder}`"
