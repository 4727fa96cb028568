"""Second and later attempts fail as drawn, or at the rate."""

from __future__ import annotations

import pytest
from taskguard.contract.terms import Terms
from taskguard.history import AttemptFailed, AttemptSucceeded, BackoffRequested, Delivered, TaskSubmitted
from taskguard.judging.verdict import Outcome

from tests.terms import our_terms
from tests.unit.judging.building import (
    DEAD,
    FIRST_TRY,
    SECOND_TRY,
    THIRD_TRY,
    UNSEEDED,
    altered,
    judge,
    missing,
    run,
    the,
    with_the_other_outcome,
    without,
)

CHECK = "later_failure_rate"


def test_a_later_outcome_against_its_draw_fails_and_names_the_task() -> None:
    events = run(FIRST_TRY, THIRD_TRY)
    second = the(events, AttemptFailed, where=lambda event: event.receive_count == 2)
    verdict = judge(CHECK, [*with_the_other_outcome(events, second), missing("Delivered")])
    assert verdict.outcome is Outcome.FAIL
    assert f"task {second.task_id}: attempt 2 succeeded, and its draw 0." in verdict.findings[0].message
    assert judge("first_failure_rate", with_the_other_outcome(events, second)).outcome is Outcome.PASS


def test_a_first_outcome_against_its_draw_is_not_its_business() -> None:
    events = run(FIRST_TRY, SECOND_TRY)
    assert judge(CHECK, with_the_other_outcome(events, the(events, AttemptSucceeded))).outcome is not Outcome.FAIL


def test_with_a_seed_what_was_drawn_is_counted() -> None:
    verdict = judge(CHECK, run(FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD))
    assert verdict.observed == "3 of 5 later attempts failed, a rate of 0.600; 5 of 5 as drawn"
    assert verdict.figures["attempts_compared"] == 5


@pytest.mark.parametrize(
    ("fates", "outcome"),
    [
        ([SECOND_TRY] * 9, Outcome.PASS),
        ([SECOND_TRY] * 30, Outcome.FAIL),
        ([SECOND_TRY] * 21 + [THIRD_TRY] * 6 + [DEAD] * 3, Outcome.PASS),
        ([DEAD] * 9, Outcome.FAIL),
        ([DEAD] * 3, Outcome.FAIL),
    ],
    ids=["few", "none fails", "as it should be", "all fail", "the fewest that can tell"],
)
def test_without_a_seed_the_rate_is_tested(fates: list[object], outcome: Outcome) -> None:
    verdict = judge(CHECK, run(*fates, FIRST_TRY), UNSEEDED)  # type: ignore[arg-type]
    assert verdict.outcome is outcome, verdict.findings
    if outcome is Outcome.FAIL:
        assert "at a rate of 0.3 something as unlikely happens with probability" in verdict.findings[0].message


def test_what_the_test_would_have_found_is_told() -> None:
    verdict = judge(CHECK, run(*[SECOND_TRY] * 30), UNSEEDED)
    assert verdict.figures["finds_below_and_above"] == [0.0173, 0.6278]
    assert "a rate below 0.017 or above 0.63 would have been found with 90% probability" in verdict.observed


def test_with_too_few_failed_first_attempts_it_holds_vacuously() -> None:
    verdict = judge(CHECK, run(SECOND_TRY, DEAD, *[FIRST_TRY] * 28), UNSEEDED)
    assert verdict.is_hollow
    assert verdict.observed == "vacuous: 2 failed first attempts, too few to tell any later rate from another"


@pytest.mark.parametrize("terms", [UNSEEDED, our_terms(rate=0.0)], ids=["at 0.3", "at 0"])
def test_without_a_failed_first_attempt_it_holds_vacuously(terms: Terms) -> None:
    verdict = judge(CHECK, run(*[FIRST_TRY] * 5), terms)
    assert (verdict.outcome, verdict.observed) == (Outcome.PASS, "vacuous: no first attempt failed")


