"""Each change of a task's record is legal and in order, and a final state is never left."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from taskguard.contract.dialect import RecordWords
from taskguard.contract.terms import Terms
from taskguard.history import AttemptSucceeded, Delivered, Event, HeldUp, RecordChanged, RecordObserved, Redriven
from taskguard.judging.verdict import Outcome

from tests.terms import our_terms
from tests.thoroughness import examples
from tests.unit.guarantees.faulty import struck
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    altered,
    changed,
    judge,
    missing,
    run,
    the,
    without,
)
from tests.unit.judging.calling import call

EVENTS = run(SECOND_TRY, DEAD, FIRST_TRY)
TASK = the(EVENTS, RecordObserved, where=lambda record: len(record.attempts) == 2).task_id
DIED = the(EVENTS, RecordObserved, where=lambda record: record.status == "DEAD_LETTER").task_id


def change(number: int, task_id: str = TASK) -> RecordChanged:
    return the(EVENTS, RecordChanged, where=lambda each: each.task_id == task_id and each.number == number)


def after(last: RecordChanged, status: str | None, **changes: Any) -> RecordChanged:
    """One more change, a second after another."""
    at_ms = last.at_ms + 1000
    one_more = {"number": last.number + 1, "status": status, "at_ms": at_ms, "written_at_ms": at_ms, **changes}
    return replace(last, **one_more)


def messages(events: list[Event], outcome: Outcome = Outcome.FAIL, expected: Terms = EXPECTED) -> list[str]:
    verdict = judge("transitions", events, expected)
    assert verdict.outcome is outcome, verdict
    return [finding.message for finding in verdict.findings]


@pytest.mark.parametrize(
    ("number", "status", "words"),
    [
        (1, "RETRYING", "its record went from no status to RETRYING, which is no legal change"),
        (2, "RETRYING", "its record went from PENDING to RETRYING, which is no legal change"),
        (2, "COMPLETED", "its record went from PENDING to COMPLETED, which is no legal change"),
        (3, "PENDING", "its record went from PROCESSING to PENDING, which is no legal change"),
        (3, "LOST", "its record went from PROCESSING to LOST, which is no legal change"),
        (3, None, "its record was removed when it was PROCESSING"),
        (1, "", "its record was begun without a status"),
        (3, "", "its record was left, when it was PROCESSING, without a status"),
        (3, "COMPLETED", "its record was COMPLETED, which is final, and was left for PROCESSING"),
    ],
)
def test_a_change_that_is_not_legal_fails(number: int, status: str | None, words: str) -> None:
    assert f"task {TASK}: {words}" in messages(changed(EVENTS, change(number), status=status))


def test_a_record_that_the_consumer_stored_begins_with_its_first_attempt() -> None:
    others = [each for each in EVENTS if each is not change(1)]
    stored = [
        replace(each, number=each.number - 1) if isinstance(each, RecordChanged) and each.task_id == TASK else each
        for each in others
    ]
    assert messages(stored, Outcome.PASS) == []


def test_a_claim_that_is_on_its_way_while_the_task_is_stored_may_be_written_before_that_but_not_before_the_creation() -> (
    None
):
    created, claimed = change(1), change(2)
    late = changed(EVENTS, created, at_ms=claimed.at_ms - 1)
    claimed = replace(claimed, written_at_ms=claimed.at_ms - 9)
    assert messages(changed(late, change(2), written_at_ms=claimed.written_at_ms), Outcome.PASS) == []
    assert created.written_at_ms is not None
    before = changed(late, change(2), written_at_ms=created.written_at_ms - 6)
    assert "before it was changed to PENDING, which came first" in messages(before)[0]


@pytest.mark.parametrize("status", ["RETRYING", "COMPLETED", "PROCESSING", "PENDING", "DEAD_LETTER"])
def test_a_completed_record_is_never_written_again(status: str) -> None:
    left = "written again" if status == "COMPLETED" else f"left for {status}"
    found = messages([*EVENTS, after(change(5), status, attempt=3)])
    assert found[0] == f"task {TASK}: its record was COMPLETED, which is final, and was {left}"


def test_a_change_of_something_else_that_the_record_has_is_none() -> None:
    last = change(5)
    counted = replace(last, number=6, at_ms=last.at_ms + 1000)
    assert messages([*EVENTS, counted], Outcome.PASS) == []
    left = after(counted, "PENDING", attempt=3)
    assert f"task {TASK}: its record was COMPLETED, which is final, and was left for PENDING" in messages(
        [*EVENTS, counted, left]
    )


def test_only_an_operator_puts_a_dead_task_back_and_once_for_each_time() -> None:
    last = change(8, DIED)
    assert last.status == "DEAD_LETTER"
    anew = [after(last, "PENDING", attempt=0, outcome=None)]
    anew.append(after(anew[-1], "DEAD_LETTER", attempt=0, outcome=None))
    operator = Redriven(at_ms=last.at_ms + 500, task_id=DIED)
    assert messages([*EVENTS, *anew]) == [
        f"task {DIED}: its record went from DEAD_LETTER to PENDING, and no operator was seen to do so"
    ]
    assert messages([*EVENTS, *anew, operator], Outcome.PASS) == []
    again = after(anew[-1], "PENDING")
    assert len(messages([*EVENTS, *anew, again, operator])) == 1
    assert messages([*EVENTS, *anew, missing("Redriven")], Outcome.UNKNOWN)


def test_an_attempt_without_a_word_is_followed_by_the_next_one() -> None:
    silent = change(3)
    later = [replace(change(n), number=n - 1) for n in (4, 5)]
    events = [*without(EVENTS, silent, change(4), change(5)), *later]
    assert messages(events, Outcome.PASS) == []


@pytest.mark.parametrize(
    ("number", "attempt", "words"),
    [
        (4, 1, "was changed to PROCESSING for attempt 1 after attempt 1"),
        (3, 2, "was changed to RETRYING by attempt 2, and the attempt under way was 1"),
        (2, 7, "was changed to PROCESSING for attempt 7, of which no delivery was seen"),
    ],
)
def test_attempts_that_contradict_one_another_or_the_deliveries_fail(number: int, attempt: int, words: str) -> None:
    assert f"task {TASK}: its record {words}" in messages(changed(EVENTS, change(number), attempt=attempt))


def test_a_delivery_that_may_not_have_been_seen_excuses() -> None:
    events = without(EVENTS, the(EVENTS, Delivered, where=lambda e: e.task_id == TASK and e.receive_count == 2))
    assert "attempt 2, of which no delivery was seen" in messages(events)[0]
    assert messages([*events, missing("Delivered")], Outcome.UNKNOWN)


def test_an_attempt_that_began_before_its_delivery_fails() -> None:
    early = change(2)
    found = messages(changed(EVENTS, early, at_ms=early.at_ms - 10, written_at_ms=early.at_ms - 10.5))
    assert found == [f"task {TASK}: its record was changed to PROCESSING for attempt 1 0.007 s before its delivery"]


def test_a_time_ahead_of_the_change_fails_beyond_the_clocks_tolerance() -> None:
    one = change(5)
    assert messages(changed(EVENTS, one, written_at_ms=one.at_ms + 4.9), Outcome.PASS) == []
    found = messages(changed(EVENTS, one, written_at_ms=one.at_ms + 3_600_000))
    assert found == [f"task {TASK}: its record says that it was changed to COMPLETED 3600 s later than it was"]
    tolerant = our_terms(EXPECTED.seed, clock_ms=3_600_000)
    assert messages(changed(EVENTS, one, written_at_ms=one.at_ms + 3_600_000), Outcome.PASS, tolerant) == []


def test_a_time_before_the_change_before_fails() -> None:
    one, before = change(4), change(3)
    found = messages(changed(EVENTS, one, written_at_ms=before.at_ms - 100))
    assert found == [
        f"task {TASK}: its record says that it was changed to PROCESSING 0.1 s before it was changed to RETRYING, "
        "which came first"
    ]


def test_a_store_that_tells_the_second_alone_is_given_that_second() -> None:
    rounded = [
        altered(each, at_ms=each.at_ms // 1000 * 1000, within_ms=1000.0) if isinstance(each, RecordChanged) else each
        for each in EVENTS
    ]
    assert messages(rounded, Outcome.PASS) == []


def test_the_stores_order_counts_whatever_its_clock_says() -> None:
    one = change(5)
    events = [*without(EVENTS, one), altered(one, at_ms=change(4).at_ms, written_at_ms=change(4).written_at_ms)]
    assert messages(events, Outcome.PASS) == []


def test_what_was_not_seen_is_unknown() -> None:
    assert messages(without(EVENTS, RecordChanged), Outcome.UNKNOWN) == [
        "no change of any record was seen: the pipeline keeps none, or its store does not tell"
    ]
    of_task = [event for event in EVENTS if isinstance(event, RecordChanged) and event.task_id == TASK]
    assert messages(without(EVENTS, *of_task), Outcome.UNKNOWN) == [f"task {TASK}: no change of its record was seen"]
    assert messages(without(EVENTS, change(3)), Outcome.UNKNOWN) == [
        f"task {TASK}: not every change of its record was seen"
    ]
    assert messages(without(EVENTS, change(5)), Outcome.UNKNOWN) == [
        f"task {TASK}: its record was read as COMPLETED, and no change to that was seen"
    ]


def test_first_changes_that_may_be_gone_excuse_the_first_move_and_no_other() -> None:
    headless = [
        altered(each, number=each.number - 1) if isinstance(each, RecordChanged) and each.task_id == TASK else each
        for each in without(EVENTS, change(1))
    ]
    assert messages([*headless, missing("RecordChanged")], Outcome.UNKNOWN)
    overwritten = after(change(5), "RETRYING")
    assert messages([*EVENTS, overwritten, missing("RecordChanged")])[0].endswith("was left for RETRYING")


def test_a_record_that_tells_of_no_attempts_is_judged_by_its_moves() -> None:
    events = [altered(e, attempt=0, outcome=None) if isinstance(e, RecordChanged) else e for e in EVENTS]
    assert messages(events, Outcome.PASS) == []


STATUS_ALONE = RecordWords(key="taskId", status="status", completed=("COMPLETED",), dead=("DEAD_LETTER",))
"""What a run learns of a record that tells of no attempts."""


def completed_late(by_ms: float, *beside: Event, only: bool = False) -> list[Event]:
    """Records that tell of their status alone, and of one task's completion so long after its success; as its ``only`` change, or its last."""
    ended = the(EVENTS, AttemptSucceeded, where=lambda event: event.task_id == TASK)
    events = [altered(e, attempt=0, outcome=None) if isinstance(e, RecordChanged) else e for e in EVENTS]
    *before, last = (each for each in events if isinstance(each, RecordChanged) and each.task_id == TASK)
    number, at_ms = 1 if only else last.number, ended.at_ms + by_ms
    late = changed(events, last, number=number, at_ms=at_ms, written_at_ms=at_ms)
    return [*without(late, *(before if only else ())), *beside]


