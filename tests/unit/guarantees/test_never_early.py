"""No message whose backoff was granted came back before it, but where that was done on purpose."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from taskguard.history import BackoffRequested, DeadLettered, Delivered, Event
from taskguard.judging.verdict import Outcome

from tests.unit.guarantees.faulty import judged, messages, on_its_way, receive, struck
from tests.unit.judging.building import DEAD, changed, missing, run, the

GUARANTEE = "never_early"
EVENTS = run(DEAD)
REQUEST = the(EVENTS, BackoffRequested, 1)
TASK = REQUEST.task_id or ""
SECOND, THIRD = receive(EVENTS, TASK, 2), receive(EVENTS, TASK, 3)


# Two processes have the delivery that was granted the backoff; this one lets go of the message.
TWIN = replace(SECOND, delivery_id="twin")
LETTING_GO = replace(
    REQUEST,
    delivery_id="twin",
    at_ms=REQUEST.answered_ms + 100,
    answered_ms=REQUEST.answered_ms + 110,
    delay_seconds=0.0,
)


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


@pytest.mark.parametrize("line", ["twice", "again", "run-out", "stale-handle", "late seconds=95", "reorder seconds=95"])
@pytest.mark.parametrize("delivered", [SECOND, THIRD], ids=["the one before", "that very one"])
def test_a_delivery_that_a_fault_handed_out_early_is_excused(line: str, delivered: Delivered) -> None:
    verdict = judged(GUARANTEE, [*third_after(1), on_its_way(line, delivered)])
    assert verdict.outcome is Outcome.PASS
    assert verdict.measured["early_on_purpose"] == 1


def test_a_fault_at_another_delivery_or_of_another_kind_excuses_nothing() -> None:
    first = receive(EVENTS, TASK, 1)
    strangers = [on_its_way("twice", first), on_its_way("lose", THIRD), struck("kill when=after", SECOND)]
    strangers += [on_its_way("late seconds=2", SECOND), struck("slow when=before seconds=5", SECOND)]
    for stranger in (*strangers, on_its_way("twice", THIRD, function="dead-letter")):
        assert judged(GUARANTEE, [*third_after(1), stranger]).outcome is Outcome.FAIL


def test_a_request_that_was_refused_grants_nothing() -> None:
    events = changed(third_after(1), REQUEST, accepted=False)
    assert judged(GUARANTEE, events).outcome is Outcome.PASS


def test_a_later_request_of_the_same_delivery_takes_the_place_of_an_earlier_one() -> None:
    later = replace(REQUEST, at_ms=REQUEST.at_ms + 500, answered_ms=REQUEST.answered_ms + 500, delay_seconds=1.0)
    assert judged(GUARANTEE, [*third_after(2), later]).outcome is Outcome.PASS
    assert judged(GUARANTEE, [*third_after(1.4), later]).outcome is Outcome.FAIL


def test_what_was_under_way_before_the_request_did_not_come_back() -> None:
    twin = replace(SECOND, delivery_id="twin", at_ms=SECOND.at_ms + 1)
    assert judged(GUARANTEE, [*EVENTS, twin]).outcome is Outcome.PASS


def test_a_delivery_that_was_refused_and_asks_for_nothing_but_the_message_s_return_fails() -> None:
    events = [*third_after(0.4), TWIN, LETTING_GO]
    told = messages(GUARANTEE, events, Outcome.FAIL)
    assert told.splitlines()[0].startswith(f"task {TASK} was granted 10 s at receive 2, and 0.1")
    assert "another delivery (receive 2) had it come back in 0 s" in told
    # Whether the message then came is luck.
    assert judged(GUARANTEE, [*EVENTS, TWIN, LETTING_GO]).outcome is Outcome.FAIL
    assert judged(GUARANTEE, [*events, missing("Delivered")]).outcome is Outcome.UNKNOWN
    assert judged(GUARANTEE, [*EVENTS, TWIN, replace(LETTING_GO, accepted=False)]).outcome is Outcome.PASS


@pytest.mark.parametrize("line", ["twice", "again", "run-out", "stale-handle", "late seconds=95"])
def test_a_fault_that_handed_a_message_out_early_excuses_no_request(line: str) -> None:
    events = [*third_after(0.4), TWIN, LETTING_GO, on_its_way(line, SECOND), on_its_way(line, THIRD)]
    assert judged(GUARANTEE, events).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("throttle when=before every-try", Outcome.PASS),
        ("refuse when=before", Outcome.PASS),
        ("throttle when=before", Outcome.FAIL),
        ("kill when=after", Outcome.FAIL),
        ("garbage", Outcome.FAIL),
    ],
)
def test_who_could_not_be_told_that_it_was_overtaken_is_excused(line: str, outcome: Outcome) -> None:
    kept_in_the_dark = struck(line, TWIN, call="UpdateItem")
    events = [*third_after(0.4), TWIN, LETTING_GO]
    assert judged(GUARANTEE, [*events, kept_in_the_dark, on_its_way("run-out", SECOND)]).outcome is outcome
    assert judged(GUARANTEE, [*events, kept_in_the_dark]).outcome is Outcome.FAIL


def test_a_request_by_another_delivery_that_shortens_nothing_is_fine() -> None:
    longer = replace(LETTING_GO, delay_seconds=10.0)
    assert judged(GUARANTEE, [*third_after(10.5), TWIN, longer]).outcome is Outcome.PASS
    due = replace(LETTING_GO, at_ms=REQUEST.at_ms + 10_000, answered_ms=REQUEST.at_ms + 10_010)
    assert judged(GUARANTEE, [*EVENTS, TWIN, due]).outcome is Outcome.PASS


def test_a_delivery_that_came_back_too_early_by_a_fault_may_ask_for_a_backoff_of_its_own() -> None:
    own = the(EVENTS, BackoffRequested, 2)
    early = third_after(1)
    asked = changed(early, own, at_ms=REQUEST.at_ms + 1100, answered_ms=REQUEST.at_ms + 1110, delay_seconds=5.0)
    assert judged(GUARANTEE, [*asked, on_its_way("run-out", SECOND)]).outcome is Outcome.PASS
    told = messages(GUARANTEE, asked, Outcome.FAIL)
    assert "came back (receive 3) 1 s after" in told
    assert "another delivery" not in told


def test_two_requests_at_once_are_judged_by_what_came_of_them() -> None:
    at_once = replace(LETTING_GO, at_ms=REQUEST.at_ms, answered_ms=REQUEST.answered_ms)
    assert judged(GUARANTEE, [*EVENTS, TWIN, at_once]).outcome is Outcome.PASS
    assert judged(GUARANTEE, [*third_after(1), TWIN, at_once]).outcome is Outcome.FAIL


@pytest.mark.parametrize(("line", "outcome"), [("slow when=before seconds=20", Outcome.PASS), (None, Outcome.FAIL)])
def test_a_request_of_an_earlier_delivery_that_landed_late_is_excused_if_it_was_held_up(
    line: str | None, outcome: Outcome
) -> None:
    first, asked = receive(EVENTS, TASK, 1), the(EVENTS, BackoffRequested, 0)
    landed_ms = REQUEST.answered_ms + 100
    events = changed(third_after(6), asked, answered_ms=landed_ms)
    held_up = [] if line is None else [struck(line, first, call="ChangeMessageVisibility")]
    assert judged(GUARANTEE, [*events, *held_up]).outcome is outcome


@pytest.mark.parametrize("line", ["late seconds=95", "reorder seconds=95"])
def test_a_delivery_that_was_held_back_until_a_later_one_had_its_backoff_did_not_come_back(line: str) -> None:
    first = receive(EVENTS, TASK, 1)
    events = changed(EVENTS, first, at_ms=REQUEST.at_ms + 5000)
    assert judged(GUARANTEE, [*events, on_its_way(line, first)]).outcome is Outcome.PASS
