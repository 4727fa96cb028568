"""What was done for a task is told by calls that took effect, in the deliveries that are asked about."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace
from taskguard.history import AttemptSucceeded, Called, Event, History, TaskSubmitted
from taskguard.judging.checks.work import deeds_of, usual_deeds, was_work

from tests.unit.judging.building import DEAD, FIRST_TRY, SECOND_TRY, run, the, without
from tests.unit.judging.calling import call, denied, with_work

EVENTS = with_work(run(FIRST_TRY, FIRST_TRY, FIRST_TRY, SECOND_TRY, DEAD))
WRITE = Counter({"dynamodb.PutItem on results": 1})
FIRST = the(EVENTS, AttemptSucceeded)


def done(events: list[Event]) -> Counter[str]:
    history = History(events)
    return deeds_of(history, FIRST.task_id or "", history.attempts_of(FIRST.task_id or ""))


def test_a_call_that_took_effect_counts_as_often_as_it_was_made() -> None:
    again = call(FIRST.task_id, FIRST.delivery_id, at_ms=FIRST.at_ms - 1)
    assert done(EVENTS) == WRITE
    assert done([*EVENTS, again]) == WRITE + WRITE


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 400, "error": "ConditionalCheckFailedException"},
        {"status": 0},
        {"operation": "DeleteMessage"},
        {"operation": "DeleteMessageBatch"},
        {"delivery_id": "another"},
        {"delivery_id": None},
        {"task_ids": ("another",)},
    ],
)
def test_what_had_no_effect_or_was_for_another_or_merely_acknowledges_does_not_count(
    changes: dict[str, object],
) -> None:
    assert done([*EVENTS, replace(call(FIRST.task_id, FIRST.delivery_id), **changes)]) == WRITE


def test_usual_is_the_least_that_was_done_for_each_task_that_succeeded_at_once() -> None:
    more = call(FIRST.task_id, FIRST.delivery_id, service="sns", operation="Publish", resource="topic")
    assert usual_deeds(History([*EVENTS, more])) == WRITE
    # What was done for others alone is not usual, and what was not done for one is not either.
    lacking = next(each for each in EVENTS if isinstance(each, Called))
    assert usual_deeds(History(without(EVENTS, lacking))) == Counter()


def test_what_a_fault_kept_from_being_done_is_usual_all_the_same() -> None:
    events = with_work(run(FIRST_TRY, FIRST_TRY, FIRST_TRY, FIRST_TRY))
    refused = the(events, AttemptSucceeded)
    lacking = next(each for each in events if isinstance(each, Called) and refused.task_id in each.task_ids)
    assert usual_deeds(History(without(events, lacking))) == Counter()
    assert usual_deeds(History([*without(events, lacking), denied(refused)])) == WRITE


def test_of_fewer_than_three_tasks_that_succeeded_at_once_nothing_is_usual() -> None:
    assert usual_deeds(History(with_work(run(FIRST_TRY, FIRST_TRY, SECOND_TRY, DEAD)))) == Counter()
    assert usual_deeds(History(run(FIRST_TRY, FIRST_TRY, FIRST_TRY))) == Counter()
    assert usual_deeds(History(without(EVENTS, TaskSubmitted))) == Counter()


def test_who_sends_something_unusual_has_put_the_task_off_and_not_done_it() -> None:
    events = with_work(run(FIRST_TRY, FIRST_TRY, FIRST_TRY, FIRST_TRY))
    history = History(events)
    task_id = next(iter(history.accepted))
    [attempt] = history.attempts_of(task_id)
    assert was_work(history, task_id, attempt, usual_deeds(history))
    sent = call(task_id, attempt.delivery_id, service="sqs", operation="SendMessage", resource="work")
    anew = History([*events, sent])
    [attempt] = anew.attempts_of(task_id)
    assert not was_work(anew, task_id, attempt, usual_deeds(anew))


def test_a_call_that_names_no_task_is_no_deed_of_the_only_one() -> None:
    events = run(FIRST_TRY, FIRST_TRY, FIRST_TRY)
    guessed = [
        call(event.task_id, event.delivery_id, guessed=True) for event in events if isinstance(event, AttemptSucceeded)
    ]
    assert usual_deeds(History([*events, *guessed])) == {}