def test_with_one_receive_allowed_there_are_no_later_attempts() -> None:
    once = our_terms(receives=1)
    events = [event for event in run(*[DEAD] * 9) if getattr(event, "receive_count", 1) == 1]
    assert judge(CHECK, events, once).outcome is Outcome.PASS


def test_a_failed_task_that_was_not_attempted_again_is_unknown() -> None:
    events = run(*[SECOND_TRY] * 9)
    gone = [e for e in events if getattr(e, "receive_count", 0) == 2]
    task_id = the(events, Delivered).task_id
    for terms in (UNSEEDED, our_terms(seed="a seed")):
        verdict = judge(CHECK, without(events, *gone), terms)
        assert verdict.outcome is Outcome.UNKNOWN
        expected = f"task {task_id}: attempt 1 failed, and no outcome of another one was seen"
        assert verdict.findings[0].message == expected


@pytest.mark.parametrize("kind", ["BackoffRequested", "AttemptSucceeded"])
def test_a_strange_rate_fails_when_all_was_seen_although_something_else_was_not(kind: str) -> None:
    assert judge(CHECK, [*run(*[DEAD] * 9), missing(kind)], UNSEEDED).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("dead", "first", "left_out", "outcome"),
    [
        (9, 1, 1, Outcome.FAIL),
        (9, 2, 3, Outcome.FAIL),
        (4, 1, 4, Outcome.UNKNOWN),
    ],
)
@pytest.mark.parametrize("told", [False, True], ids=["not told", "told"])
def test_a_strange_rate_fails_only_when_it_is_one_whatever_became_of_those_left_out(
    dead: int, first: int, left_out: int, outcome: Outcome, told: bool
) -> None:
    """Of some tasks the outcomes from attempt ``first`` on were not seen."""
    events = run(*[DEAD] * (dead + left_out))
    task_ids = [event.task_id for event in events if isinstance(event, TaskSubmitted)][:left_out]
    gone = [
        event
        for event in events
        if isinstance(event, AttemptFailed) and event.task_id in task_ids and event.receive_count >= first
    ]
    notes = [missing("AttemptSucceeded", "AttemptFailed")] if told else []
    verdict = judge(CHECK, [*without(events, *gone), *notes], UNSEEDED)
    assert verdict.outcome is outcome, verdict.findings
    if outcome is Outcome.UNKNOWN:
        assert f"{left_out} tasks not seen in full may make up for it" in verdict.findings[0].message


@pytest.mark.parametrize(("tasks", "cut_off", "outcome"), [(60, 1, Outcome.FAIL), (30, 8, Outcome.UNKNOWN)])
def test_a_later_rate_that_is_too_low_may_be_made_up_for_by_attempts_that_were_not_seen(
    tasks: int, cut_off: int, outcome: Outcome
) -> None:
    events = run(*[SECOND_TRY] * tasks)
    gone = [event for event in events if isinstance(event, AttemptSucceeded)][:cut_off]
    verdict = judge(CHECK, without(events, *gone), UNSEEDED)
    assert verdict.outcome is outcome
    if outcome is Outcome.UNKNOWN:
        assert "but 8 tasks not seen in full may make up for it" in verdict.findings[0].message


def test_failed_tasks_of_which_none_was_attempted_again_accuse_no_rate() -> None:
    events = run(*[SECOND_TRY] * 30)
    gone = [event for event in events if getattr(event, "receive_count", 0) == 2]
    assert judge(CHECK, without(events, *gone), UNSEEDED).outcome is Outcome.UNKNOWN


def test_an_attempt_delivered_twice_counts_once() -> None:
    events = run(*[DEAD] * 9)
    kinds = (Delivered, AttemptFailed, BackoffRequested)
    from_now_on = [e for e in events if isinstance(e, kinds) and e.receive_count == 3]
    verdict = judge(
        CHECK, [*events, *(altered(e, delivery_id=f"{e.delivery_id} again") for e in from_now_on)], UNSEEDED
    )
    assert verdict.figures["later_attempts"] == 18
