"""What hangs on something that a run's engine has wrong is *unknown*, says why, and accuses or acquits nobody."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from taskguard.history import DeadLetterLogged, EngineLimit, Event, History, Manifest
from taskguard.judging.grading import Grade, grade, grade_run
from taskguard.judging.verdict import Outcome
from taskguard.reports.console import Told, print_grade
from taskguard.reports.engine import engine_note
from taskguard.reports.html.page import page_of
from taskguard.reports.html.rendering import render

from tests.unit.judging.batches import whole
from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, without
from tests.unit.judging.reporting import manifest_of

EVENTS = whole(FIRST_TRY, SECOND_TRY, DEAD)
FIFO = "tasks.fifo is a FIFO queue"
LIMITS = (
    EngineLimit(behaviour="fifo-groups-at-once", uses=FIFO, checks=("backoff", "never_early")),
    EngineLimit(behaviour="fifo-dead-letter-has-run", uses=FIFO, checks=("backoff", "dead_letter_log")),
)
LIMITED = manifest_of(engine_limits=LIMITS)


def outcomes(graded: Grade) -> dict[str, Outcome]:
    return {each.check: each.outcome for each in graded.verdicts}


def judged(events: list[Event], manifest: Manifest = LIMITED) -> Grade:
    return grade_run(History(events), manifest)


@pytest.mark.parametrize(
    ("events", "before"),
    [(EVENTS, Outcome.PASS), (without(EVENTS, DeadLetterLogged), Outcome.FAIL)],
    ids=["a pass", "a fail"],
)
def test_what_hangs_on_it_is_unknown_and_the_rest_is_as_it_was(events: list[Event], before: Outcome) -> None:
    plain, limited = grade(History(events), EXPECTED), judged(events)
    assert outcomes(plain)["dead_letter_log"] is before
    changed = {"backoff": Outcome.UNKNOWN, "dead_letter_log": Outcome.UNKNOWN}
    assert outcomes(limited) == outcomes(plain) | changed
    assert limited.outcome is Outcome.UNKNOWN
    for one, other in zip(plain.verdicts, limited.verdicts, strict=True):
        assert one == other or one.check in changed


def test_it_says_why_before_all_else_that_was_found() -> None:
    plain = next(e for e in grade(History(without(EVENTS, DeadLetterLogged)), EXPECTED).verdicts if e.findings)
    verdict = next(e for e in judged(without(EVENTS, DeadLetterLogged)).verdicts if e.check == plain.check)
    assert verdict.findings[0].message.startswith(
        f"{FIFO}, and there the engine does not do as AWS documents (fifo-dead-letter"
    )
    assert verdict.findings[1:] == plain.findings


def test_without_limits_a_run_is_judged_as_before() -> None:
    assert judged(EVENTS, manifest_of()) == grade(History(EVENTS), EXPECTED)


def test_a_guarantee_under_faults_may_hang_on_it_as_well() -> None:
    faulty = manifest_of(faults=("kill when=after",), fault_seed="f-1")
    plain = outcomes(judged(EVENTS, faulty))
    limited = outcomes(judged(EVENTS, manifest_of(faults=("kill when=after",), fault_seed="f-1", engine_limits=LIMITS)))
    assert plain["never_early"] is Outcome.PASS
    assert limited == plain | {"never_early": Outcome.UNKNOWN}


def test_the_manifest_keeps_it_and_one_of_before_has_none(tmp_path: Path) -> None:
    LIMITED.write(tmp_path / "manifest.json")
    assert Manifest.read(tmp_path / "manifest.json") == LIMITED
    assert manifest_of().engine_limits == ()


def test_console_and_report_warn() -> None:
    said = engine_note(LIMITED)
    assert said.count(FIFO) == 1
    assert "(fifo-groups-at-once, fifo-dead-letter-has-run)" in said
    assert said.endswith("unknown: backoff, never_early, dead_letter_log.")
    assert engine_note(manifest_of()) == ""
    file = io.StringIO()
    print_grade(Console(file=file, width=200), judged(EVENTS), History(EVENTS), Told(notes=(said,)))
    assert file.getvalue().startswith(f"{said}\n\n")
    assert said in render(page_of(judged(EVENTS), History(EVENTS), LIMITED))
    assert FIFO not in render(page_of(judged(EVENTS, manifest_of()), History(EVENTS), manifest_of()))