def by_status(events: list[Event], outcome: Outcome) -> list[str]:
    terms = replace(EXPECTED, dialect=replace(EXPECTED.dialect, record=STATUS_ALONE))
    return messages(events, outcome, terms)


@pytest.mark.parametrize("only", [False, True])
def test_that_a_task_is_completed_is_written_soon_after_its_success_whatever_else_a_record_tells(only: bool) -> None:
    assert by_status(completed_late(17_000.0, only=only), Outcome.PASS) == []
    [found] = by_status(completed_late(50_000.0, only=only), Outcome.FAIL)
    assert found == f"task {TASK}: its record was changed to COMPLETED 50 s after attempt 2 had ended, 17 s allowed"


def test_a_first_change_that_is_late_may_be_none() -> None:
    late = completed_late(50_000.0, missing("RecordChanged"), only=True)
    assert any("50 s after attempt 2 had ended" in each for each in by_status(late, Outcome.UNKNOWN))


def test_a_late_completion_is_open_as_far_as_the_engine_was_held_up() -> None:
    ended = the(EVENTS, AttemptSucceeded, where=lambda event: event.task_id == TASK)
    [doubt] = by_status(
        completed_late(50_000.0, HeldUp(at_ms=ended.at_ms, until_ms=ended.at_ms + 33_000)), Outcome.UNKNOWN
    )
    assert doubt.endswith("; the engine was held up for 33 s of that")


