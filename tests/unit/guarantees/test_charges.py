"""A message is handed out no more often than allowed, and a task dies only of attempts that failed or that a fault took."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace
from taskguard.contract.draws import Fate
from taskguard.contract.waiting import Waiting
from taskguard.history import (
    AttemptFailed,
    BackoffRequested,
    ConfigurationObserved,
    DeadLettered,
    Delivered,
    Event,
    FaultInjected,
    ReceiveThrottled,
)
from taskguard.judging.verdict import Outcome

from tests.unit.guarantees.faulty import (
    CONSUMER,
    crashed,
    dead_but_drawn_to_succeed,
    fault,
    in_batch,
    judged,
    messages,
    on_its_way,
    receive,
    struck,
)
from tests.unit.judging.building import DEAD, FIRST_TRY, UNSEEDED, changed, missing, run, the, without

GUARANTEE = "charges"
# The dead task, which had to succeed at its `NUMBER`-th receive, and crashed there.
HEALTHY, UNLUCKY, NUMBER = dead_but_drawn_to_succeed(run(FIRST_TRY, DEAD))
CHARGED = receive(HEALTHY, UNLUCKY, NUMBER)
EVENTS = crashed(HEALTHY, CHARGED)
NEIGHBOUR = the(EVENTS, Delivered, where=lambda e: e.task_id != UNLUCKY)


# The same, in an invocation that took long: messages may have been left for their next delivery.
LONG = [
    replace(each, at_ms=CHARGED.at_ms + 9500)
    if isinstance(each, AttemptFailed) and each.delivery_id == CHARGED.delivery_id
    else each
    for each in EVENTS
]


def with_fault(*faults: FaultInjected) -> list[Event]:
    return [*EVENTS, *faults]


def test_what_dead_tasks_were_charged_for_is_counted() -> None:
    verdict = judged(GUARANTEE, run(FIRST_TRY, DEAD))
    assert verdict.observed == "1 task died of 3 receives: 3 failed, 0 taken by faults, 0 unexplained"
    verdict = judged(GUARANTEE, with_fault(struck("kill-first", CHARGED)))
    assert verdict.observed == "1 task died of 3 receives: 2 failed, 1 taken by faults, 0 unexplained"


def test_a_receive_that_nothing_explains_fails() -> None:
    told = messages(GUARANTEE, EVENTS, Outcome.FAIL)
    assert told.startswith(
        f"task {UNLUCKY} died, charged for receive {NUMBER} of its message, whose draw says that it should succeed"
    )
    assert judged(GUARANTEE, [*EVENTS, missing("FaultInjected")]).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "line",
    [
        "kill when=before",
        "kill when=after",
        "kill-first",
        "kill-last",
        "hang",
        "timeout",
        "garbage",
        "unknown-id",
        "refuse when=before",
        "throttle when=before every-try",
        "error when=after every-try",
        "disconnect when=before every-try",
        "slow when=before seconds=5",
    ],
)
def test_a_receive_whose_invocation_was_struck_is_explained(line: str) -> None:
    assert judged(GUARANTEE, with_fault(struck(line, CHARGED))).outcome is Outcome.PASS


@pytest.mark.parametrize("line", ["lose", "twice", "again", "stale-handle", "run-out", "late seconds=100"])
def test_a_receive_whose_message_was_struck_is_explained(line: str) -> None:
    assert judged(GUARANTEE, with_fault(on_its_way(line, CHARGED))).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "line",
    [
        "throttle when=before",
        "throttle when=after",
        "error when=before",
        "disconnect when=after",
        "slow when=before seconds=0.5",
    ],
)
def test_what_a_client_repeats_or_bears_takes_no_attempt(line: str) -> None:
    assert judged(GUARANTEE, with_fault(struck(line, CHARGED))).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "line", ["throttle when=before", "error when=after", "disconnect when=before", "slow when=before seconds=0.5"]
)
def test_what_takes_time_explains_what_a_long_invocation_left_for_its_next_delivery(line: str) -> None:
    events, neighbour = in_batch(LONG, NEIGHBOUR, CHARGED)
    assert judged(GUARANTEE, [*events, struck(line, neighbour)]).outcome is Outcome.PASS
    assert judged(GUARANTEE, [*LONG, struck(line, CHARGED)]).outcome is Outcome.PASS
    assert judged(GUARANTEE, [*LONG, struck(line, NEIGHBOUR)]).outcome is Outcome.FAIL
    short, neighbour = in_batch(EVENTS, NEIGHBOUR, CHARGED)
    assert judged(GUARANTEE, [*short, struck(line, neighbour)]).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("line", "outcome"), [("twice", Outcome.PASS), ("run-out", Outcome.PASS), ("late", Outcome.FAIL)]
)
def test_waiting_for_another_process_explains_what_a_long_invocation_left_behind(line: str, outcome: Outcome) -> None:
    events, neighbour = in_batch(LONG, NEIGHBOUR, CHARGED)
    assert judged(GUARANTEE, [*events, on_its_way(line, neighbour)]).outcome is outcome


def test_a_long_invocation_explains_nothing_by_itself() -> None:
    told = messages(GUARANTEE, LONG, Outcome.FAIL)
    assert "(it was at work for 9.5 s)" in told
    events, neighbour = in_batch(LONG, NEIGHBOUR, CHARGED)
    assert judged(GUARANTEE, [*events, struck("refuse when=before", neighbour)]).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("timeout_seconds", "outcome"), [(60.0, Outcome.FAIL), (15.0, Outcome.PASS), (None, Outcome.PASS)]
)
def test_how_long_is_long_follows_from_the_consumer_s_own_timeout(
    timeout_seconds: float | None, outcome: Outcome
) -> None:
    seen = the(LONG, ConfigurationObserved)
    consumers = tuple(replace(each, timeout_seconds=timeout_seconds) for each in seen.consumers)
    events = changed(LONG, seen, consumers=consumers)
    assert judged(GUARANTEE, [*events, struck("throttle when=before", CHARGED)]).outcome is outcome


@pytest.mark.parametrize("line", ["late", "reorder"])
def test_a_message_that_is_a_little_late_takes_no_attempt(line: str) -> None:
    assert judged(GUARANTEE, with_fault(on_its_way(line, CHARGED))).outcome is Outcome.FAIL


def test_a_lost_message_is_explained_though_it_was_never_delivered() -> None:
    lost = [each for each in EVENTS if getattr(each, "delivery_id", None) != CHARGED.delivery_id]
    told = messages(GUARANTEE, lost, Outcome.FAIL)
    assert f"receive {NUMBER} of its message, which was not seen to be delivered" in told
    assert judged(GUARANTEE, [*lost, on_its_way("lose", CHARGED)]).outcome is Outcome.PASS
    assert judged(GUARANTEE, [*lost, missing("Delivered")]).outcome is Outcome.UNKNOWN


def test_a_receive_that_was_throttled_is_explained_by_the_fault_that_throttled_its_batch() -> None:
    lost = [each for each in EVENTS if getattr(each, "delivery_id", None) != CHARGED.delivery_id]
    throttled = ReceiveThrottled(
        at_ms=CHARGED.at_ms,
        until_ms=CHARGED.at_ms + 5000,
        queue="work",
        function="worker",
        task_id=UNLUCKY,
        message_id=CHARGED.message_id,
        receive_count=NUMBER,
    )
    told = messages(GUARANTEE, [*lost, throttled], Outcome.FAIL)
    assert (
        f"receive {NUMBER} of its message, which never ran: worker was throttled until the message was visible again"
        in told
    )
    # It was drawn for a neighbour, at another receive of that.
    of_batch = on_its_way("throttle-function", CHARGED, task_ids=("neighbour", UNLUCKY), receive_count=NUMBER + 1)
    assert judged(GUARANTEE, [*lost, throttled, of_batch]).outcome is Outcome.PASS
    earlier = replace(of_batch, at_ms=CHARGED.at_ms - 60_000)
    assert judged(GUARANTEE, [*lost, throttled, earlier]).outcome is Outcome.FAIL


def test_a_draw_that_was_never_made_explains_nothing() -> None:
    drawn = receive(EVENTS, UNLUCKY, 1 if NUMBER != 1 else 2)
    lost = [each for each in EVENTS if getattr(each, "delivery_id", None) != drawn.delivery_id]
    events = [*lost, struck("kill-first", CHARGED)]
    assert f"receive {drawn.receive_count} of its message, which was not seen" in messages(
        GUARANTEE, events, Outcome.FAIL
    )


def test_a_fault_at_another_receive_or_another_task_explains_nothing() -> None:
    other = receive(EVENTS, UNLUCKY, 1 if NUMBER != 1 else 2)
    for stranger in (struck("kill-first", other), struck("kill-first", NEIGHBOUR), on_its_way("lose", other)):
        assert judged(GUARANTEE, with_fault(stranger)).outcome is Outcome.FAIL


def test_a_fault_at_the_api_or_at_the_monitor_explains_nothing() -> None:
    at_the_api = fault("kill-first", CHARGED.at_ms, UNLUCKY, function="submitTask", receive_count=NUMBER)
    dead_letter = on_its_way("lose", CHARGED, function="dead-letter")
    elsewhere = struck("kill-first", CHARGED, function="monitor", delivery_id="another")
    for stranger in (at_the_api, dead_letter, elsewhere):
        assert judged(GUARANTEE, with_fault(stranger)).outcome is Outcome.FAIL


@pytest.mark.parametrize(("line", "outcome"), [("garbage", Outcome.PASS), ("refuse when=before", Outcome.FAIL)])
def test_a_neighbour_s_fault_explains_it_only_if_it_struck_the_whole_batch(line: str, outcome: Outcome) -> None:
    events, neighbour = in_batch(EVENTS, NEIGHBOUR, CHARGED)
    assert judged(GUARANTEE, [*events, struck(line, neighbour)]).outcome is outcome


@pytest.mark.parametrize(
    ("line", "outcome"),
    [("table-down from=1", Outcome.PASS), ("queue-down from=1", Outcome.PASS), ("consumer-off", Outcome.FAIL)],
)
def test_what_strikes_the_stack_explains_what_was_at_work_meanwhile(line: str, outcome: Outcome) -> None:
    meanwhile = fault(line, CHARGED.at_ms - 3000, until_ms=CHARGED.at_ms + 2, function=None)
    assert judged(GUARANTEE, with_fault(meanwhile)).outcome is outcome
    before = replace(meanwhile, until_ms=CHARGED.at_ms - 2500)
    assert judged(GUARANTEE, with_fault(before)).outcome is Outcome.FAIL


def test_a_process_that_did_not_start_explains_what_it_was_started_for() -> None:
    no_init = fault("no-init", CHARGED.at_ms - 400, number=2)
    assert judged(GUARANTEE, with_fault(no_init)).outcome is Outcome.PASS
    assert judged(GUARANTEE, with_fault(replace(no_init, function="submitTask"))).outcome is Outcome.FAIL
    assert judged(GUARANTEE, with_fault(replace(no_init, at_ms=CHARGED.at_ms - 3000))).outcome is Outcome.FAIL


def test_a_function_is_known_by_its_short_name() -> None:
    short = fault("no-init", CHARGED.at_ms, function=CONSUMER)
    assert judged(GUARANTEE, with_fault(short)).outcome is Outcome.PASS


def test_a_fourth_receive_fails_once_for_each_message() -> None:
    delivered = the(EVENTS, Delivered, where=lambda e: e.task_id == UNLUCKY)
    fourth = replace(delivered, receive_count=4, delivery_id="fourth", at_ms=delivered.at_ms + 60_000)
    fifth = replace(fourth, receive_count=5, delivery_id="fifth")
    events = with_fault(struck("kill-first", CHARGED))
    told = messages(GUARANTEE, [*events, fourth, fifth, missing("Delivered")], Outcome.FAIL)
    assert told.splitlines()[0] == f"task {UNLUCKY} was delivered at receive 4, 3 are allowed"
    assert told.count("are allowed") == 1


def test_without_a_seed_what_asked_for_a_backoff_failed_and_the_rest_is_unknown() -> None:
    assert judged(GUARANTEE, run(DEAD), UNSEEDED).outcome is Outcome.PASS
    told = messages(GUARANTEE, EVENTS, Outcome.UNKNOWN, UNSEEDED)
    assert f"charged for receive {NUMBER} of its message, which reported no failure" in told
    assert judged(GUARANTEE, with_fault(struck("kill-first", CHARGED)), UNSEEDED).outcome is Outcome.PASS


def test_a_task_that_was_completed_died_of_nothing() -> None:
    events = run(Fate(0))
    delivered = the(events, Delivered)
    late = DeadLettered(
        at_ms=delivered.at_ms + 90_000,
        task_id=delivered.task_id,
        message_id=delivered.message_id,
        payload=delivered.payload,
    )
    verdict = judged(GUARANTEE, [*events, late])
    assert (verdict.outcome, verdict.figures["dead"]) == (Outcome.PASS, 0)


def test_a_death_whose_message_was_not_seen_is_unknown() -> None:
    told = messages(GUARANTEE, without(run(DEAD), DeadLettered), Outcome.UNKNOWN)
    assert "and its message was not seen to be given up" in told


def test_a_crash_is_what_these_tests_say_it_is() -> None:
    outcomes = [each for each in EVENTS if isinstance(each, AttemptFailed) and each.delivery_id == CHARGED.delivery_id]
    assert [each.reason for each in outcomes] == ["the function failed: killed"]
    assert not [e for e in EVENTS if isinstance(e, BackoffRequested) and e.delivery_id == CHARGED.delivery_id]


def test_without_a_seed_a_failure_that_was_told_is_one_where_no_wait_has_to_be_asked_for() -> None:
    silent = without(EVENTS, BackoffRequested)
    as_deployed = msgspec.structs.replace(
        UNSEEDED, contract=msgspec.structs.replace(UNSEEDED.contract, waiting=Waiting(constant="as-deployed"))
    )
    assert judged(GUARANTEE, silent, UNSEEDED).outcome is Outcome.UNKNOWN
    assert judged(GUARANTEE, silent, as_deployed).outcome is Outcome.PASS
    verdict = judged(GUARANTEE, [*silent, struck("kill-first", CHARGED)], as_deployed)
    assert verdict.observed.endswith(": 2 failed, 1 taken by faults, 0 unexplained")
