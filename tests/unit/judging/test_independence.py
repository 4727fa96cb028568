"""Whether an attempt fails does not depend on others."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace
from taskguard.contract.draws import Fate
from taskguard.contract.terms import Terms
from taskguard.history import AttemptSucceeded, Event, History, TaskSubmitted
from taskguard.judging.grading import grade
from taskguard.judging.verdict import Outcome, Verdict

from tests.terms import our_terms
from tests.unit.judging.batches import Told, in_batches, whole
from tests.unit.judging.building import (
    FIRST_TRY,
    SECOND_TRY,
    UNSEEDED,
    holds,
    judge,
    missing,
    run,
    the,
    with_the_other_outcome,
)

LIST_OF_TEN = "F..F...F.."


def fates(outcomes: str) -> list[Fate]:
    return [SECOND_TRY if outcome == "F" else FIRST_TRY for outcome in outcomes]


def independence(events: list[Event], terms: Terms = UNSEEDED) -> Verdict:
    return judge("independence", events, terms)


def by_chance(seed: int, count: int) -> str:
    chance = random.Random(seed)
    return "".join("F" if chance.random() < 0.3 else "." for _ in range(count))


def failed_tests(verdict: Verdict) -> str:
    assert verdict.outcome is Outcome.FAIL, verdict
    return "\n".join(finding.message for finding in verdict.findings)


@pytest.mark.parametrize("seed", range(8))
def test_what_chance_makes_passes(seed: int) -> None:
    verdict = independence(in_batches(run(*fates(by_chance(seed, 60))), 5))
    assert verdict.outcome is Outcome.PASS, verdict
    assert "submission: p = " in verdict.observed
    assert "batch: p = " in verdict.observed


def test_failures_that_come_together_fail() -> None:
    told = failed_tests(independence(run(*fates("." * 10 + "F" * 10 + "." * 10))))
    assert (
        "in order of submission neighbours share their fate: 10 failures among 30 first attempts stand in 1 group"
        in told
    )
    assert "in order of delivery neighbours share their fate" in told


def test_failures_that_avoid_each_other_fail() -> None:
    assert "neighbours avoid each other's fate" in failed_tests(independence(run(*fates("F." * 20))))


def test_a_list_that_is_read_again_and_again_fails() -> None:
    told = failed_tests(independence(run(*fates(LIST_OF_TEN * 6))))
    for order in ("submission", "delivery"):
        assert (
            f"in order of {order} first attempts repeat what came 10 before: of 9 with a failure, 9 are followed by "
            "another one at that distance"
        ) in told


def test_a_list_by_which_tasks_are_submitted_is_found_though_they_are_delivered_in_another_order() -> None:
    events = run(*fates(LIST_OF_TEN * 6))
    late = random.Random(1)
    by_task = {event.task_id: late.uniform(0, 30_000) for event in events if isinstance(event, TaskSubmitted)}
    delivered = [
        replace(event, at_ms=event.at_ms + by_task[event.task_id]) if isinstance(event, Told) else event
        for event in events
    ]
    told = failed_tests(independence(delivered))
    assert "in order of submission first attempts repeat what came 10 before" in told
    assert "in order of delivery first attempts repeat" not in told


def test_failures_that_are_decided_for_a_batch_fail_and_show_one() -> None:
    batches = "".join(each * 5 for each in by_chance(3, 8))
    verdict = independence(in_batches(run(*fates(batches)), 5))
    told = next(each for each in verdict.findings if "delivered together share their fate" in each.message)
    assert verdict.outcome is Outcome.FAIL
    assert "in 8 of 8 batches all or none have a failure" in told.message
    assert len(told.events) >= 10


def test_it_says_nothing_of_the_rate() -> None:
    assert independence(run(*fates("".join(random.Random(2).sample("F" * 24 + "." * 6, 30))))).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("outcomes", "count"), [("F.FF...", "3 failures among 7"), ("." * 26 + "FFFF", "4 failures among 30")]
)
def test_with_too_little_to_tell_an_order_it_holds_vacuously(outcomes: str, count: str) -> None:
    verdict = independence(run(*fates(outcomes)))
    assert verdict.is_hollow
    assert verdict.observed == f"vacuous: with {count} first attempts, no order could tell"


def test_few_tasks_are_no_excuse_for_evidence_that_is_missing() -> None:
    verdict = independence([*run(*fates("F.FF...")), missing("AttemptFailed")])
    assert verdict.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("tasks", [1, 2, 5, 20])
def test_a_sound_run_of_few_tasks_passes_without_a_seed(tasks: int) -> None:
    some = [FIRST_TRY, SECOND_TRY, FIRST_TRY, FIRST_TRY, SECOND_TRY] * 4
    graded = grade(History(whole(*some[:tasks])), our_terms(seed=None))
    assert [each for each in graded.verdicts if not holds(each)] == []
    assert all(holds(each) for each in graded.verdicts)


def test_five_failures_of_thirty_are_enough() -> None:
    assert independence(run(*fates("." * 25 + "FFFFF"))).outcome is Outcome.FAIL


@pytest.mark.parametrize(("rate", "outcome"), [(0.0, "."), (1.0, "F")])
def test_where_nothing_is_left_to_chance_it_holds_vacuously(rate: float, outcome: str) -> None:
    verdict = independence(run(*fates(outcome * 5)), our_terms(rate=rate))
    assert (verdict.outcome, verdict.observed) == (
        Outcome.PASS, f"vacuous: at a rate of {rate:g} nothing is left to chance"
    )  # fmt: skip


def test_missing_evidence_excuses_a_strange_order() -> None:
    assert independence([*run(*fates("." * 20 + "F" * 10)), missing("AttemptFailed")]).outcome is Outcome.UNKNOWN


def test_with_a_seed_it_holds_by_the_draws_whatever_their_order() -> None:
    verdict = judge("independence", run(*fates("." * 20 + "F" * 10)))
    assert verdict.outcome is Outcome.PASS
    assert verdict.observed == "40 of 40 attempts as drawn, whatever became of others"


def test_a_contradicted_draw_is_unknown_and_never_a_fail_by_itself() -> None:
    events = run(*fates(by_chance(1, 30)))
    verdict = judge("independence", with_the_other_outcome(events, the(events, AttemptSucceeded)))
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.findings[-1].message == (
        "1 attempt came out otherwise than drawn, so the draws do not vouch for them"
    )


def test_contradicted_draws_that_come_in_batches_fail() -> None:
    events = in_batches(run(*fates("." * 40)), 5)
    for succeeded in [e for e in events if isinstance(e, AttemptSucceeded) and e.delivery_id in ("batch-2", "batch-5")]:
        events = with_the_other_outcome(events, succeeded)
    told = failed_tests(judge("independence", events))
    assert "all or none have a contradicted draw" in told


def test_what_depends_on_how_messages_were_batched_is_kept_apart() -> None:
    events = run(*fates(by_chance(1, 30)))
    together, alone = judge("independence", in_batches(events, 5)), judge("independence", events)
    assert (together.observed, together.figures) == (alone.observed, alone.figures)
    assert "p_value_batch_failure" in independence(events).measured
