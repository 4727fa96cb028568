"""Of a message group of a FIFO queue nothing overtakes; what stands behind a failed message is handed back, and that is no fault."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from taskguard.contract.contract import Contract
from taskguard.contract.dialect import Dialect
from taskguard.contract.files import built_in
from taskguard.contract.terms import Terms
from taskguard.history import (
    REPORTED,
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    Deduplicated,
    Delivered,
    Event,
    FaultInjected,
    TaskSubmitted,
)
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import CONFIGURATION, DEAD, FIRST_TRY, START_MS, ending, judge, missing, run, without

TERMS = Terms(contract=built_in("as-deployed"), dialect=Dialect())
WORK, DEAD_LETTERS = CONFIGURATION.queues
FIFO = replace(CONFIGURATION, queues=(replace(WORK, fifo=True), replace(DEAD_LETTERS, fifo=True)))
WAIT = 4.0


def submitted(*tasks: str) -> list[Event]:
    return [
        TaskSubmitted(
            at_ms=START_MS, answered_ms=START_MS + 1, task_id=each, payload={}, accepted=True, status_code=202
        )
        for each in tasks
    ]


def batch(
    delivery: str, at_seconds: float, *outcomes: tuple[str, int, bool], group: str | None = "g", wait: float = WAIT
) -> list[Event]:
    """One delivery: of each task which receive it is, and whether it succeeded. The messages were sent in the order of the tasks' names."""
    at_ms, events = START_MS + 1000 * at_seconds, list[Event]()
    for task_id, receive, _ in outcomes:
        sequence = int(task_id[1:]) if group is not None else None
        events.append(
            Delivered(at_ms=at_ms, payload={}, group=group, sequence=sequence, **_of(task_id, receive, delivery))
        )
    for task_id, receive, succeeds in outcomes:
        of = _of(task_id, receive, delivery)
        if succeeds:
            events.append(AttemptSucceeded(at_ms=at_ms + 10, **of))
        else:
            request = BackoffRequested(at_ms=at_ms + 5, answered_ms=at_ms + 6, delay_seconds=wait, accepted=True, **of)
            events += [request, AttemptFailed(at_ms=at_ms + 10, reason=REPORTED, **of)]
    return events


def _of(task_id: str, receive: int, delivery: str) -> dict[str, Any]:
    return {"task_id": task_id, "message_id": f"m-{task_id}", "receive_count": receive, "delivery_id": delivery}


def whole(*events: Event) -> list[Event]:
    """The events with the end of a run on FIFO queues."""
    return [*events, *without(ending(events), CONFIGURATION), FIFO]


HANDED_BACK = whole(
    *submitted("t1", "t2", "t3"),
    *batch("d1", 1, ("t1", 1, True), ("t2", 1, False), ("t3", 1, False)),
    *batch("d2", 5.1, ("t2", 2, True), ("t3", 2, True)),
)


def test_what_stands_behind_a_failed_message_is_handed_back_and_no_check_minds() -> None:
    for check in ("order", "partial_batches", "backoff", "settlement", "effect"):
        verdict = judge(check, HANDED_BACK, TERMS)
        assert (verdict.outcome, verdict.findings) == (Outcome.PASS, ()), check
    assert judge("order", HANDED_BACK, TERMS).exercised


def test_acknowledged_behind_a_failed_message_of_its_batch_is_told() -> None:
    events = whole(
        *submitted("t1", "t2"),
        *batch("d1", 1, ("t1", 1, False), ("t2", 1, True)),
        *batch("d2", 5.1, ("t1", 2, True)),
    )
    verdict = judge("order", events, TERMS)
    assert verdict.outcome is Outcome.FAIL
    [finding] = verdict.findings
    assert finding.task_id == "t2"
    assert "was acknowledged (attempt 1) behind task t1, which had failed in the same batch" in finding.message
    assert judge("order", [*events, missing("AttemptFailed", "Delivered")], TERMS).outcome is Outcome.FAIL