@pytest.mark.parametrize(("line", "receive"), [("kill", 1), ("kill", 2), ("fail", 2)])
def test_a_late_completion_of_what_the_run_itself_struck_is_not_judged(line: str, receive: int) -> None:
    delivered = the(EVENTS, Delivered, where=lambda event: event.task_id == TASK and event.receive_count == receive)
    assert by_status(completed_late(50_000.0, struck(line, delivered)), Outcome.PASS) == []


def test_what_an_attempt_sends_on_may_be_completed_at_a_next_stage() -> None:
    ended = the(EVENTS, AttemptSucceeded, where=lambda event: event.task_id == TASK)
    sent = call(TASK, ended.delivery_id, service="sqs", operation="SendMessage", resource="next", at_ms=ended.at_ms - 5)
    [doubt] = by_status(completed_late(50_000.0, sent), Outcome.UNKNOWN)
    assert doubt.endswith("the attempt had sent it on, and it may have been worked on elsewhere until then")


def test_a_record_that_moved_on_after_the_attempt_tells_of_a_later_step() -> None:
    events = completed_late(50_000.0)
    last = the(events, RecordChanged, where=lambda each: each.task_id == TASK and each.status == "COMPLETED")
    checked = replace(last, status="CHECKED", at_ms=last.at_ms - 100, written_at_ms=last.at_ms - 100)
    assert by_status([*changed(events, last, number=last.number + 1), checked], Outcome.PASS) == []


