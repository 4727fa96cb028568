"""What is answered to whom hands in a task is true, and what is accepted is delivered at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from taskguard.contract.contract import Api, Weight
from taskguard.contract.terms import Terms
from taskguard.history import ConsumersOff, Delivered, Event, HeldUp, TaskSubmitted
from taskguard.judging.verdict import Outcome, Verdict

from tests.terms import demanding
from tests.unit.judging.building import EXPECTED, FIRST_TRY, changed, judge, missing, run, the, without

EVENTS = run(FIRST_TRY)
SUBMITTED = the(EVENTS, TaskSubmitted)
TASK = SUBMITTED.task_id
DUE_MS = SUBMITTED.answered_ms


def ingress(events: list[Event], terms: Terms = EXPECTED) -> Verdict:
    return judge("ingress", events, terms)


def with_api(**demands: Any) -> Terms:
    return msgspec.structs.replace(EXPECTED, contract=demanding(api=Api(**demands)))


def late_by(seconds: float) -> list[Event]:
    """The run, with its first delivery so long after the answer."""
    return changed(EVENTS, the(EVENTS, Delivered), at_ms=DUE_MS + seconds * 1000)


def test_a_run_whose_answers_are_true_passes_and_says_how_late_is_allowed() -> None:
    verdict = ingress(EVENTS)
    assert (verdict.outcome, verdict.findings) == (Outcome.PASS, ())
    assert verdict.observed == "1 task accepted: 0 at fault"
    assert verdict.expected.endswith("each first delivery at most 7 s after it")


@pytest.mark.parametrize("answered", [None, TASK])
def test_an_answer_without_an_id_or_with_the_one_that_was_sent_passes(answered: str | None) -> None:
    assert ingress(changed(EVENTS, SUBMITTED, answered_id=answered)).outcome is Outcome.PASS


def test_an_answer_of_another_task_fails() -> None:
    verdict = ingress(changed(EVENTS, SUBMITTED, answered_id="another"))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.findings[0].message == f"task {TASK} was handed in, and the answer speaks of task another"


def test_a_first_delivery_within_the_tolerance_passes_and_a_later_one_fails() -> None:
    assert ingress(late_by(7.0)).outcome is Outcome.PASS
    verdict = ingress(late_by(7.5))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.findings[0].message == f"task {TASK} was first delivered 7.5 s after it could be, 7 s is allowed"


@pytest.mark.parametrize(
    ("weight", "outcome", "told"), [("must", Outcome.FAIL, 1), ("advice", Outcome.PASS, 1), ("off", Outcome.PASS, 0)]
)
def test_lateness_counts_as_the_contract_has_it(weight: str, outcome: Outcome, told: int) -> None:
    verdict = ingress(late_by(60), with_api(prompt=Weight(weight)))
    assert (verdict.outcome, len(verdict.findings)) == (outcome, told)


def test_what_had_to_wait_since_the_run_had_switched_the_consumers_off_is_due_when_they_are_on_again() -> None:
    def off(queue: str, until_seconds: float) -> ConsumersOff:
        return ConsumersOff(at_ms=DUE_MS - 100, until_ms=DUE_MS + until_seconds * 1000, queue=queue)  # type: ignore[arg-type]

    assert ingress([*late_by(60), off("work", 53)]).outcome is Outcome.PASS
    assert ingress([*late_by(60), off("work", 52)]).outcome is Outcome.FAIL
    assert ingress([*late_by(60), off("dead-letter", 53)]).outcome is Outcome.FAIL


def test_what_the_engine_was_held_up_for_is_unknown() -> None:
    def held_up(until_seconds: float, **of: str) -> HeldUp:
        return HeldUp(at_ms=DUE_MS, until_ms=DUE_MS + until_seconds * 1000, **of)  # type: ignore[arg-type]

    for held in (held_up(53), held_up(53, queue="work")):
        verdict = ingress([*late_by(60), held])
        assert verdict.outcome is Outcome.UNKNOWN
        assert "the engine itself was held up" in verdict.findings[0].message
    assert ingress([*late_by(60), held_up(52)]).outcome is Outcome.FAIL
    assert ingress([*late_by(60), held_up(60, queue="dead-letter")]).outcome is Outcome.FAIL


@pytest.mark.parametrize(("weight", "outcome"), [("must", Outcome.UNKNOWN), ("advice", Outcome.PASS)])
def test_what_the_engine_explains_leaves_open_only_what_is_demanded(weight: str, outcome: Outcome) -> None:
    held_up = HeldUp(at_ms=DUE_MS, until_ms=DUE_MS + 60_000)
    assert ingress([*late_by(60), held_up], with_api(prompt=Weight(weight))).outcome is outcome


def test_a_delivery_that_was_not_seen_is_for_others_to_tell_and_may_have_been_in_time() -> None:
    assert ingress(without(EVENTS, Delivered)).outcome is Outcome.PASS
    assert ingress([*late_by(60), missing("Delivered")]).outcome is Outcome.UNKNOWN


def refused(status: int, probe: str | None = "text-long") -> list[Event]:
    """The run, with a valid task that was refused."""
    return [*EVENTS, replace(SUBMITTED, task_id="refused", accepted=False, status_code=status, probe=probe)]


@pytest.mark.parametrize(
    ("status", "outcome", "told"),
    [
        (400, Outcome.FAIL, 1),
        (422, Outcome.FAIL, 1),
        (413, Outcome.PASS, 1),
        (429, Outcome.UNKNOWN, 1),
        # No clear answer is for settlement to tell.
        (503, Outcome.PASS, 0),
        (0, Outcome.PASS, 0),
    ],
)
def test_a_probe_that_is_refused(status: int, outcome: Outcome, told: int) -> None:
    verdict = ingress(refused(status))
    assert (verdict.outcome, len(verdict.findings)) == (outcome, told)
    if told:
        assert verdict.findings[0].message == (
            f"task refused, of the probe text-long, is valid and was refused with HTTP {status}"
        )


@pytest.mark.parametrize(
    ("weight", "outcome"), [("must", Outcome.FAIL), ("advice", Outcome.PASS), ("off", Outcome.PASS)]
)
def test_a_refused_probe_counts_as_the_contract_has_it_and_is_told_anyhow(weight: str, outcome: Outcome) -> None:
    verdict = ingress(refused(400), with_api(refuses_invalid=Weight(weight)))
    assert (verdict.outcome, len(verdict.findings)) == (outcome, 1)


def test_who_refuses_no_probe_is_judged_by_settlement_alone() -> None:
    assert ingress(refused(400, None)).outcome is Outcome.PASS
    assert judge("settlement", refused(400, None)).outcome is Outcome.FAIL
    assert judge("settlement", refused(400)).outcome is Outcome.PASS


def test_a_task_that_was_there_already_may_be_refused() -> None:
    again = replace(SUBMITTED, at_ms=SUBMITTED.at_ms + 50, accepted=False, status_code=409, probe="again")
    assert ingress([*EVENTS, again]).outcome is Outcome.PASS
