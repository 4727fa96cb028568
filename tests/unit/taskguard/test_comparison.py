"""Two histories of one run are compared event by event: what is the same, and each way in which they may differ."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.contract.draws import Fate
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    EvidenceMissing,
    History,
    QueueDepth,
    RecordObserved,
    RunEnded,
    TaskSubmitted,
)

from tests.comparison import differences, times_apart_ms
from tests.thoroughness import examples
from tests.unit.judging.building import DEAD, FIRST_TRY, SECOND_TRY, altered, changed, missing, run, the, without

EVENTS = run(FIRST_TRY, SECOND_TRY, DEAD)
fates = st.lists(st.sampled_from([FIRST_TRY, SECOND_TRY, Fate(2), DEAD]), max_size=5)


def compare(one: list[Event], other: list[Event], tolerance_ms: float = 10.0) -> list[str]:
    found = differences(History(one), History(other), tolerance_ms=tolerance_ms)
    # Whichever is asked first, as much differs.
    assert len(differences(History(other), History(one), tolerance_ms=tolerance_ms)) == len(found)
    return found


@settings(deadline=None, derandomize=True, max_examples=examples(30))
@given(fates=fates, late=st.floats(-10, 10), order=st.randoms())
def test_what_is_the_same_but_for_the_clocks_is_the_same(fates: list[Fate], late: float, order: Any) -> None:
    events = run(*fates)
    other = [altered(event, at_ms=event.at_ms + late) for event in events]
    order.shuffle(other)
    assert compare(events, other, tolerance_ms=10.5) == []
    assert times_apart_ms(History(events), History(other)) == pytest.approx(abs(late) if fates else 0.0, abs=0.01)


OF_THE_PIPELINE = [
    TaskSubmitted,
    Delivered,
    AttemptSucceeded,
    AttemptFailed,
    BackoffRequested,
    DeadLettered,
    DeadLetterLogged,
    RecordObserved,
]


@pytest.mark.parametrize("kind", OF_THE_PIPELINE)
def test_an_event_that_only_one_has_is_named(kind: type[Event]) -> None:
    event = the(EVENTS, kind)
    [difference] = compare(EVENTS, without(EVENTS, event))
    assert kind.__name__ in difference
    assert str(getattr(event, "task_id", None)) in difference
    assert difference.endswith("1 in one, 0 in the other")


def test_an_event_that_one_has_twice_is_named() -> None:
    [difference] = compare(EVENTS, [*EVENTS, altered(the(EVENTS, DeadLettered))])
    assert difference.endswith("1 in one, 2 in the other")


@pytest.mark.parametrize("kind", [kind for kind in OF_THE_PIPELINE if kind is not RecordObserved])
def test_another_time_is_named_beyond_the_tolerance(kind: type[Event]) -> None:
    event = the(EVENTS, kind)
    [difference] = compare(EVENTS, changed(EVENTS, event, at_ms=event.at_ms - 10.1))
    assert "at_ms differs by" in difference
    assert "10.1 ms" in difference
    assert compare(EVENTS, changed(EVENTS, event, at_ms=event.at_ms - 9.9)) == []


def test_another_answer_s_time_is_named() -> None:
    asked = the(EVENTS, BackoffRequested)
    [difference] = compare(EVENTS, changed(EVENTS, asked, answered_ms=asked.answered_ms + 500))
    assert "answered_ms differs by" in difference


def test_records_may_be_read_at_any_time() -> None:
    record = the(EVENTS, RecordObserved)
    later = changed(EVENTS, record, at_ms=record.at_ms + 60_000)
    assert compare(EVENTS, later) == []
    assert times_apart_ms(History(EVENTS), History(later)) == 0.0


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (TaskSubmitted, {"accepted": False}),
        (TaskSubmitted, {"status_code": 500}),
        (Delivered, {"payload": {"another": 1}}),
        (BackoffRequested, {"delay_seconds": 4.0}),
        (BackoffRequested, {"accepted": False}),
        (DeadLettered, {"payload": None}),
        (DeadLetterLogged, {"fields": {}}),
        (RecordObserved, {"status": "PENDING"}),
        (RecordObserved, {"attempts": ()}),
        (RecordObserved, {"last_error": "another"}),
    ],
)
def test_another_value_is_named(kind: type[Event], changes: dict[str, Any]) -> None:
    [difference] = compare(EVENTS, changed(EVENTS, the(EVENTS, kind), **changes))
    [(name, value)] = changes.items()
    assert kind.__name__ in difference
    assert f"{name} is " in difference
    assert repr(value) in difference


@pytest.mark.parametrize("payload", [{"n": 1.0}, {"n": True}])
def test_what_python_calls_equal_is_not_the_same_payload(payload: Any) -> None:
    event = the(EVENTS, Delivered)
    assert len(compare(changed(EVENTS, event, payload={"n": 1}), changed(EVENTS, event, payload=payload))) == 1


@pytest.mark.parametrize("changes", [{"message_id": "m"}, {"task_id": "t"}, {"receive_count": 9}, {"delivery_id": "d"}])
def test_another_identity_is_another_event(changes: dict[str, Any]) -> None:
    found = compare(EVENTS, changed(EVENTS, the(EVENTS, Delivered), **changes))
    assert sorted(each.rsplit(": ", 1)[1] for each in found) == ["0 in one, 1 in the other", "1 in one, 0 in the other"]


def test_a_failure_may_be_told_in_other_words() -> None:
    assert compare(EVENTS, changed(EVENTS, the(EVENTS, AttemptFailed), reason="in other words")) == []


def test_success_and_failure_are_not_the_same() -> None:
    success = the(EVENTS, AttemptSucceeded)
    fields = {
        name: getattr(success, name) for name in ("at_ms", "task_id", "message_id", "receive_count", "delivery_id")
    }
    failure = AttemptFailed(**fields, reason="no")
    assert len(compare(EVENTS, [*without(EVENTS, success), failure])) == 2


def test_how_the_run_was_watched_is_not_compared() -> None:
    watched = without(EVENTS, QueueDepth, RunEnded)
    assert compare(EVENTS, [*watched, missing("Delivered")]) == []
    assert any(isinstance(event, EvidenceMissing) for event in [*watched, missing("Delivered")])


def test_histories_of_nothing_are_the_same() -> None:
    assert compare([], []) == []
    assert times_apart_ms(History(), History(EVENTS)) == 0.0