def test_so_it_is_behind_one_that_fails_for_the_last_time() -> None:
    dead = DeadLettered(at_ms=START_MS + 9000, task_id="t1", message_id="m-t1", payload={})
    events = whole(*submitted("t1", "t2"), *batch("d1", 1, ("t1", 3, False), ("t2", 1, True)), dead)
    assert judge("order", events, TERMS).outcome is Outcome.FAIL


def test_done_while_an_earlier_message_waits_for_its_next_attempt_is_told() -> None:
    events = whole(
        *submitted("t1", "t2"),
        *batch("d1", 1, ("t1", 1, False)),
        *batch("d2", 2, ("t2", 1, True)),
        *batch("d3", 5.1, ("t1", 2, True)),
    )
    verdict = judge("order", events, TERMS)
    assert verdict.outcome is Outcome.FAIL
    assert "task t2 was done (attempt 1) before task t1 was settled" in verdict.findings[0].message


def test_after_an_earlier_message_is_dead_the_next_may_be_done() -> None:
    fails = [
        event
        for number, at in ((1, 1.0), (2, 5.1), (3, 9.2))
        for event in batch(f"d{number}", at, ("t1", number, False))
    ]
    # Its consumer sees the dead letter later than the next message is done.
    dead = DeadLettered(at_ms=START_MS + 15_000, task_id="t1", message_id="m-t1", payload={})
    events = whole(*submitted("t1", "t2"), *fails, *batch("d4", 13.4, ("t2", 1, True)), dead)
    assert judge("order", events, TERMS).outcome is Outcome.PASS


def struck(*events: Event) -> list[Event]:
    """The faults by which the run itself let the failures among these happen."""
    return [
        FaultInjected(
            at_ms=event.at_ms - 1,
            until_ms=None,
            kind="fail",
            when="before",
            fault="fail when=before function=work task=any",
            function="work",
            call=None,
            number=None,
            task_ids=(event.task_id or "",),
            receive_count=event.receive_count,
            delivery_id=event.delivery_id,
        )
        for event in events
        if isinstance(event, AttemptFailed)
    ]


def test_what_the_run_itself_let_fail_may_be_overtaken_until_it_comes_again_and_is_told() -> None:
    withheld = batch("d1", 1, ("t1", 1, False))
    others = (*submitted("t1", "t2"), *withheld, *batch("d2", 2, ("t2", 1, True)))
    again = batch("d3", 5.1, ("t1", 2, True))
    assert judge("order", whole(*others, *again), TERMS).outcome is Outcome.FAIL
    verdict = judge("order", whole(*others, *again, *struck(*withheld)), TERMS)
    assert (verdict.outcome, verdict.exercised) == (Outcome.PASS, False)
    assert verdict.observed.endswith("; 1 task not judged in full here, since faults struck them")


def test_who_goes_on_behind_a_message_whose_call_the_run_refused_breaks_the_order() -> None:
    refused = batch("d1", 1, ("t1", 1, False), ("t2", 1, True))
    others = (*submitted("t1", "t2"), *refused, *batch("d2", 5.1, ("t1", 2, True)))
    [withheld] = struck(*refused)
    denied = replace(withheld, kind="deny", task_ids=("t1", "t2"))
    [finding] = judge("order", whole(*others, denied), TERMS).findings
    assert "t2 was acknowledged (attempt 1) behind task t1, which had failed in the same batch" in finding.message
    # Of one that is withheld, or whose function ended, it knew nothing.
    assert judge("order", whole(*others, withheld), TERMS).outcome is Outcome.PASS
    ended = [
        replace(each, reason="the function failed") if isinstance(each, AttemptFailed) else each for each in others
    ]
    killed = replace(denied, kind="kill")
    assert judge("order", whole(*ended, killed), TERMS).outcome is Outcome.PASS


