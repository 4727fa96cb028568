"""A dead-lettered task that an operator put back to work is to end once more."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.contract.contract import Attempts, Contract
from taskguard.contract.dialect import Dialect, RecordWords
from taskguard.contract.terms import Terms
from taskguard.history import (
    REPORTED,
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    Delivered,
    Event,
    History,
    RecordChanged,
    RecordObserved,
    Redriven,
)
from taskguard.judging.checks import CHECKS
from taskguard.judging.checks.asked import as_deployed
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, changed, judge, run, the

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


def test_a_redriven_task_that_never_ends_again_is_told_as_that() -> None:
    events, dead = dead_task()
    [finding] = judge("settlement", [*events, redriven(dead)]).findings
    assert "was neither completed nor dead-lettered again after it had been put back" in finding.message


def test_a_redriven_task_that_is_completed_twice_is_told_as_that() -> None:
    events, dead = dead_task()
    [_, success] = second_life(dead)
    again = replace(success, delivery_id="once more", receive_count=2, at_ms=success.at_ms + 50)
    verdict = judge("effect", [*events, redriven(dead), *second_life(dead), again])
    assert verdict.outcome is Outcome.FAIL
    assert "put back to work, was completed 2 times" in verdict.findings[0].message


def test_a_redriven_task_that_was_only_acknowledged_is_told_by_its_record() -> None:
    events, dead = dead_task()
    record = the(events, RecordObserved, where=lambda each: each.task_id == dead.task_id)
    read_later = changed(events, record, at_ms=dead.at_ms + 2 * MINUTE_MS)
    verdict = judge("record", [*read_later, redriven(dead), *second_life(dead)])
    assert verdict.outcome is Outcome.FAIL
    assert (
        verdict.findings[0].message == f"task {dead.task_id} was completed after it had been put back; its record says "
        "DEAD_LETTER, expected COMPLETED"
    )


def test_both_lives_of_a_redriven_task_are_judged_for_their_waits() -> None:
    events, dead = dead_task()
    assert judge("backoff", [*events, redriven(dead), *second_life(dead)]).outcome is Outcome.PASS
    first = the(events, BackoffRequested, where=lambda each: each.task_id == dead.task_id)
    wrong = changed(events, first, delay_seconds=4.0)
    assert judge("backoff", [*wrong, redriven(dead), *second_life(dead)]).outcome is Outcome.FAIL


def test_a_record_without_a_word_for_it_leaves_its_final_state_once_for_each_redrive() -> None:
    words = RecordWords(key="id", status="state", completed=("DONE",), dead=("GIVEN_UP",))
    terms = Terms(contract=Contract(), dialect=Dialect(record=words))
    events, dead = dead_task()
    kept = [event for event in events if not isinstance(event, (RecordChanged, RecordObserved))]

    def changes(*states: str) -> list[Event]:
        return [
            RecordChanged(
                at_ms=dead.at_ms + number * MINUTE_MS,
                within_ms=0,
                task_id=dead.task_id or "",
                number=number,
                status=state,
                written_at_ms=None,
                attempt=0,
                outcome=None,
            )
            for number, state in enumerate(states, 1)
        ]

    lives = changes("WORKING", "GIVEN_UP", "WORKING", "DONE")
    assert judge("transitions", [*kept, redriven(dead), *lives], terms).outcome is not Outcome.FAIL
    assert judge("transitions", [*kept, *lives], terms).outcome is Outcome.FAIL
    too_often = changes("WORKING", "GIVEN_UP", "WORKING", "GIVEN_UP", "WORKING")
    assert judge("transitions", [*kept, redriven(dead), *too_often], terms).outcome is Outcome.FAIL


LIVES = 3


def put_back(by: str | None) -> list[Event]:
    """A task that died, was put back and died again, so that it had three attempts in each of its lives."""
    events, dead = dead_task()
    lived = list(events)
    for number in range(1, LIVES):
        ms, message_id = number * MINUTE_MS, f"life-{number}"
        lived.append(replace(redriven(dead, ms - 1000), by=by))
        for receive in (1, 2, 3):
            of = {
                "task_id": dead.task_id,
                "message_id": message_id,
                "receive_count": receive,
                "delivery_id": f"{message_id}-{receive}",
            }
            at_ms = dead.at_ms + ms + 1000 * receive
            lived.append(Delivered(at_ms=at_ms, payload=dead.payload, **of))  # type: ignore[arg-type]
            lived.append(AttemptFailed(at_ms=at_ms + 10, reason=REPORTED, **of))  # type: ignore[arg-type]
        lived.append(replace(dead, at_ms=dead.at_ms + ms + 5000, message_id=message_id))
    return lived


@pytest.mark.parametrize(
    ("by", "most", "outcome"),
    [(None, 3, Outcome.PASS), ("undertaker", 3, Outcome.FAIL), ("undertaker", "as-deployed", Outcome.PASS)],
)
def test_a_service_that_puts_its_dead_back_has_as_many_attempts_as_the_stack_says_for_each_message(
    by: str | None, most: Any, outcome: Outcome
) -> None:
    terms = replace(EXPECTED, contract=replace(EXPECTED.contract, attempts=Attempts(most=most)))
    verdict = judge("effect", put_back(by), as_deployed(terms, History(put_back(by))))
    assert verdict.outcome is outcome
    if outcome is Outcome.FAIL:
        [finding] = verdict.findings
        assert (
            "was put back to work 2 times by undertaker, which consumes the dead letters: 9 attempts in all, 3 are"
            in finding.message
        )


def test_who_put_a_task_back_that_never_ends_again_is_named() -> None:
    events, dead = dead_task()
    [finding] = judge("settlement", [*events, replace(redriven(dead), by="undertaker")]).findings
    assert "again after it had been put back 1 time by undertaker" in finding.message
