"""What is judged of a consumer that retries by a new message: its waits, its attempts, and where it cannot be told."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.contract.contract import Attempts
from taskguard.contract.waiting import AS_DEPLOYED, Waiting
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    Called,
    ConfigurationObserved,
    DeadLettered,
    Delivered,
    Event,
    Resent,
    RunEnded,
)
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import CONFIGURATION, START_MS, changed, ending, holds, judge, missing, the, without
from tests.unit.judging.resending import RIGHT, SPOKEN_OF, is_of, life_of, run, said, terms, whose


@pytest.mark.parametrize("check", SPOKEN_OF)
@pytest.mark.parametrize("by", ["any", AS_DEPLOYED])
def test_waits_that_grow_and_three_attempts_over_three_messages_are_right(check: str, by: Any) -> None:
    attempts = Attempts(most=3, by=by)
    verdict = judge(check, RIGHT, terms(attempts=attempts))
    assert holds(verdict), verdict.findings


def test_who_counts_receives_wants_the_queue_to_move_what_dies() -> None:
    found = said(judge("redrive", RIGHT, terms(attempts=Attempts(most=3, by="redrive"))))
    assert (
        "work sent task dead to the dead-letter queue itself, after attempt 3; expected that the queue's redrive"
        in found[0]
    )


@pytest.mark.parametrize(
    ("delays", "message"),
    [
        (
            [None],
            "task t: attempt 1 sent its task to the queue again without a delay (DelaySeconds), expected 4 s or more",
        ),
        ([3.0], "task t: attempt 1 sent its task to the queue again with a delay of 3 s, expected 4 s or more"),
        ([4.0, 5.0], "task t: attempt 2 sent its task to the queue again with a delay of 5 s, expected 8 s or more"),
    ],
)
def test_a_wait_that_does_not_grow_is_told_with_its_cause(delays: list[float | None], message: str) -> None:
    assert said(judge("backoff", run(life_of("t", delays)), terms())) == [message]


def test_an_exact_wait_is_met_by_the_delay_alone() -> None:
    exact = terms(waiting=Waiting(schedule=(4.0, 8.0, 8.0)))
    assert holds(judge("backoff", RIGHT, exact))
    [message] = said(judge("backoff", run(life_of("t", [5.0])), exact))
    assert message == "task t: attempt 1 sent its task to the queue again with a delay of 5 s, expected 4 s"


def test_a_wait_is_measured_from_the_send() -> None:
    early = run(life_of("t", [3.0], asked=[4.0]))
    assert "attempt 1 came back after 3.052 s, 0.948 s too early" in said(judge("backoff", early, terms()))[0]
    late = run(life_of("t", [8.0], asked=[4.0]))
    assert (
        "attempt 1 came back after 8.052 s, 2.05 s beyond the 6 s allowed" in said(judge("backoff", late, terms()))[0]
    )


def test_a_message_without_a_delay_of_its_own_has_the_queue_s() -> None:
    events = [_delaying(event, 4.0) for event in run(life_of("t", [4.0], asked=[None]))]
    assert holds(judge("backoff", events, terms()))
    exact = terms(waiting=Waiting(constant=9.0))
    assert "with its queue's own delay of 4 s, expected 9 s" in said(judge("backoff", events, exact))[0]


def test_a_queue_s_own_delay_that_was_not_read_is_no_fail() -> None:
    events = [event for event in run(life_of("t", [4.0], asked=[None])) if not isinstance(event, ConfigurationObserved)]
    verdict = judge("backoff", events, terms(waiting=Waiting(constant=4.0)))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "the queue's own delay was not read" in verdict.findings[0].message


def _delaying(event: Any, seconds: float) -> Event:
    if type(event).__name__ != "ConfigurationObserved":
        return event  # type: ignore[no-any-return]
    work, dead = event.queues
    changed: Event = replace(event, queues=(replace(work, delay_seconds=seconds), dead))
    return changed


def test_more_receives_than_allowed_fail_over_all_messages() -> None:
    events = run(life_of("t", [4.0, 8.0, 16.0]))
    assert said(judge("redrive", events, terms())) == [
        "task t was delivered for the 4th time, 3 are allowed; its consumer had sent it to the queue again 3 times, as a message "
        "that SQS counts anew",
        "task t failed 3 times and never reached the dead-letter queue",
    ]
    # It is the consumer's doing, and not the redrive policy's.
    assert str(judge("redrive", events, terms()).findings[0].place) == "the function worker"
    # What the stack itself says is of each message.
    assert holds(judge("redrive", events, terms(attempts=Attempts(most=3, by=AS_DEPLOYED))))


def test_who_gives_up_too_soon_fails() -> None:
    events = run(life_of("t", [4.0], dies=True))
    assert said(judge("redrive", events, terms())) == [
        "work sent task t to the dead-letter queue itself, after attempt 2; expected no sooner than after attempt 3"
    ]


def test_what_is_given_up_at_once_may_have_been_tried_within_if_there_was_time() -> None:
    events = run(life_of("t", [], dies=True))
    assert "after attempt 1; expected no sooner" in said(judge("redrive", events, terms()))[0]
    failed = the(events, AttemptFailed, where=lambda event: event.task_id == "t")
    died = the(events, DeadLettered)
    long = [replace(each, at_ms=each.at_ms + 12_000) if each is failed or each is died else each for each in events]
    verdict = judge("redrive", long, terms())
    assert verdict.outcome is Outcome.UNKNOWN
    assert "several times within that invocation cannot be seen from outside" in verdict.findings[0].message


def test_steps_are_not_taken_for_retries() -> None:
    events = [event for number in range(4) for event in life_of(f"t-{number}", [None, None, None])]
    events += ending(events)
    for check in ("backoff", "redrive"):
        verdict = judge(check, events, terms())
        assert verdict.outcome is Outcome.UNKNOWN
        assert "whether these are retries, or steps of its work, cannot be told" in verdict.findings[0].message


def test_a_task_whose_send_was_refused_is_lost_and_the_refusal_is_named() -> None:
    events = [
        replace(event, accepted=False, new_message_id=None, delay_seconds=1200.0)
        if isinstance(event, Resent)
        else event
        for event in run(life_of("t", [4.0]))
        if getattr(event, "message_id", "") != "t-2"
    ]
    of = whose("t", 1)
    call = Called(
        at_ms=START_MS + 34,
        answered_ms=START_MS + 36,
        function="work",
        delivery_id=of["delivery_id"],
        service="sqs",
        operation="SendMessage",
        resource="Tasks",
        task_ids=("t",),
        status=400,
        error="InvalidParameterValue",
    )
    [lost] = said(judge("settlement", [*events, call], terms()))
    assert lost.endswith("; work called sqs.SendMessage on Tasks, which was refused (InvalidParameterValue)")
    exact = said(judge("backoff", events, terms(waiting=Waiting(constant=1200.0))))
    assert "asked for 1200 s and was refused: SQS delays a message by 900 s at most, expected 1200 s" in " ".join(exact)


def test_a_delay_that_a_fifo_queue_refuses_is_named() -> None:
    """The same message comes back then."""
    again: dict[str, Any] = {"message_id": "t-1", "receive_count": 2}
    events = [
        replace(each, accepted=False, new_message_id=None)
        if isinstance(each, Resent)
        else replace(each, **again)
        if isinstance(each, (Delivered, AttemptSucceeded)) and each.message_id == "t-2"
        else each
        for each in run(life_of("t", [4.0]))
    ]
    fifo = tuple(replace(queue, fifo=True) for queue in CONFIGURATION.queues)
    why = ": a message of a FIFO queue has no delay of its own (DelaySeconds)"
    for history, told in ((changed(events, CONFIGURATION, queues=fifo), why), (events, "")):
        what = f"task t: attempt 1 asked for 4 s and was refused{told}"
        exact = said(judge("backoff", history, terms(waiting=Waiting(constant=4.0))))
        assert exact == [f"{what}, expected 4 s"]
        as_deployed = judge("backoff", history, terms(waiting=Waiting(constant=AS_DEPLOYED)))
        assert [each.message for each in as_deployed.findings if "refused" in each.message] == [what] * bool(told)


def test_a_task_whose_delay_was_not_over_at_the_end_is_not_lost() -> None:
    waiting = [event for event in life_of("t", [4.0], asked=[300.0]) if getattr(event, "message_id", "") != "t-2"]
    events = [replace(each, deadline_reached=True) if isinstance(each, RunEnded) else each for each in run(waiting)]
    verdict = judge("settlement", events, terms())
    assert verdict.outcome is Outcome.UNKNOWN
    assert "with a delay of 300 s, and the run ended before that was over" in verdict.findings[0].message


def _sent_to(queue: str, *delivered: Delivered) -> list[Event]:
    return [
        Called(
            at_ms=each.at_ms + 1,
            answered_ms=each.at_ms + 2,
            function="work",
            delivery_id=each.delivery_id,
            service="sqs",
            operation="SendMessage",
            resource=queue,
            task_ids=(each.task_id or "",),
            status=200,
        )
        for each in delivered
    ]


def test_a_task_that_is_sent_to_another_queue_after_a_failure_may_have_been_given_up() -> None:
    last = the(RIGHT, Delivered, where=lambda event: event.message_id == "twice-3")
    others = [
        event
        for event in RIGHT
        if isinstance(event, Delivered)
        and ((event.task_id or "").startswith("at-once") or event.message_id == "once-2")
    ]
    verdict = judge("settlement", [*RIGHT, *_sent_to("Parked", last)], terms())
    assert verdict.outcome is Outcome.UNKNOWN
    assert "task twice was acknowledged at attempt 3, in which work sent it to Parked" in verdict.findings[0].message
    # A next stage has all of them.
    assert holds(judge("settlement", [*RIGHT, *_sent_to("Next", last, *others)], terms()))


def test_a_send_whose_answer_was_not_seen_leaves_all_unknown() -> None:
    events = without(RIGHT, Resent)
    for check in ("backoff", "redrive"):
        assert judge(check, [*events, missing("Resent")], terms()).outcome is Outcome.UNKNOWN


def test_a_limit_of_the_queue_that_is_not_the_attempts_is_no_fault_of_who_counts_for_himself() -> None:
    five = [_with_receives(event, 5) for event in RIGHT]
    verdict = judge("configuration", five, terms())
    assert holds(verdict)
    assert any(
        "after 5 receives, expected 3 where a task is not sent again" in each.message for each in verdict.findings
    )
    assert judge("configuration", without(five, Resent), terms()).outcome is Outcome.FAIL


def _with_receives(event: Any, receives: int) -> Event:
    if type(event).__name__ != "ConfigurationObserved":
        return event  # type: ignore[no-any-return]
    work, dead = event.queues
    changed: Event = replace(event, queues=(replace(work, max_receives=receives), dead))
    return changed


def test_neighbours_of_one_that_was_sent_again_are_to_be_left_alone() -> None:
    """A batch of which one message is sent again has a failure, and is no reason for another to come back."""
    shared = "delivery-of-once-1"
    events = [
        replace(event, delivery_id=shared)
        if getattr(event, "task_id", "") == "at-once-0" and hasattr(event, "delivery_id")
        else event
        for event in RIGHT
    ]
    verdict = judge("partial_batches", events, terms())
    assert verdict.outcome is Outcome.PASS
    assert verdict.measured["of_them_with_a_failure"] == 1


def test_dead_letters_of_others_are_not_its_own() -> None:
    stray = replace(the(RIGHT, DeadLettered), task_id="twice", message_id="stray", sent_by=None)
    assert any(
        "was dead-lettered although attempt 3 had succeeded" in each
        for each in said(judge("redrive", [*RIGHT, stray], terms()))
    )


def test_of_several_messages_that_nobody_joined_the_last_may_have_been_the_third_attempt() -> None:
    events = without(run(life_of("t", [4.0, 8.0], dies=True)), Resent)
    apart = [
        replace(each, receive_count=2) if is_of(each, "t-1") and hasattr(each, "receive_count") else each
        for each in events
    ]
    verdict = judge("redrive", apart, terms())
    assert verdict.outcome is Outcome.UNKNOWN
    assert any(
        "it was in several messages, and by whom they were sent cannot be told" in each.message
        for each in verdict.findings
    )


def test_a_task_that_was_tried_a_fourth_time_is_told_once() -> None:
    found = said(judge("redrive", run(life_of("t", [4.0, 8.0, 16.0])), terms()))
    assert "was delivered for the 4th time, 3 are allowed" in found[0]
    assert not any("the run ended before it could be redriven" in each for each in found)
