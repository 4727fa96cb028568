"""What is judged of a consumer that retries by a new message in another queue of its own, or gives up to one."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.history import DeadLettered, Delivered, Event, Resent

from tests.unit.judging.building import holds, judge, the
from tests.unit.judging.resending import RIGHT, SPOKEN_OF, is_of, life_of, run, said, terms


def through(events: list[Event], queue: str, **changes: Any) -> list[Event]:
    """The same, where each retry goes through another queue of the service's."""
    return [replace(each, through=queue, **changes) if isinstance(each, Resent) else each for each in events]


@pytest.mark.parametrize("check", SPOKEN_OF)
def test_retries_through_other_queues_are_as_right_as_those_on_the_work_queue(check: str) -> None:
    assert holds(judge(check, through(RIGHT, "Later"), terms()))


def test_a_queue_that_delays_too_little_is_named() -> None:
    short = through(run(life_of("t", [3.0])), "Later")
    assert said(judge("backoff", short, terms())) == [
        "task t: attempt 1 sent its task to the queue Later, with a delay of 3 s, expected 4 s or more"
    ]
    none = through(run(life_of("t", [0.0])), "Later")
    assert "sent its task to the queue Later, without a delay, expected 4 s" in said(judge("backoff", none, terms()))[0]


def test_each_send_may_be_late_by_itself() -> None:
    late = run(life_of("t", [7.5], asked=[4.0]))
    assert holds(judge("backoff", through(late, "Later", sends=2), terms()))
    assert "came back after 7.552 s" in said(judge("backoff", late, terms()))[0]


def test_what_is_not_sent_on_from_a_queue_of_its_own_is_hidden_as_that_queue_has_it() -> None:
    # The second attempt asks for nothing, and its queue hides the message.
    events = run(life_of("t", [4.0, 20.0]))
    second = the(events, Delivered, where=lambda each: each.message_id == "t-2")
    events = [each for each in events if not (isinstance(each, Resent) and each.message_id == "t-2")]
    events = [replace(each, message_id="t-2", receive_count=2) if is_of(each, "t-3") else each for each in events]
    kept = [replace(each, queue="Later", hidden_seconds=20.0) if each is second else each for each in events]
    assert holds(judge("backoff", kept, terms()))
    short = [replace(each, queue="Later", hidden_seconds=6.0) if each is second else each for each in events]
    assert "was hidden by its queue for 6 s, expected 8 s or more" in said(judge("backoff", short, terms()))[0]


def kept_in(events: list[Event], queue: str) -> list[Event]:
    return [replace(each, queue=queue) if isinstance(each, DeadLettered) else each for each in events]


def test_what_is_given_up_to_a_queue_that_nobody_reads_is_dead_and_that_is_advised_against() -> None:
    verdict = judge("redrive", kept_in(RIGHT, "Parked"), terms())
    assert holds(verdict)
    assert [finding.message for finding in verdict.findings] == [
        "what is given up goes to the queue Parked, and the work queue's redrive policy names another one, or there is none: who watches "
        "the dead-letter queue does not learn of it"
    ]
    early = kept_in(run(life_of("t", [4.0], dies=True)), "Parked")
    found = said(judge("redrive", early, terms()))
    assert (
        found[0]
        == "work sent task t to the queue Parked itself, after attempt 2; expected no sooner than after attempt 3"
    )