def test_the_end_of_an_attempt_is_written_soon_after_it() -> None:
    ended = the(EVENTS, AttemptSucceeded, where=lambda event: event.task_id == TASK)

    def late(by_ms: float) -> list[Event]:
        return changed(EVENTS, change(5), at_ms=ended.at_ms + by_ms, written_at_ms=ended.at_ms + by_ms)

    # The late tolerance of 2 s and the worker's timeout of 15 s.
    assert messages(late(17_000.0), Outcome.PASS) == []
    [found] = messages(late(17_001.0))
    assert found == f"task {TASK}: its record was changed to COMPLETED 17.001 s after attempt 2 had ended, 17 s allowed"
    held = HeldUp(at_ms=ended.at_ms, until_ms=ended.at_ms + 100)
    [doubt] = messages([*late(17_001.0), held], Outcome.UNKNOWN)
    assert doubt == f"{found}; the engine was held up for 0.1 s of that"


def test_a_death_is_recorded_when_it_is_and_not_when_an_attempt_ended_without_a_word() -> None:
    events = without(EVENTS, change(7, DIED))
    assert change(7, DIED).status == "RETRYING"
    assert not any("had ended" in each.message for each in judge("transitions", events).findings)


@given(data=st.data())
@settings(max_examples=examples(100), deadline=None)
def test_no_swap_of_two_changes_passes(data: st.DataObject) -> None:
    task_id = data.draw(st.sampled_from([TASK, DIED]))
    of_task = [event for event in EVENTS if isinstance(event, RecordChanged) and event.task_id == task_id]
    first, second = data.draw(st.lists(st.sampled_from(of_task), min_size=2, max_size=2, unique_by=lambda e: e.number))
    events = changed(changed(EVENTS, first, number=second.number), second, number=first.number)
    assert judge("transitions", events).outcome is Outcome.FAIL
