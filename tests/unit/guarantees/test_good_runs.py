"""What does everything right keeps every guarantee, whether or not a fault struck; and an empty history is no pass."""

from __future__ import annotations

import pytest
from taskguard.history import Event
from taskguard.judging.guarantees import GUARANTEES
from taskguard.judging.verdict import Outcome

from tests.unit.guarantees.faulty import judged
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    THIRD_TRY,
    UNSEEDED,
    missing,
    run,
    without,
)

EVENTS = run(FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD)
JUDGING = [name for name in GUARANTEES if name != "faults_met"]


@pytest.mark.parametrize("guarantee", JUDGING)
@pytest.mark.parametrize("terms", [EXPECTED, UNSEEDED], ids=["seeded", "unseeded"])
def test_a_good_run_passes(guarantee: str, terms: object) -> None:
    verdict = judged(guarantee, EVENTS, terms)  # type: ignore[arg-type]
    assert (verdict.outcome, verdict.findings, verdict.check) == (Outcome.PASS, (), guarantee)


@pytest.mark.parametrize("guarantee", GUARANTEES)
@pytest.mark.parametrize("events", [[], without(EVENTS, EVENTS[-1])], ids=["nothing", "cut short"])
def test_a_history_without_an_end_is_unknown(guarantee: str, events: list[Event]) -> None:
    assert judged(guarantee, events).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("guarantee", "kind"),
    [
        ("settles_once", "RecordChanged"),
        ("one_completion", "RecordChanged"),
        ("charges", "FaultInjected"),
        ("dead_letters_logged", "DeadLetterLogged"),
        ("nothing_stuck", "QueueDepth"),
        ("never_early", "BackoffRequested"),
        ("faults_met", "FaultInjected"),
    ],
)
def test_missing_evidence_is_unknown(guarantee: str, kind: str) -> None:
    verdict = judged(guarantee, [*EVENTS, missing(kind)])
    assert verdict.outcome is Outcome.UNKNOWN
    assert "evidence missing from the recorder" in "".join(finding.message for finding in verdict.findings)


def test_the_guarantees_in_their_order() -> None:
    assert list(GUARANTEES) == [
        "settles_once",
        "one_completion",
        "charges",
        "dead_letters_logged",
        "nothing_stuck",
        "never_early",
        "faults_met",
    ]
