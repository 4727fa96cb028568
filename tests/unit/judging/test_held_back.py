"""A claim that outlasts its attempt stands in the way of the next ones, and that is told where their task died of it."""

from __future__ import annotations

import pytest
from taskguard.history import AttemptFailed, DeadLettered, Delivered

from tests.unit.judging.building import DEAD, FIRST_TRY, judge, run, the
from tests.unit.judging.calling import call

EVENTS = run(DEAD, FIRST_TRY)
DIED = the(EVENTS, DeadLettered).task_id
DELIVERIES = [each.delivery_id for each in EVENTS if isinstance(each, Delivered) and each.task_id == DIED]
REFUSED = "ConditionalCheckFailedException"


def told(*errors: str | None) -> list[str]:
    calls = [
        call(DIED, delivery, status=400 if error else 200, error=error)
        for delivery, error in zip(DELIVERIES, errors, strict=True)
    ]
    assert sum(isinstance(each, AttemptFailed) and each.task_id == DIED for each in EVENTS) == len(errors)
    return [each.message for each in judge("redrive", [*EVENTS, *calls]).findings]


def test_what_a_claim_held_back_is_told_and_fails_nothing() -> None:
    [message] = told(None, REFUSED, REFUSED)
    assert message.startswith("of 1 task that died 2 attempts did nothing but a conditional write, which was refused")


@pytest.mark.parametrize(
    "errors", [(None, None, None), (REFUSED, None, None), (None, "ThrottlingException", None)], ids=str
)
def test_nothing_is_told_of_attempts_that_did_something_or_were_refused_otherwise(
    errors: tuple[str | None, ...],
) -> None:
    assert told(*errors) == []
