"""By whom a dead task was logged, and when: by who was handed the dead letter, after the death, and soon."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.history import ConsumersOff, DeadLettered, DeadLetterLogged, Delivered, Event, HeldUp
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import DEAD, FIRST_TRY, changed, judge, run, the, without

EVENTS = run(DEAD, DEAD, FIRST_TRY)
LOGGED = the(EVENTS, DeadLetterLogged)
DIED = the(EVENTS, DeadLettered)
NEIGHBOUR = the(EVENTS, DeadLettered, 1)
LAST = the(EVENTS, Delivered, where=lambda e: e.task_id == LOGGED.task_id and e.receive_count == 3)
TASK = f"task {LOGGED.task_id}"
ALLOWED_MS = 17_000.0
"""The late tolerance of 2 s and the consumer's timeout of 15 s."""


def by(function: str, delivery_id: str | None, **others: Any) -> DeadLetterLogged:
    return replace(LOGGED, function=function, delivery_id=delivery_id, **others)


def messages(events: list[Event], outcome: Outcome) -> list[str]:
    verdict = judge("dead_letter_log", events)
    assert verdict.outcome is outcome, verdict
    return [finding.message for finding in verdict.findings]


def alone(record: DeadLetterLogged) -> list[Event]:
    return [*without(EVENTS, LOGGED), record]


def test_a_worker_that_logs_a_death_has_not_seen_it() -> None:
    early = by("worker", LAST.delivery_id, at_ms=DIED.at_ms - 20_000)
    found = messages(alone(early), Outcome.FAIL)
    assert found == [
        f"{TASK} was logged as a dead letter by worker, which had not seen the death, 20 s before it was one"
    ]
    both = messages([*changed(EVENTS, LOGGED, function="monitor"), early], Outcome.FAIL)
    assert both[0] == f"{TASK} was logged as a dead letter 2 times, by monitor and by worker"
    assert "by worker, which had not seen the death" in both[1]


def test_a_worker_that_sent_the_message_to_the_dead_letter_queue_itself_knows() -> None:
    sent = changed(EVENTS, DIED, message_id="sent by the worker", delivery_ids=("r9",))
    own = by("worker", LAST.delivery_id, at_ms=DIED.at_ms - 10)
    assert not any("had not seen" in each for each in messages([*without(sent, LOGGED), own], Outcome.FAIL))


def test_an_invocation_that_was_handed_another_dead_letter_has_not_seen_this_one() -> None:
    [found] = messages(alone(by("monitor", NEIGHBOUR.delivery_ids[0])), Outcome.FAIL)
    assert (
        found == f"{TASK} was logged as a dead letter by an invocation of monitor that was not handed that dead letter"
    )


@pytest.mark.parametrize("delivery_id", [None, LOGGED.delivery_id])
def test_whoever_was_handed_it_may_log_it_and_so_may_who_is_not_known(delivery_id: str | None) -> None:
    assert messages(alone(by("monitor", delivery_id)), Outcome.PASS) == []


def test_of_a_history_of_before_nobody_is_accused() -> None:
    events = without(EVENTS, DeadLetterLogged, DeadLettered)
    events += [replace(each, delivery_ids=()) for each in EVENTS if isinstance(each, DeadLettered)]
    events += [replace(each, delivery_id=None) for each in EVENTS if isinstance(each, DeadLetterLogged)]
    assert messages(events, Outcome.PASS) == []


def test_a_function_of_which_nothing_is_known_is_advised_against_once_the_task_is_dead() -> None:
    [advised] = messages(alone(by("teller", "r9")), Outcome.PASS)
    assert "by teller, which the dead-letter queue does not feed" in advised
    [early] = messages(alone(by("teller", "r9", at_ms=DIED.at_ms - 3000)), Outcome.FAIL)
    assert early == f"{TASK} was logged as a dead letter 3 s before it was one"


def test_another_record_under_the_same_word_is_no_dead_letter_s() -> None:
    others = [by("worker", LAST.delivery_id, fields={"event": "TASK_DEAD_LETTER", "taskId": LOGGED.task_id})] * 1
    [advised] = messages([*EVENTS, *others], Outcome.PASS)
    assert advised.startswith("worker logs records under the same word as the dead letters'")
    alive = by("worker", LAST.delivery_id, task_id="alive", fields={"event": "TASK_DEAD_LETTER"})
    messages([*EVENTS, alive], Outcome.PASS)


def test_a_death_that_is_logged_late_fails() -> None:
    just = changed(EVENTS, LOGGED, at_ms=DIED.at_ms + ALLOWED_MS)
    assert messages(just, Outcome.PASS) == []
    [late] = messages(changed(EVENTS, LOGGED, at_ms=DIED.at_ms + 90_000), Outcome.FAIL)
    assert late == f"{TASK} was logged as a dead letter 90 s after it was one, 17 s allowed"


def test_what_the_engine_was_held_up_for_and_what_the_run_kept_off_is_not_late() -> None:
    late = changed(EVENTS, LOGGED, at_ms=DIED.at_ms + 20_000)
    held = HeldUp(at_ms=DIED.at_ms + 1000, until_ms=DIED.at_ms + 6000, queue="dead-letter")
    [doubt] = messages([*late, held], Outcome.UNKNOWN)
    assert "for 5 s of that" in doubt
    off = ConsumersOff(at_ms=DIED.at_ms - 1, until_ms=DIED.at_ms + 6000, queue="dead-letter")
    assert messages([*late, off], Outcome.PASS) == []
    elsewhere = HeldUp(at_ms=DIED.at_ms + 1000, until_ms=DIED.at_ms + 6000, queue="work")
    messages([*late, elsewhere], Outcome.FAIL)
