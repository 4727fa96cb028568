"""A dead-lettered task that an operator put back to work is to end once more."""

from __future__ import annotations

from taskguard.history import AttemptSucceeded, DeadLettered, Delivered, Event, Redriven
from taskguard.judging.checks import CHECKS
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import DEAD, FIRST_TRY, judge, run

MINUTE_MS = 60_000.0


def dead_task() -> tuple[list[Event], DeadLettered]:
    events = run(DEAD, FIRST_TRY)
    return events, next(event for event in events if isinstance(event, DeadLettered))


def second_life(dead: DeadLettered, message_id: str = "second", after_ms: float = MINUTE_MS) -> list[Event]:
    """A delivery and a success, in a new message."""
    at_ms = dead.at_ms + after_ms
    of = {"task_id": dead.task_id, "message_id": message_id, "receive_count": 1, "delivery_id": f"d-{message_id}"}
    return [
        Delivered(at_ms=at_ms, payload=dead.payload, **of),  # type: ignore[arg-type]
        AttemptSucceeded(at_ms=at_ms + 10, **of),  # type: ignore[arg-type]
    ]


def redriven(dead: DeadLettered, after_ms: float = 1000.0) -> Redriven:
    return Redriven(at_ms=dead.at_ms + after_ms, task_id=dead.task_id or "")


def test_a_task_that_died_was_redriven_and_completed_has_settled() -> None:
    events, dead = dead_task()
    verdict = judge("settlement", [*events, redriven(dead), *second_life(dead)])
    assert verdict.outcome is Outcome.PASS
    assert verdict.figures == {"accepted": 2, "completed": 2, "dead": 0, "unsettled": 0}


def test_a_task_that_died_again_after_it_was_redriven_has_settled() -> None:
    events, dead = dead_task()
    again = DeadLettered(at_ms=dead.at_ms + 9000, task_id=dead.task_id, message_id="second", payload=dead.payload)
    verdict = judge("settlement", [*events, redriven(dead), second_life(dead, after_ms=5000)[0], again])
    assert verdict.outcome is Outcome.PASS
    assert verdict.figures["dead"] == 1


def test_without_word_of_a_redrive_the_same_is_no_pass() -> None:
    events, dead = dead_task()
    assert judge("settlement", [*events, *second_life(dead)]).outcome is not Outcome.PASS


def test_a_redriven_task_that_never_ends_again_is_lost() -> None:
    events, dead = dead_task()
    verdict = judge("settlement", [*events, redriven(dead)])
    assert verdict.outcome is Outcome.FAIL
    assert "neither completed nor dead-lettered" in verdict.findings[0].message


def test_a_task_that_dies_twice_after_one_redrive_is_at_fault() -> None:
    events, dead = dead_task()
    deaths = [
        DeadLettered(at_ms=dead.at_ms + at, task_id=dead.task_id, message_id="second", payload=dead.payload)
        for at in (8000, 9000)
    ]
    verdict = judge("effect", [*events, redriven(dead), *deaths])
    assert verdict.outcome is Outcome.FAIL
    assert "dead-lettered 2 times" in verdict.findings[0].message


def test_a_task_that_was_redriven_without_having_died_is_at_fault() -> None:
    events, dead = dead_task()
    verdict = judge("effect", [*events, redriven(dead, after_ms=-1000.0)])
    assert verdict.outcome is Outcome.FAIL
    assert "had not been dead-lettered" in verdict.findings[0].message


def test_a_redriven_task_in_more_messages_than_needed_is_in_doubt() -> None:
    # A duplicate that is dropped is acknowledged, as if it had done the work.
    events, dead = dead_task()
    more = [*second_life(dead), *second_life(dead, "third", 2 * MINUTE_MS)]
    for check in ("settlement", "effect"):
        assert judge(check, [*events, redriven(dead), *more]).outcome is Outcome.UNKNOWN


def test_no_check_accuses_a_redriven_task() -> None:
    events, dead = dead_task()
    for check in CHECKS:
        verdict = judge(check, [*events, redriven(dead), *second_life(dead)])
        assert verdict.outcome is not Outcome.FAIL, (check, verdict.findings)
