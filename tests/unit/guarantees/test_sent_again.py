"""What is guaranteed of a consumer that retries by new messages: each attempt is a charge, and none comes before its delay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.contract.contract import Attempts, Contract
from taskguard.contract.dialect import Dialect, MessageWords
from taskguard.contract.terms import Terms
from taskguard.contract.waiting import Waiting
from taskguard.history import AttemptFailed, AttemptSucceeded, Delivered, Event, History, Resent
from taskguard.judging.guarantees.records import end_of
from taskguard.judging.verdict import Outcome

from tests.terms import our_terms
from tests.unit.guarantees.faulty import fault, judged
from tests.unit.judging.building import ending, the, without
from tests.unit.judging.resending import life_of, whose

TERMS: Terms = replace(
    our_terms(),
    contract=Contract(attempts=Attempts(most=3), waiting=Waiting(schedule=(4.0, 8.0), last="free")),
    dialect=Dialect(message=MessageWords(id="taskId", payload="payload")),
)


def run(*lives: list[Event]) -> list[Event]:
    events = [event for life in lives for event in life]
    return [*events, *ending(events)]


RIGHT = run(life_of("once", [4.0]), life_of("dead", [4.0, 8.0], dies=True))


def said(guarantee: str, events: Iterable[Event], outcome: Outcome = Outcome.FAIL) -> list[str]:
    verdict = judged(guarantee, events, TERMS)
    assert verdict.outcome is outcome, verdict
    return [finding.message for finding in verdict.findings]


def test_a_task_dies_of_the_attempts_over_all_its_messages() -> None:
    verdict = judged("charges", RIGHT, TERMS)
    assert (verdict.outcome, verdict.observed) == (
        Outcome.PASS,
        "1 task died of 3 receives: 3 failed, 0 taken by faults, 0 unexplained",
    )


def test_one_that_is_given_up_too_soon_fails() -> None:
    assert said("charges", run(life_of("dead", [4.0], dies=True))) == [
        "task dead was given up by work after 2 attempts, 3 are due"
    ]


def test_one_that_is_sent_again_too_often_fails() -> None:
    found = said("charges", run(life_of("dead", [4.0, 8.0, 8.0], dies=True)))
    assert found == ["task dead failed 4 times, as its consumer sent it again each time; 3 attempts are allowed"]


def crashed_at(task_id: str, number: int, events: list[Event]) -> tuple[list[Event], Delivered]:
    """The events, with one receive more of this message before the one that is there: it was taken by something else."""
    delivered = the(events, Delivered, where=lambda each: each.message_id == f"{task_id}-{number}")
    of: dict[str, Any] = {**whose(task_id, number), "delivery_id": "taken"}
    lost = replace(delivered, at_ms=delivered.at_ms - 3, delivery_id="taken")
    failed = AttemptFailed(at_ms=delivered.at_ms - 2, reason="the function failed: killed", **of)
    later = [
        replace(each, receive_count=2) if getattr(each, "delivery_id", None) == delivered.delivery_id else each
        for each in events
    ]
    return [*later, lost, failed], lost


def test_an_attempt_that_a_fault_took_counts_for_nobody() -> None:
    events, lost = crashed_at("dead", 2, RIGHT)
    struck = fault("kill-first", lost.at_ms + 1, "dead", receive_count=1, delivery_id="taken")
    verdict = judged("charges", [*events, struck], TERMS)
    assert verdict.outcome is Outcome.PASS, verdict
    assert verdict.observed == "1 task died of 4 receives: 3 failed, 1 taken by faults, 0 unexplained"
    [message] = said("charges", events, Outcome.UNKNOWN)
    assert message.startswith("task dead died, charged for receive 1 of its message, which reported no failure")


def test_a_message_that_was_sent_on_twice_is_one_failure() -> None:
    # Its process ended after it had sent the task again, and before the message was deleted.
    events = RIGHT
    first = the(events, Delivered, where=lambda each: each.message_id == "dead-1")
    sent = the(events, Resent, where=lambda each: each.message_id == "dead-1")
    again: dict[str, Any] = {"receive_count": 2, "delivery_id": "second"}
    second: list[Event] = [
        replace(first, at_ms=first.at_ms + 20, **again),
        replace(sent, at_ms=sent.at_ms + 20, answered_ms=sent.answered_ms + 20, **again),
        AttemptFailed(at_ms=first.at_ms + 29, reason="sent", **{**whose("dead", 1), **again}),
    ]
    elsewhere = [replace(each, new_message_id="another") if each is sent else each for each in events]
    assert judged("charges", [*elsewhere, *second], TERMS).outcome is Outcome.PASS


def test_a_new_message_that_comes_before_its_delay_fails() -> None:
    assert judged("never_early", RIGHT, TERMS).outcome is Outcome.PASS
    early = run(life_of("t", [3.0], asked=[4.0]))
    assert said("never_early", early) == ["task t came back 3.052 s after it had been sent again with a delay of 4 s"]


@pytest.mark.parametrize("guarantee", ["charges", "never_early"])
def test_where_a_send_may_be_missing_nobody_is_accused(guarantee: str) -> None:
    assert judged(guarantee, without(RIGHT, Resent), TERMS).outcome is not Outcome.FAIL


def test_without_records_what_came_to_no_end_is_lost_and_the_rest_is_unknown() -> None:
    told = said("settles_once", RIGHT, Outcome.UNKNOWN)
    assert told == ["under faults only a task's record tells how it ended, and there is none that is described"]
    done = the(RIGHT, AttemptSucceeded, where=lambda each: each.task_id == "once")
    lost = without(RIGHT, done, *(each for each in RIGHT if getattr(each, "message_id", None) == "once-2"))
    [message, *_] = said("settles_once", lost)
    assert message.startswith(
        "task once was neither done nor dead-lettered; last seen: failed at receive 1: the function sent"
    )
    ends = [end_of(History(events), "once", TERMS) for events in (RIGHT, lost)]
    assert (ends, end_of(History(RIGHT), "dead", TERMS)) == (["completed", "unsettled"], "dead-lettered")


@pytest.mark.parametrize(("receive", "outcome"), [(3, Outcome.PASS), (4, Outcome.FAIL)])
def test_how_often_one_message_is_handed_out_is_its_queues_own_number(receive: int, outcome: Outcome) -> None:
    # The queue says 3 as well; the task had been sent again before.
    late = [
        replace(each, receive_count=receive) if getattr(each, "message_id", None) == "once-2" else each
        for each in RIGHT
    ]
    verdict = judged("charges", late, TERMS)
    assert verdict.outcome is outcome
    elsewhere = [replace(each, queue="Later") if isinstance(each, Delivered) else each for each in late]
    assert judged("charges", elsewhere, TERMS).outcome is Outcome.PASS
