"""A task carried by several messages: which of them did the work cannot be told, so that is never a fail by itself."""

from __future__ import annotations

from typing import Any

import pytest
from taskguard.history import AttemptFailed, AttemptSucceeded, Delivered, Event, TaskSubmitted
from taskguard.judging.checks import CHECKS
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import DEAD, FIRST_TRY, SECOND_TRY, THIRD_TRY, altered, judge, run, the

UNKNOWN = ("settlement", "effect", "record", "first_failure_rate", "later_failure_rate", "independence")
FATES = {"first try": FIRST_TRY, "second try": SECOND_TRY, "third try": THIRD_TRY, "dead": DEAD}


def with_duplicate(events: list[Event], *, at_ms: float, receives: int = 1) -> list[Event]:
    """The events, and a second message of the first task, that its consumer acknowledged the ``receives``-th time."""
    task, delivery = the(events, TaskSubmitted), the(events, Delivered)
    assert delivery.task_id == task.task_id
    of: Any = {"task_id": task.task_id, "message_id": "duplicate"}
    more: list[Event] = []
    for number in range(1, receives + 1):
        each = of | {"receive_count": number, "delivery_id": f"of-duplicate-{number}"}
        now = delivery.at_ms + at_ms + 100 * number
        more.append(altered(delivery, at_ms=now, **each))
        outcome: Any = AttemptSucceeded(at_ms=now + 5, **each)
        more.append(outcome if number == receives else AttemptFailed(at_ms=now + 5, reason="busy", **each))
    return [*events, *more]


@pytest.mark.parametrize("check", UNKNOWN)
@pytest.mark.parametrize("at_ms", [1.0, 60_000.0], ids=["meanwhile", "later"])
@pytest.mark.parametrize("fate", FATES)
def test_an_acknowledged_duplicate_is_unknown(fate: str, at_ms: float, check: str) -> None:
    verdict = judge(check, with_duplicate(run(FATES[fate]), at_ms=at_ms))
    assert verdict.outcome is Outcome.UNKNOWN, verdict.findings
    assert any("was sent in several messages" in finding.message for finding in verdict.findings)


@pytest.mark.parametrize("check", UNKNOWN)
@pytest.mark.parametrize("fate", FATES)
def test_a_duplicate_that_was_received_several_times_is_unknown(fate: str, check: str) -> None:
    verdict = judge(check, with_duplicate(run(FATES[fate]), at_ms=1.0, receives=2))
    assert verdict.outcome is Outcome.UNKNOWN, verdict.findings


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("at_ms", [1.0, 60_000.0], ids=["meanwhile", "later"])
@pytest.mark.parametrize("fate", FATES)
def test_no_check_fails_for_an_acknowledged_duplicate(fate: str, at_ms: float, check: str) -> None:
    verdict = judge(check, with_duplicate(run(FATES[fate], FIRST_TRY), at_ms=at_ms))
    assert verdict.outcome is not Outcome.FAIL, verdict.findings
