"""First attempts fail as drawn, or at the rate."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest
from taskguard.history import AttemptFailed, AttemptSucceeded, Delivered, RunEnded, TaskSubmitted
from taskguard.judging.verdict import Outcome

from tests.unit.judging.batches import whole
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    OF_ANY_QUEUE,
    SECOND_TRY,
    THIRD_TRY,
    UNSEEDED,
    altered,
    holds,
    judge,
    missing,
    run,
    the,
    with_the_other_outcome,
    without,
)

CHECK = "first_failure_rate"


def test_an_outcome_against_its_draw_fails_and_names_the_task() -> None:
    events = run(FIRST_TRY, SECOND_TRY)
    succeeded = the(events, AttemptSucceeded)
    verdict = judge(CHECK, with_the_other_outcome(events, succeeded))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.findings[0].task_id == succeeded.task_id
    assert f"task {succeeded.task_id}: attempt 1 failed, and its draw 0." in verdict.findings[0].message
    assert verdict.findings[0].message.endswith("against the rate 0.3 says it should succeed")


def test_what_the_test_would_have_found_is_told() -> None:
    verdict = judge(CHECK, run(*[SECOND_TRY] * 9, *[FIRST_TRY] * 21), UNSEEDED)
    assert verdict.figures["finds_below_and_above"] == [0.0179, 0.6924]
    assert verdict.observed.endswith("a rate below 0.018 or above 0.69 would have been found with 90% probability")


@pytest.mark.parametrize(("failures", "outcome"), [(0, Outcome.FAIL), (9, Outcome.PASS), (25, Outcome.FAIL)])
def test_without_a_seed_the_rate_is_tested(failures: int, outcome: Outcome) -> None:
    events = run(*[SECOND_TRY] * failures, *[FIRST_TRY] * (30 - failures))
    verdict = judge(CHECK, events, UNSEEDED)
    assert verdict.outcome is outcome
    assert verdict.figures["first_failures"] == failures
    interval = binomtest(failures, 30, 0.3).proportion_ci(0.999, method="exact")
    assert verdict.figures["interval"] == [round(interval.low, 6), round(interval.high, 6)]
    assert f"interval {interval.low:.3f} to {interval.high:.3f}" in verdict.observed


@pytest.mark.parametrize("failures", [0, 2, 5])
def test_without_a_seed_too_few_tasks_hold_vacuously(failures: int) -> None:
    events = run(*[SECOND_TRY] * failures, *[FIRST_TRY] * (5 - failures))
    verdict = judge(CHECK, events, UNSEEDED)
    assert verdict.is_hollow
    assert verdict.observed == "vacuous: 5 first attempts are too few to tell any rate from another"
    assert verdict.figures["first_failures"] == failures


def test_with_a_seed_few_tasks_are_enough() -> None:
    assert judge(CHECK, run(FIRST_TRY, SECOND_TRY)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("tasks", "left_out", "outcome"),
    [(30, 0, Outcome.FAIL), (30, 2, Outcome.UNKNOWN), (60, 3, Outcome.FAIL), (60, 12, Outcome.UNKNOWN)],
)
@pytest.mark.parametrize("told", [False, True], ids=["not told", "told"])
def test_a_strange_rate_fails_only_when_it_is_one_whatever_became_of_those_left_out(
    tasks: int, left_out: int, outcome: Outcome, told: bool
) -> None:
    events = run(*[FIRST_TRY] * tasks)
    gone = [event for event in events if isinstance(event, AttemptSucceeded)][:left_out]
    notes = [missing("AttemptSucceeded", "AttemptFailed")] if told else []
    verdict = judge(CHECK, [*without(events, *gone), *notes], UNSEEDED)
    assert verdict.outcome is outcome
    assert verdict.figures["first_attempts"] == tasks - left_out
    if outcome is Outcome.UNKNOWN:
        assert verdict.findings[0].message.endswith(f"but {left_out} tasks not seen in full may make up for it")


def test_tasks_with_duplicates_and_those_never_delivered_are_left_out_too() -> None:
    events = run(*[FIRST_TRY] * 30)
    never, twice = (the(events, TaskSubmitted, number) for number in range(2))
    gone = [event for event in events if getattr(event, "delivery_id", "").startswith(f"message-of-{never.task_id}-")]
    again = [
        altered(event, message_id="another", delivery_id="another")
        for event in events
        if isinstance(event, (Delivered, AttemptSucceeded)) and event.task_id == twice.task_id
    ]
    verdict = judge(CHECK, [*without(events, *gone), *again], UNSEEDED)
    assert verdict.outcome is Outcome.UNKNOWN
    assert "but 2 tasks not seen in full may make up for it" in verdict.findings[0].message


def test_a_strange_rate_is_unknown_when_tasks_may_have_gone_unseen() -> None:
    events = run(*[FIRST_TRY] * 60)
    assert judge(CHECK, [*events, missing("TaskSubmitted")], UNSEEDED).outcome is Outcome.UNKNOWN
    assert judge(CHECK, without(events, RunEnded), UNSEEDED).outcome is Outcome.UNKNOWN


def test_where_retries_are_new_messages_a_strange_rate_is_unknown_when_deliveries_may_have_gone_unseen() -> None:
    events = [*run(*[SECOND_TRY] * 30), missing("Delivered")]
    assert judge(CHECK, events, UNSEEDED).outcome is Outcome.FAIL
    renewed = [
        altered(event, message_id=f"message-{event.receive_count}", receive_count=1)
        if hasattr(event, "receive_count")
        else event
        for event in events
    ]
    assert judge(CHECK, renewed, UNSEEDED).outcome is Outcome.UNKNOWN


def test_nothing_observed_is_unknown() -> None:
    events = without(run(FIRST_TRY, DEAD), Delivered, AttemptFailed, AttemptSucceeded)
    for terms in (EXPECTED, UNSEEDED):
        assert judge(CHECK, events, terms).outcome is Outcome.UNKNOWN


def test_an_outcome_not_seen_is_unknown() -> None:
    verdict = judge(CHECK, without(run(FIRST_TRY), AttemptSucceeded))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "attempt 1 was delivered, and its outcome was not seen" in verdict.findings[0].message


def test_a_retry_as_a_new_message_is_the_next_attempt() -> None:
    events = [
        altered(event, message_id=f"message-{event.receive_count}", receive_count=1)
        if hasattr(event, "receive_count")
        else event
        for event in whole(SECOND_TRY, THIRD_TRY)
    ]
    for check in OF_ANY_QUEUE:
        assert holds(judge(check, events)), check
