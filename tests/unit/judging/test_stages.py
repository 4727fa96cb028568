"""Of a pipeline of several stages one is judged: who ended before it is not held against it, and that there are others is said."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from taskguard.history import (
    DeadLettered,
    Delivered,
    Event,
    History,
    OnEarlierStage,
    OtherStage,
    QueueDepth,
    RunEnded,
    TaskSubmitted,
)
from taskguard.judging.grading import grade
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, altered, judge, run, the

EVENTS = run(FIRST_TRY, SECOND_TRY, DEAD)
LOST = the(EVENTS, TaskSubmitted).task_id or ""
NEVER_CAME = [event for event in EVENTS if getattr(event, "task_id", None) != LOST or isinstance(event, TaskSubmitted)]
"""The first of the tasks was accepted, and not seen again."""


def earlier(outcome: str) -> OnEarlierStage:
    at_ms = the(EVENTS, TaskSubmitted).at_ms + 20
    return OnEarlierStage(at_ms=at_ms, task_id=LOST, message_id="a", queue="Checks", outcome=outcome)  # type: ignore[arg-type]


def outcomes(events: list[Event]) -> dict[str, Outcome]:
    return {verdict.check: verdict.outcome for verdict in grade(History(events), EXPECTED).verdicts}


def test_a_task_that_died_before_it_came_is_settled_and_said_so() -> None:
    verdict = judge("settlement", [*NEVER_CAME, earlier("dead-lettered")])
    assert (verdict.outcome, verdict.findings) == (Outcome.PASS, ())
    assert verdict.observed == "3 tasks accepted: 1 completed, 1 dead-lettered, 1 at an earlier stage, 0 unsettled"


@pytest.mark.parametrize("check", ["backoff", "redrive", "partial_batches", "settlement"])
def test_it_leaves_no_other_check_open(check: str) -> None:
    assert outcomes(NEVER_CAME)[check] is not Outcome.PASS
    assert outcomes([*NEVER_CAME, earlier("dead-lettered")])[check] is outcomes(EVENTS)[check]


@pytest.mark.parametrize(("outcome", "expected"), [("acknowledged", Outcome.UNKNOWN), ("sent on", Outcome.FAIL)])
def test_one_that_was_acknowledged_before_is_unknown_and_one_that_was_sent_on_is_lost(
    outcome: str, expected: Outcome
) -> None:
    assert judge("settlement", [*NEVER_CAME, earlier(outcome)]).outcome is expected


def test_what_happened_before_excuses_nothing_of_a_task_that_came() -> None:
    delivered = the(EVENTS, Delivered)
    unended = [event for event in EVENTS if getattr(event, "task_id", None) != LOST or event in (delivered,)]
    submitted = the(EVENTS, TaskSubmitted)
    found = judge("settlement", [submitted, *unended, earlier("dead-lettered")])
    assert found.outcome is Outcome.FAIL


def test_a_first_delivery_is_late_from_the_moment_at_which_it_was_sent_on() -> None:
    first = the(EVENTS, Delivered)
    on = earlier("sent on")
    late = [
        altered(event, at_ms=event.at_ms + 60_000)
        if getattr(event, "task_id", None) == LOST and not isinstance(event, TaskSubmitted)
        else event
        for event in EVENTS
    ]
    last = max(event.at_ms for event in late)
    late = [altered(event, at_ms=last + 5000) if isinstance(event, (QueueDepth, RunEnded)) else event for event in late]
    assert judge("ingress", late).outcome is Outcome.FAIL
    assert judge("ingress", [*late, replace(on, at_ms=first.at_ms + 59_990)]).outcome is Outcome.PASS
    assert judge("ingress", [*late, on]).outcome is Outcome.FAIL, "it was on its way from there for a minute"


def test_that_tasks_come_to_a_stage_that_is_not_judged_is_said() -> None:
    at_ms = the(EVENTS, DeadLettered).at_ms
    stage = OtherStage(at_ms=at_ms, queue="shop-Shipments-1X", logical_id="Shipments", consumers=("ship",))
    verdict = judge("settlement", [*EVENTS, stage])
    assert verdict.outcome is Outcome.PASS
    [finding] = verdict.findings
    assert 'grade with work_queue = "Shipments", below [service] in taskguard.toml' in finding.message
