"""What is set on purpose is named where a task is missed that it explains, and there alone."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace
from taskguard.contract.contract import Contract
from taskguard.contract.waiting import AS_DEPLOYED, Waiting
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    TaskSubmitted,
)
from taskguard.history.settings import EventRule
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import (
    CONFIGURATION,
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    START_MS,
    altered,
    changed,
    judge,
    run,
    the,
    without,
)
from tests.unit.judging.calling import call

WORK, DEAD_QUEUE = CONFIGURATION.queues
WORKER, MONITOR = CONFIGURATION.consumers
PATTERN = '{"body":{"kind":["a"]}}'
FILTERED = {"consumers": (replace(WORKER, filters=(PATTERN,)), replace(MONITOR, filters=(PATTERN,)))}
AS_THE_STACK = msgspec.structs.replace(EXPECTED, contract=Contract(waiting=Waiting(constant=AS_DEPLOYED)))


def with_settings(events: list[Event], **changes: Any) -> list[Event]:
    return changed(events, CONFIGURATION, **changes)


def first(check: str, events: list[Event], terms: Any = EXPECTED) -> str:
    verdict = judge(check, events, terms)
    assert verdict.outcome is Outcome.FAIL, verdict
    return verdict.findings[0].message


def test_a_task_that_never_reached_a_consumer_with_a_filter_names_the_filter() -> None:
    events = run(FIRST_TRY, DEAD)
    lost = without(events, the(events, Delivered), AttemptSucceeded)
    clause = f"; the event filter {PATTERN} of worker deletes what it does not match, and the task never reached it"
    assert first("settlement", with_settings(lost, **FILTERED)).endswith(f"(HTTP 202){clause}")
    assert first("settlement", lost).endswith("(HTTP 202)")


def test_a_task_whose_send_was_refused_names_the_refusal_and_not_one_that_was_made_good() -> None:
    events = run(FIRST_TRY, DEAD)
    lost = without(events, the(events, Delivered), AttemptSucceeded)
    refused = {"at_ms": START_MS, "service": "sqs", "operation": "SendMessage", "resource": "work", "status": 400}
    refused |= {"error": "InvalidParameterValue"}
    clause = "; submit called sqs.SendMessage on work, which was refused (InvalidParameterValue)"
    task_id = the(lost, TaskSubmitted).task_id
    made = call(task_id, None, function="submit", **refused)
    assert first("settlement", [*lost, made]).endswith(clause)
    again = replace(made, at_ms=START_MS + 1, status=200, error=None)
    assert not first("settlement", [*lost, made, again]).endswith(clause)


def test_a_task_that_no_rule_sent_to_the_queue_names_the_rules() -> None:
    events = run(FIRST_TRY, DEAD)
    lost = without(events, the(events, Delivered), AttemptSucceeded)
    rules = (EventRule(name="some", pattern=PATTERN), EventRule(name="none", pattern="{}", enabled=False))
    here = with_settings(lost, queues=(replace(WORK, rules=rules), DEAD_QUEUE))
    clause = f"; the rule some sends to the queue only what matches {PATTERN} and the rule none is disabled, and the task never reached it"
    assert first("settlement", here).endswith(clause)


def test_a_task_that_was_delivered_was_not_dropped_by_the_filter() -> None:
    lost = with_settings(without(run(FIRST_TRY, DEAD), AttemptSucceeded), **FILTERED)
    assert first("settlement", lost).endswith("last seen: delivered, receive 1")


def test_a_filter_that_drops_nothing_is_no_fault() -> None:
    assert judge("settlement", with_settings(run(FIRST_TRY, DEAD), **FILTERED)).outcome is Outcome.PASS


def test_a_dead_letter_that_was_not_logged_names_the_filter_of_its_consumer() -> None:
    silent = without(run(DEAD), DeadLetterLogged)
    clause = f"; the event filter {PATTERN} of monitor deletes what it does not match"
    assert first("dead_letter_log", with_settings(silent, **FILTERED)).endswith(f"as a dead letter{clause}")
    assert first("dead_letter_log", silent).endswith("as a dead letter")


def test_a_task_whose_death_nobody_saw_names_the_filter_of_the_dead_letters_consumer() -> None:
    unseen = with_settings(without(run(DEAD), DeadLettered, DeadLetterLogged), **FILTERED)
    assert first("settlement", unseen).endswith(
        f"; the event filter {PATTERN} of monitor deletes what it does not match"
    )


def test_a_task_that_outlived_its_queues_retention_names_it() -> None:
    lost = without(run(DEAD), DeadLettered)
    clause = "; its queue deletes a message 30 s after it was sent, however often it was received"
    for check in ("settlement", "backoff"):
        short = with_settings(lost, queues=(replace(WORK, retention_seconds=30.0), DEAD_QUEUE))
        assert first(check, short).endswith(clause)
        # It cannot have been deleted before the run ended.
        assert not first(check, lost).endswith(clause)


def returned(late_ms: float) -> list[Event]:
    """A run in which a task's retry comes that much later than asked for."""
    return run(SECOND_TRY, late_ms=late_ms)


