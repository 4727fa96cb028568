"""What a function did not wait for, though it was done."""

from __future__ import annotations

from typing import Any

import pytest
from taskguard.history import AttemptSucceeded, Called
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import FIRST_TRY, SECOND_TRY, judge, run, the
from tests.unit.judging.calling import call, with_work

EVENTS = with_work(run(FIRST_TRY, FIRST_TRY, SECOND_TRY))
DONE = the(EVENTS, AttemptSucceeded)


def left(**changes: Any) -> Called:
    at_ms = DONE.at_ms + 1
    return call(DONE.task_id, DONE.delivery_id, **{"at_ms": at_ms, "answered_ms": at_ms, "left": True, **changes})


def test_it_may_never_be_done_on_lambda_and_is_told_once_for_each_task() -> None:
    verdict = judge("settlement", [*EVENTS, left(), left(operation="UpdateItem"), left(operation="UpdateItem")])
    assert verdict.outcome is Outcome.FAIL
    assert [finding.task_id for finding in verdict.findings] == [DONE.task_id] * 2
    assert verdict.findings[0].message == (
        f"task {DONE.task_id}: worker answered without waiting for dynamodb.PutItem on results. Lambda freezes a function that has answered, "
        "so this may be done late or never"
    )


@pytest.mark.parametrize("changes", [{"left": False}, {"guessed": True}, {"status": 500}, {"task_ids": ()}])
def test_what_was_waited_for_came_to_nothing_or_may_be_of_no_task_is_not_told(changes: dict[str, Any]) -> None:
    assert judge("settlement", [*EVENTS, left(**changes)]).outcome is Outcome.PASS