def test_of_what_it_let_fail_an_own_failure_after_holds_up_others() -> None:
    withheld = batch("d1", 1, ("t1", 1, False))
    events = whole(
        *submitted("t1", "t2", "t3"),
        *withheld,
        *batch("d2", 2, ("t2", 1, True)),
        *batch("d3", 5.1, ("t1", 2, False), ("t3", 1, True)),
        *batch("d4", 9.2, ("t1", 3, True)),
        *struck(*withheld),
    )
    [finding] = judge("order", events, TERMS).findings
    assert "t3 was acknowledged (attempt 1) behind task t1, which had failed in the same batch" in finding.message


def test_what_it_let_fail_overtakes_nobody_either() -> None:
    withheld = batch("d1", 1, ("t2", 1, False))
    events = whole(
        *submitted("t1", "t2"),
        *withheld,
        *batch("d2", 2, ("t1", 1, False), ("t2", 2, True)),
        *batch("d3", 6.1, ("t1", 2, True)),
        *struck(*withheld),
    )
    assert judge("order", events, TERMS).outcome is Outcome.FAIL


def test_groups_do_not_wait_for_one_another() -> None:
    events = whole(
        *submitted("t1", "t2"),
        *batch("d1", 1, ("t1", 1, False), group="a"),
        *batch("d2", 2, ("t2", 1, True), group="b"),
        *batch("d3", 5.1, ("t1", 2, True), group="a"),
    )
    verdict = judge("order", events, TERMS)
    assert (verdict.outcome, verdict.exercised) == (Outcome.PASS, False)


def test_a_message_whose_group_was_not_seen_is_unknown() -> None:
    events = whole(*submitted("t1"), *batch("d1", 1, ("t1", 1, True), group=None))
    verdict = judge("order", events, TERMS)
    assert verdict.outcome is Outcome.UNKNOWN
    assert "the message group was not seen" in verdict.findings[0].message


def test_an_outcome_that_was_not_seen_is_unknown() -> None:
    events = without(HANDED_BACK, AttemptFailed)
    assert judge("order", events, TERMS).outcome is Outcome.UNKNOWN
    for kind in ("Delivered", "AttemptSucceeded", "AttemptFailed"):
        assert judge("order", [*HANDED_BACK, missing(kind)], TERMS).outcome is Outcome.UNKNOWN


def test_of_a_standard_queue_nothing_is_asked() -> None:
    verdict = judge("order", run(FIRST_TRY, DEAD))
    assert (verdict.outcome, verdict.observed) == (Outcome.NOT_APPLICABLE, "the work queue is no FIFO queue")


def test_one_group_for_all_is_advised_against_when_others_waited() -> None:
    verdict = judge("order", HANDED_BACK, TERMS)
    assert verdict.findings == ()
    one = whole(
        *submitted(*(f"t{number}" for number in range(1, 7))),
        *batch("d1", 1, ("t1", 1, False)),
        *batch("d2", 5.1, *((f"t{number}", 2 if number == 1 else 1, True) for number in range(1, 7))),
    )
    verdict = judge("order", one, TERMS)
    assert verdict.outcome is Outcome.PASS
    assert (
        'all 6 messages are in one message group, "g": while one fails, all others wait' in verdict.findings[0].message
    )


def test_a_message_that_waits_for_its_group_is_not_late() -> None:
    # Asked to be away for 4 s, and its neighbour for 30: the group is closed as long as that is hidden.
    events = whole(
        *submitted("t1", "t2"),
        *batch("d1", 1, ("t1", 1, False)),
        *batch("d1", 1, ("t2", 1, False), wait=30),
        *batch("d2", 31.1, ("t1", 2, True), ("t2", 2, True)),
    )
    assert judge("backoff", events, TERMS).outcome is Outcome.PASS
    alone = [replace(each, group=f"of {each.task_id}") if isinstance(each, Delivered) else each for each in events]
    verdict = judge("backoff", alone, TERMS)
    assert verdict.outcome is Outcome.FAIL
    assert "task t1: attempt 1 came back after 30" in verdict.findings[0].message