def test_a_batching_window_makes_a_return_late_and_only_an_exact_wait_is_broken_by_that() -> None:
    window = {"consumers": (replace(WORKER, window_seconds=5.0), MONITOR)}
    assert judge("backoff", with_settings(returned(6_900), **window), AS_THE_STACK).outcome is Outcome.PASS
    assert first("backoff", with_settings(returned(7_100), **window), AS_THE_STACK).endswith(
        "0.1 s beyond the 12 s allowed; its consumer gathers batches for 5 s"
    )
    assert first("backoff", with_settings(returned(2_100), **window)).endswith("; its consumer gathers batches for 5 s")
    assert judge("backoff", returned(2_100), AS_THE_STACK).outcome is Outcome.FAIL


def test_how_dead_letters_are_gathered_breaks_no_wait() -> None:
    gathering = {"consumers": (WORKER, replace(MONITOR, window_seconds=5.0))}
    assert judge("backoff", with_settings(run(DEAD, late_ms=6_900), **gathering)).outcome is Outcome.FAIL
    events = run(DEAD)
    died = the(events, DeadLettered)
    late = [altered(each, at_ms=each.at_ms + 6_900) if each.at_ms >= died.at_ms else each for each in events]
    assert judge("backoff", with_settings(late, **gathering)).outcome is Outcome.PASS
    assert judge("backoff", late).outcome is Outcome.FAIL


def test_a_wait_beyond_twelve_hours_is_refused_and_says_why() -> None:
    events = run(SECOND_TRY)
    asked = changed(events, the(events, BackoffRequested), delay_seconds=50_000.0, accepted=False)
    why = (
        "asked for 50000 s and was refused: SQS hides a message for 43200 s at most, counted from when it was received"
    )
    assert why in first("backoff", asked)
    # Where the stack itself says how long a wait is, the queue's own was kept.
    late = [
        altered(each, at_ms=each.at_ms + 90_000) if each.at_ms > the(asked, AttemptFailed).at_ms else each
        for each in asked
    ]
    verdict = judge("backoff", late, AS_THE_STACK)
    assert verdict.outcome is Outcome.PASS, verdict
    assert [why in found.message for found in verdict.findings] == [True]


def test_a_wait_of_the_queues_own_may_be_shorter_by_as_long_as_a_batch_was_gathered() -> None:
    died = without(run(DEAD), BackoffRequested)
    hidden_seconds = 90.0
    last = [each for each in died if isinstance(each, AttemptFailed)][-1]
    delivered = the(died, Delivered, where=lambda each: each.delivery_id == last.delivery_id)
    early = changed(died, the(died, DeadLettered), at_ms=delivered.at_ms + (hidden_seconds - 4.5) * 1000)

    def unexplained(window_seconds: float) -> list[str]:
        settings = {"consumers": (replace(WORKER, window_seconds=window_seconds), MONITOR)}
        found = judge("backoff", with_settings(early, **settings), AS_THE_STACK).findings
        return [each.message for each in found if "attempt 3 reached the dead-letter queue" in each.message]

    assert len(unexplained(0.0)) == 1
    assert unexplained(5.0) == []
