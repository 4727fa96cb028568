"""Each fault of the plan struck at least once; else the run says nothing about it."""

from __future__ import annotations

from taskguard.faults.plan import Plan, parse
from taskguard.history import Event, FaultInjected, History
from taskguard.judging.guarantees import guarantees_under
from taskguard.judging.verdict import Outcome, Verdict

from tests.unit.guarantees.faulty import fault, judged
from tests.unit.judging.building import DEAD, EXPECTED, START_MS, missing, run

EVENTS = run(DEAD)
PLAN = Plan(seed="s", faults=parse("kill-first rate=2%; lose; lose"))


def judged_under(plan: Plan, *faults: FaultInjected | Event) -> Verdict:
    return guarantees_under(plan)["faults_met"](History([*EVENTS, *faults]), EXPECTED)


def struck(line: str) -> FaultInjected:
    """As the plan's own line would be told."""
    (planned,) = parse(line)
    return fault(str(planned), START_MS)


def test_a_fault_that_was_never_met_is_unknown_and_named() -> None:
    verdict = judged_under(PLAN, struck("lose"), struck("lose"))
    assert (verdict.outcome, verdict.observed) == (Outcome.UNKNOWN, "1 of 2 faults met")
    assert [finding.message for finding in verdict.findings] == ["the fault `kill-first rate=0.02` was never met"]


def test_a_plan_whose_faults_were_all_met_passes() -> None:
    verdict = judged_under(PLAN, struck("lose"), struck("kill-first rate=2%"))
    assert verdict.outcome is Outcome.PASS
    assert verdict.measured == {"injections": 2}


def test_another_line_of_the_same_kind_is_another_fault() -> None:
    assert judged_under(PLAN, struck("lose"), struck("kill-first rate=3%")).outcome is Outcome.UNKNOWN


def test_without_a_plan_nothing_can_be_told() -> None:
    assert judged("faults_met", [*EVENTS, struck("lose")]).outcome is Outcome.UNKNOWN


def test_it_never_fails() -> None:
    assert judged_under(PLAN, missing("FaultInjected")).outcome is Outcome.UNKNOWN