def test_a_neighbour_before_the_failed_one_is_to_be_left_alone_on_a_fifo_queue_too() -> None:
    # With a seed: t1's draw says that it succeeds, and it was handed back with t2.
    events = in_one_group(run(FIRST_TRY, DEAD))
    verdict = judge("partial_batches", events)
    assert verdict.outcome is Outcome.FAIL
    assert "was handed back" in verdict.findings[0].message
    turned = in_one_group(run(DEAD, FIRST_TRY))
    assert judge("partial_batches", turned).outcome is Outcome.PASS


def in_one_group(events: list[Event]) -> list[Event]:
    """The run on FIFO queues, with both first attempts one delivery that failed as a whole, in the order of submission."""
    first = [each for each in events if isinstance(each, Delivered) and each.receive_count == 1]
    changed: list[Event] = []
    for event in events:
        if event == CONFIGURATION:
            changed.append(FIFO)
        elif getattr(event, "receive_count", 0) != 1:
            changed.append(event)
        elif isinstance(event, Delivered):
            place = first.index(event)
            changed.append(replace(event, at_ms=first[1].at_ms, delivery_id="both", group="g", sequence=place + 1))
        elif isinstance(event, AttemptSucceeded):
            changed.append(
                AttemptFailed(
                    at_ms=first[1].at_ms + 9,
                    reason="the function failed",
                    task_id=event.task_id,
                    message_id=event.message_id,
                    receive_count=1,
                    delivery_id="both",
                )
            )
        else:
            changed.append(replace(event, delivery_id="both"))
    return changed


def test_a_task_whose_message_the_queue_took_for_another_s_is_named_with_the_id() -> None:
    dropped = Deduplicated(at_ms=START_MS + 1, task_id="t2", first_task_id="t1", deduplication_id="same")
    events = whole(*submitted("t1", "t2"), *batch("d1", 1, ("t1", 1, True)), dropped)
    verdict = judge("settlement", events, TERMS)
    assert verdict.outcome is Outcome.FAIL
    assert (
        'task t2 was accepted, and the queue dropped its message: by the deduplication id "same" it took it for that of task t1'
        in (verdict.findings[0].message)
    )
    by_content = [*without(events, dropped), replace(dropped, deduplication_id=None)]
    assert "by its content it took it for that of task t1" in judge("settlement", by_content, TERMS).findings[0].message


def test_no_contract_is_needed_for_it() -> None:
    assert judge("order", HANDED_BACK, Terms(contract=Contract(), dialect=Dialect())).outcome is Outcome.PASS


def died(task: str) -> Event:
    return DeadLettered(at_ms=START_MS + 60_000, task_id=task, message_id=f"m-{task}", payload={})


def test_what_died_behind_a_failure_at_each_receive_is_told_and_fails_nothing() -> None:
    def told(*at_last: tuple[str, int, bool], last: str = "d3") -> list[str]:
        events = whole(
            *submitted("t1", "t2"),
            *batch("d1", 1, ("t1", 1, False), ("t2", 1, False)),
            *batch("d2", 6, ("t1", 2, False), ("t2", 2, False)),
            *batch("d3", 11, *at_last),
            *(batch(last, 11, ("t2", 3, False)) if last != "d3" else []),
            died("t1"),
            died("t2"),
        )
        verdict = judge("order", events, TERMS)
        assert verdict.outcome is Outcome.PASS
        return [each.message for each in verdict.findings]

    [message] = told(("t1", 3, False), ("t2", 3, False))
    assert message.startswith("1 message died that stood behind a failed one of the same group at each receive")
    # In the last one it was tried by itself.
    assert told(("t1", 3, False), last="d4") == []
