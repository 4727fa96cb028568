"""Every check, on histories without fault, on histories with holes, and on histories with one thing broken."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    ConfigurationObserved,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    History,
    QueueDepth,
    RecordChanged,
    RecordObserved,
    RunEnded,
    TaskSubmitted,
)
from taskguard.judging.grading import grade
from taskguard.judging.verdict import Outcome

from tests.thoroughness import examples
from tests.unit.judging.batches import in_batches, whole
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    OF_ANY_QUEUE,
    SECOND_TRY,
    THIRD_TRY,
    UNSEEDED,
    altered,
    changed,
    ending,
    holds,
    judge,
    missing,
    run,
    without,
)

MIXED = whole(FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD, FIRST_TRY)
# Enough to tell one rate from another, in an order as chance makes it.
MANY = whole(*random.Random(1).sample([*[FIRST_TRY] * 21, *[SECOND_TRY] * 6, *[THIRD_TRY] * 2, DEAD], 30))
FATES = st.lists(st.sampled_from([FIRST_TRY, FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD]), min_size=1, max_size=6)

NEEDS = {
    "settlement": {"TaskSubmitted", "AttemptSucceeded", "DeadLettered", "QueueDepth", "RunEnded"},
    "effect": {"TaskSubmitted", "Delivered", "AttemptSucceeded", "DeadLettered"},
    "first_failure_rate": {"TaskSubmitted", "Delivered", "AttemptSucceeded", "AttemptFailed"},
    "later_failure_rate": {"TaskSubmitted", "Delivered", "AttemptSucceeded", "AttemptFailed"},
    "independence": {"TaskSubmitted", "Delivered", "AttemptSucceeded", "AttemptFailed"},
    "partial_batches": {"Delivered", "AttemptSucceeded", "AttemptFailed", "BackoffRequested", "DeadLettered"},
    "backoff": {"Delivered", "AttemptFailed", "BackoffRequested", "DeadLettered"},
    "redrive": {"TaskSubmitted", "Delivered", "AttemptSucceeded", "AttemptFailed", "DeadLettered"},
    "dead_letter_log": {
        "TaskSubmitted", "Delivered", "AttemptFailed", "DeadLettered", "DeadLetterLogged", "RecordObserved",
    },
    "record": {
        "TaskSubmitted", "Delivered", "AttemptSucceeded", "AttemptFailed", "BackoffRequested", "DeadLettered",
        "RecordObserved",
    },
    "transitions": {"TaskSubmitted", "Delivered", "RecordChanged"},
    "configuration": {"ConfigurationObserved"},
    "ingress": {"TaskSubmitted", "Delivered"},
    "refusals": {"InvalidSubmitted"},
    "idempotency": {"TaskSubmitted", "Delivered"},
}  # fmt: skip


@pytest.mark.parametrize("check", OF_ANY_QUEUE)
@pytest.mark.parametrize(("events", "terms"), [(MIXED, EXPECTED), (MANY, UNSEEDED)], ids=["seeded", "unseeded"])
def test_a_run_without_fault_passes(check: str, events: list[Event], terms: Any) -> None:
    verdict = judge(check, events, terms)
    assert (verdict.outcome, verdict.findings) == (Outcome.PASS, ())


@pytest.mark.parametrize("check", OF_ANY_QUEUE)
def test_missing_evidence_that_a_check_needs_is_unknown_and_other_evidence_is_not(check: str) -> None:
    for kind in (
        TaskSubmitted, Delivered, AttemptSucceeded, AttemptFailed, BackoffRequested, DeadLettered, DeadLetterLogged,
        RecordObserved, RecordChanged, ConfigurationObserved, QueueDepth, RunEnded,
    ):  # fmt: skip
        verdict = judge(check, [*MIXED, missing(kind.__name__)])
        expected = Outcome.UNKNOWN if kind.__name__ in NEEDS[check] else Outcome.PASS
        assert verdict.outcome is expected, kind
        if expected is Outcome.UNKNOWN:
            assert verdict.findings[-1].message == "evidence missing from the recorder: a damaged line"


@pytest.mark.parametrize("check", OF_ANY_QUEUE)
def test_a_history_without_an_end_is_unknown(check: str) -> None:
    verdict = judge(check, without(MIXED, RunEnded))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "the history has no end" in verdict.findings[-1].message


@pytest.mark.parametrize("check", OF_ANY_QUEUE)
def test_no_accepted_task_is_unknown(check: str) -> None:
    verdict = judge(check, ending([]))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "no task was seen to be accepted" in verdict.findings[0].message


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("backoff", "vacuous: no attempt failed"),
        ("redrive", "vacuous: no message was dead-lettered, and none had to be"),
        ("dead_letter_log", "vacuous: no task was dead-lettered, and none was logged"),
    ],
)
def test_what_gave_nothing_to_judge_is_unknown_and_says_how_to_exercise_it(check: str, words: str) -> None:
    events = run(FIRST_TRY, FIRST_TRY)
    verdict = judge(check, events)
    assert (verdict.outcome, verdict.observed, verdict.exercised) == (Outcome.UNKNOWN, words, False)
    [finding] = verdict.findings
    assert finding.message.startswith(f"not exercised: {words.removeprefix('vacuous: ')}. To exercise it, ")


def test_what_chance_gave_no_occasion_for_holds_vacuously_when_all_was_seen() -> None:
    check, events = "later_failure_rate", run(FIRST_TRY, FIRST_TRY)
    verdict = judge(check, events)
    assert (verdict.outcome, verdict.observed) == (Outcome.PASS, "vacuous: no first attempt failed")
    assert judge(check, without(events, AttemptSucceeded)).outcome is Outcome.UNKNOWN
    assert judge(check, without(events, AttemptSucceeded, Delivered)).outcome is Outcome.UNKNOWN


@given(fates=FATES, late_ms=st.floats(0, 1990))
@settings(max_examples=examples(60), deadline=None)
def test_any_run_without_fault_passes_every_check(fates: list[Any], late_ms: float) -> None:
    graded = grade(History(whole(*fates, late_ms=late_ms)), EXPECTED)
    assert [each for each in graded.verdicts if not holds(each)] == []
    assert all(
        each.outcome is Outcome.PASS for each in graded.verdicts if each.exercised and each.check in OF_ANY_QUEUE
    )
    assert graded.success == fates.count(FIRST_TRY)
    assert graded.failure == len(fates) - fates.count(FIRST_TRY)
    assert graded.dead == fates.count(DEAD)


@given(fates=FATES, data=st.data())
@settings(max_examples=examples(150), deadline=None)
def test_no_run_with_one_event_lost_passes_every_check(fates: list[Any], data: st.DataObject) -> None:
    events = run(*fates)
    lost = data.draw(st.sampled_from(events))
    verdicts = grade(History(without(events, lost)), EXPECTED).verdicts
    assert not all(holds(verdict) for verdict in verdicts)


ALTERATIONS: list[tuple[type[Event], Callable[[Any], dict[str, Any]]]] = [
    (TaskSubmitted, lambda _: {"accepted": False, "status_code": 400}),
    (TaskSubmitted, lambda _: {"payload": {"other": 1}}),
    (TaskSubmitted, lambda _: {"task_id": "someone-else"}),
    (Delivered, lambda e: {"receive_count": e.receive_count + 1}),
    (Delivered, lambda _: {"receive_count": 7}),
    (Delivered, lambda _: {"task_id": "someone-else"}),
    (AttemptSucceeded, lambda _: {"task_id": "someone-else"}),
    (AttemptSucceeded, lambda e: {"receive_count": e.receive_count + 1}),
    (AttemptFailed, lambda _: {"message_id": "another"}),
    (BackoffRequested, lambda e: {"delay_seconds": e.delay_seconds + 1}),
    (BackoffRequested, lambda _: {"accepted": False}),
    (BackoffRequested, lambda e: {"at_ms": e.at_ms + 100, "answered_ms": e.answered_ms + 100}),
    (BackoffRequested, lambda e: {"at_ms": e.at_ms - 3000, "answered_ms": e.answered_ms - 3000}),
    (DeadLettered, lambda e: {"at_ms": e.at_ms - 100}),
    (DeadLettered, lambda e: {"at_ms": e.at_ms + 2500}),
    (DeadLettered, lambda _: {"task_id": "someone-else"}),
    (DeadLettered, lambda _: {"payload": {"of": "another"}}),
    (DeadLetterLogged, lambda _: {"task_id": "someone-else"}),
    (DeadLetterLogged, lambda _: {"fields": {}}),
    (RecordObserved, lambda _: {"status": None}),
    (RecordObserved, lambda _: {"status": "PROCESSING"}),
    (RecordObserved, lambda e: {"attempts": e.attempts[:-1]}),
    (RecordObserved, lambda _: {"payload": {"of": "another"}}),
    (RecordObserved, lambda _: {"task_id": "someone-else"}),
    (Delivered, lambda _: {"payload": {"of": "another"}}),
    (QueueDepth, lambda _: {"in_flight": 1}),
]


@pytest.mark.parametrize(("kind", "alteration"), ALTERATIONS)
def test_no_run_with_one_event_altered_passes_every_check(
    kind: type[Event], alteration: Callable[[Any], dict[str, Any]]
) -> None:
    # Each is handed in once: what is refused at first may be accepted later.
    once = in_batches(run(FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD, FIRST_TRY), 3)
    candidates = [event for event in once if isinstance(event, kind)]
    for event in candidates:
        events = changed(once, event, **alteration(event))
        assert not all(holds(verdict) for verdict in grade(History(events), EXPECTED).verdicts), event


REPEATED_ANEW = (Delivered, AttemptSucceeded, DeadLettered, DeadLetterLogged)


@given(fates=FATES, data=st.data())
@settings(max_examples=examples(60), deadline=None)
def test_no_run_with_something_done_twice_passes_every_check(fates: list[Any], data: st.DataObject) -> None:
    events = run(*fates)
    twice = data.draw(st.sampled_from([event for event in events if isinstance(event, REPEATED_ANEW)]))
    again = altered(twice, **({"delivery_id": "again"} if hasattr(twice, "delivery_id") else {}))
    assert not all(holds(verdict) for verdict in grade(History([*events, again]), EXPECTED).verdicts)


@given(fates=FATES, seed=st.integers())
@settings(max_examples=examples(20), deadline=None)
def test_the_same_delivery_told_twice_changes_nothing(fates: list[Any], seed: int) -> None:
    events = whole(*fates)
    told = [e for e in events if isinstance(e, (Delivered, AttemptSucceeded, AttemptFailed, BackoffRequested))]
    again = replace(random.Random(seed).choice(told))
    repeated, once = grade(History([*events, again]), EXPECTED), grade(History(events), EXPECTED)
    assert repeated.fates == once.fates
    assert repeated.verdicts == once.verdicts or [v.outcome for v in repeated.verdicts] == [
        v.outcome for v in once.verdicts
    ]
    assert all(holds(verdict) for verdict in repeated.verdicts)
