"""No message whose backoff was granted came back before it, but where that was done on purpose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.history import BackoffRequested, DeadLettered, Delivered, Event
from harness.verdict import Outcome
from tests.unit.guarantees.faulty import judged, messages, on_its_way, receive, struck
from tests.unit.judging.building import DEAD, changed, missing, run, the

GUARANTEE = "never_early"
EVENTS = run(DEAD)
REQUEST = the(EVENTS, BackoffRequested, 1)
TASK = REQUEST.task_id or ""
SECOND, THIRD = receive(EVENTS, TASK, 2), receive(EVENTS, TASK, 3)


def third_after(seconds: float) -> list[Event]:
    """The third receive so many seconds after the second one's backoff of 10 s was asked for."""
    return changed(EVENTS, THIRD, at_ms=REQUEST.at_ms + seconds * 1000)


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(9.999, Outcome.FAIL), (10.0, Outcome.PASS), (10.5, Outcome.PASS), (99.0, Outcome.PASS)]
)
def test_early_fails_and_late_does_not(seconds: float, outcome: Outcome) -> None:
    assert judged(GUARANTEE, third_after(seconds)).outcome is outcome


def test_what_came_early_is_told_whatever_evidence_is_missing() -> None:
    expected = (
        f"task {TASK} came back (receive 3) 9 s after it was granted 10 s at receive 2, and no fault handed it out"
    )
    assert messages(GUARANTEE, [*third_after(9), missing("Delivered")], Outcome.FAIL).splitlines()[0] == expected


def test_an_early_arrival_in_the_dead_letter_queue_fails() -> None:
    died = the(EVENTS, DeadLettered)
    events = changed(EVENTS, died, at_ms=died.at_ms - 1000)
    assert f"task {TASK} reached the dead-letter queue 19.0" in messages(GUARANTEE, events, Outcome.FAIL)


@pytest.mark.parametrize("line", ["twice", "again", "run-out", "stale-handle"])
@pytest.mark.parametrize("delivered", [SECOND, THIRD], ids=["the one before", "that very one"])
def test_a_delivery_that_a_fault_handed_out_early_is_excused(line: str, delivered: Delivered) -> None:
    verdict = judged(GUARANTEE, [*third_after(1), on_its_way(line, delivered)])
    assert verdict.outcome is Outcome.PASS
    assert verdict.measured["early_on_purpose"] == 1


def test_a_fault_at_another_delivery_or_of_another_kind_excuses_nothing() -> None:
    first = receive(EVENTS, TASK, 1)
    strangers = [on_its_way("twice", first), on_its_way("lose", THIRD), struck("kill when=after", SECOND)]
    for stranger in (*strangers, on_its_way("twice", THIRD, function="dead-letter")):
        assert judged(GUARANTEE, [*third_after(1), stranger]).outcome is Outcome.FAIL


def test_a_request_that_was_refused_grants_nothing() -> None:
    events = changed(third_after(1), REQUEST, accepted=False)
    assert judged(GUARANTEE, events).outcome is Outcome.PASS


def test_a_later_request_takes_the_place_of_an_earlier_one() -> None:
    later = replace(REQUEST, at_ms=REQUEST.at_ms + 500, answered_ms=REQUEST.answered_ms + 500, delay_seconds=1.0)
    assert judged(GUARANTEE, [*third_after(2), later]).outcome is Outcome.PASS
    assert judged(GUARANTEE, [*third_after(1.4), later]).outcome is Outcome.FAIL


def test_what_was_under_way_before_the_request_did_not_come_back() -> None:
    twin = replace(SECOND, delivery_id="twin", at_ms=SECOND.at_ms + 1)
    assert judged(GUARANTEE, [*EVENTS, twin]).outcome is Outcome.PASS
