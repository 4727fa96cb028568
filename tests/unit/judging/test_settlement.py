"""Every accepted task is settled, as it was submitted, and nothing else; then the queues stay empty."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    Called,
    ConfigurationObserved,
    DeadLettered,
    Delivered,
    Event,
    QueueDepth,
    RunEnded,
    TaskSubmitted,
)
from taskguard.judging.checks import CHECKS
from taskguard.judging.verdict import Outcome, Verdict

from tests.unit.judging.building import DEAD, FIRST_TRY, changed, judge, missing, run, the, without
from tests.unit.judging.calling import call, denied, with_work
from tests.unit.judging.failing import failures_of

EVENTS = run(FIRST_TRY, DEAD)


def settlement(events: list[Event]) -> Verdict:
    return judge("settlement", events)


def messages(events: list[Event], outcome: Outcome) -> str:
    verdict = settlement(events)
    assert verdict.outcome is outcome
    return "\n".join(finding.message for finding in verdict.findings)


def done_again(kind: type[Event], **changes: Any) -> list[Event]:
    return [*EVENTS, replace(the(EVENTS, kind), **changes)]


def submission(status: int) -> TaskSubmitted:
    """One of another task, that was not accepted."""
    accepted = the(EVENTS, TaskSubmitted)
    return replace(accepted, task_id="refused", accepted=False, status_code=status)


def test_counts_are_reported() -> None:
    verdict = settlement(EVENTS)
    assert verdict.observed == "2 tasks accepted: 1 completed, 1 dead-lettered, 0 unsettled"
    assert verdict.figures == {"accepted": 2, "completed": 1, "dead": 1, "unsettled": 0}


def test_a_lost_task_fails_and_tells_what_was_last_seen_of_it() -> None:
    lost = without(EVENTS, AttemptSucceeded)
    task_id = the(EVENTS, AttemptSucceeded).task_id
    expected = f"task {task_id} was neither completed nor dead-lettered; last seen: delivered, receive 1"
    assert messages(lost, Outcome.FAIL) == expected


def test_a_lost_task_fails_at_the_deadline_whatever_the_queues_hold() -> None:
    lost = changed(without(EVENTS, AttemptSucceeded, QueueDepth), the(EVENTS, RunEnded), deadline_reached=True)
    assert settlement(lost).outcome is Outcome.FAIL


def test_an_unsettled_task_is_unknown_when_the_run_was_stopped_early() -> None:
    stopped = without(EVENTS, AttemptSucceeded, QueueDepth)
    assert "the run was stopped before its deadline" in messages(stopped, Outcome.UNKNOWN)


def test_a_lost_task_is_unknown_when_its_end_may_have_gone_unseen() -> None:
    assert settlement([*without(EVENTS, AttemptSucceeded), missing("AttemptSucceeded")]).outcome is Outcome.UNKNOWN


def test_a_refused_task_that_is_done_fails() -> None:
    refused = changed(EVENTS, the(EVENTS, TaskSubmitted), accepted=False, status_code=400)
    assert "was completed although it was never accepted" in messages(refused, Outcome.FAIL)


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_task_that_was_refused_fails(status: int) -> None:
    events = [*EVENTS, submission(status)]
    assert messages(events, Outcome.FAIL) == f"task refused was refused with HTTP {status}"
    assert settlement(events).findings[0].task_id == "refused"
    assert settlement([*events, missing("TaskSubmitted")]).outcome is Outcome.FAIL


def test_a_refused_task_without_an_id_fails() -> None:
    events = [*EVENTS, replace(submission(400), task_id=None)]
    assert messages(events, Outcome.FAIL) == "a task without an id was refused with HTTP 400"


@pytest.mark.parametrize(
    ("status", "answer"), [(0, "no answer"), (429, "HTTP 429"), (500, "HTTP 500"), (503, "HTTP 503")]
)
def test_a_task_that_never_got_a_clear_answer_is_unknown(status: int, answer: str) -> None:
    events = [*EVENTS, submission(status)]
    assert messages(events, Outcome.UNKNOWN) == f"task refused got {answer}, and was not accepted later"


@pytest.mark.parametrize("status", [0, 400, 429, 503])
def test_a_task_that_was_accepted_in_the_end_passes(status: int) -> None:
    accepted = the(EVENTS, TaskSubmitted)
    before = replace(accepted, at_ms=accepted.at_ms - 50, accepted=False, status_code=status)
    verdict = settlement([*EVENTS, before])
    assert (verdict.outcome, verdict.findings) == (Outcome.PASS, ())
    assert verdict.observed.startswith("2 tasks accepted: ")


def test_how_many_were_not_accepted_is_told() -> None:
    events = [*EVENTS, submission(503), replace(submission(400), task_id="another")]
    observed = "2 tasks accepted, 2 not accepted: 1 completed, 1 dead-lettered, 0 unsettled"
    assert settlement(events).observed == observed
    assert settlement(events).outcome is Outcome.FAIL


@pytest.mark.parametrize("status", [0, 503])
def test_a_task_whose_submission_had_no_clear_answer_may_be_done_or_not(status: int) -> None:
    in_doubt = changed(EVENTS, the(EVENTS, TaskSubmitted), accepted=False, status_code=status)
    assert settlement(in_doubt).outcome is Outcome.UNKNOWN
    assert settlement(without(in_doubt, AttemptSucceeded, Delivered)).outcome is Outcome.UNKNOWN


def test_a_task_refused_the_second_time_is_still_expected_to_end() -> None:
    conflict = done_again(TaskSubmitted, accepted=False, status_code=409, payload={"other": 1})
    assert settlement(conflict).outcome is Outcome.PASS


OTHER = {"other": 1}


def with_a_message_of_another_payload(status: int, *, fails: bool = False, receives: int = 1) -> list[Event]:
    """One more submission under the first task's id, with this answer, whose message was delivered all the same."""
    submitted, delivered = the(EVENTS, TaskSubmitted), the(EVENTS, Delivered)
    ended = the(EVENTS, AttemptSucceeded)
    events = [*EVENTS, replace(submitted, accepted=False, status_code=status, payload=OTHER)]
    for number in range(1, receives + 1):
        of: dict[str, Any] = {"message_id": "other", "receive_count": number, "delivery_id": f"other-{number}"}
        at_ms = delivered.at_ms + 20 * number
        events.append(replace(delivered, payload=OTHER, at_ms=at_ms, **of))
        if fails:
            events.append(AttemptFailed(at_ms=at_ms + 9, reason="reported as failed", task_id=ended.task_id, **of))
        else:
            events.append(replace(ended, at_ms=at_ms + 9, **of))
    return events


@pytest.mark.parametrize("status", [409, 503, 0])
def test_the_message_of_a_submission_in_vain_may_be_dropped_and_accuses_nobody(status: int) -> None:
    events = with_a_message_of_another_payload(status)
    assert settlement(events).findings == ()
    for check in CHECKS:
        assert judge(check, events).outcome is not Outcome.FAIL, judge(check, events)


def test_the_message_of_a_submission_in_vain_that_is_worked_on_fails() -> None:
    for events in (
        with_a_message_of_another_payload(409, fails=True),
        with_a_message_of_another_payload(409, receives=2),
        with_a_message_of_another_payload(400),
    ):
        assert "was delivered with another payload than was submitted" in messages(events, Outcome.FAIL)


def test_more_messages_than_it_was_handed_in_leave_open_which_did_the_work() -> None:
    submitted = the(EVENTS, TaskSubmitted)
    messages_of = with_a_message_of_another_payload(409)
    third = [
        replace(event, at_ms=event.at_ms + 100, message_id="third", delivery_id="third")
        for event in messages_of
        if isinstance(event, (Delivered, AttemptSucceeded)) and event.message_id == "other"
    ]
    told = messages([*messages_of, *third], Outcome.UNKNOWN)
    assert f"task {submitted.task_id} was sent in several messages; which of them did the work cannot be told" in told


def test_a_task_delivered_with_another_payload_fails_once_for_all_of_its_deliveries() -> None:
    events = EVENTS
    task_id = the(EVENTS, DeadLettered).task_id
    for delivered in [e for e in EVENTS if isinstance(e, Delivered) and e.task_id == task_id]:
        events = changed(events, delivered, payload={"of": "t1", "amount": 1, "list": [1, None]})
    expected = f"task {task_id} was delivered with another payload than was submitted"
    assert messages([*events, missing("AttemptSucceeded")], Outcome.FAIL).splitlines()[0] == expected
    assert len(settlement(events).findings) == 1


def depths(events: list[Event], queue: str) -> list[QueueDepth]:
    """The two looks at a queue, the first one first."""
    return [event for event in events if isinstance(event, QueueDepth) and event.queue == queue]


def at_the_deadline(events: list[Event]) -> list[Event]:
    return changed(events, the(events, RunEnded), deadline_reached=True)


@pytest.mark.parametrize("where", ["visible", "in_flight", "delayed"])
@pytest.mark.parametrize("queue", ["work", "dead-letter"])
def test_a_message_that_stays_in_a_queue_fails_at_the_deadline_and_is_unknown_before(queue: str, where: str) -> None:
    left = changed(EVENTS, depths(EVENTS, queue)[1], **{where: 2})
    assert f"there were 2 messages left in the {queue} queue" in messages(left, Outcome.UNKNOWN)
    told = messages(at_the_deadline(left), Outcome.FAIL)
    assert f"at the end there were 2 messages left in the {queue} queue" in told
    assert f"2 {where.replace('_', ' ')}" in told


def test_empty_queues_at_the_deadline_pass() -> None:
    assert settlement(at_the_deadline(EVENTS)).outcome is Outcome.PASS


@pytest.mark.parametrize("queue", ["work", "dead-letter"])
def test_a_queue_that_was_looked_at_once_is_unknown(queue: str) -> None:
    first, last = depths(EVENTS, queue)
    expected = f"the {queue} queue was not seen empty twice, 0.25 s apart, so it may not stay so"
    for events in (without(EVENTS, first), changed(EVENTS, first, at_ms=last.at_ms - 249)):
        assert messages(events, Outcome.UNKNOWN) == expected
    assert settlement(changed(EVENTS, first, at_ms=last.at_ms - 250)).outcome is Outcome.PASS


def test_a_queue_that_was_emptied_just_before_the_end_is_unknown() -> None:
    events = changed(EVENTS, depths(EVENTS, "work")[0], in_flight=1)
    assert "was emptied only just before the end" in messages(events, Outcome.UNKNOWN)


def test_a_queue_that_was_not_looked_at_is_unknown() -> None:
    events = without(EVENTS, *depths(EVENTS, "dead-letter"))
    assert "how many messages were left in the dead-letter queue" in messages(events, Outcome.UNKNOWN)


def test_where_all_of_many_tasks_died_nothing_shows_that_one_is_ever_completed() -> None:
    told = messages(run(*[DEAD] * 10), Outcome.UNKNOWN)
    assert told.startswith("none of 10 tasks was completed, so nothing shows that the pipeline ever completes one: ")
    assert "most often after reported as failed" in told
    assert told.endswith("grade with --no-sandbox")
    for fates in ([DEAD] * 9, [*[DEAD] * 10, FIRST_TRY]):
        assert settlement(run(*fates)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"error_type": "Runtime.UserCodeSyntaxError"}, Outcome.FAIL),
        ({"error_type": "NameError"}, Outcome.FAIL),
        ({"error_type": "NameError", "loaded": True}, Outcome.UNKNOWN),
        # A package, or a variable, may be missing here alone.
        ({"error_type": "Runtime.ImportModuleError"}, Outcome.UNKNOWN),
        ({"error_type": "KeyError"}, Outcome.UNKNOWN),
        # Another function's, which has no part in the work.
        ({"error_type": "NameError", "delivery_id": "of-another"}, Outcome.UNKNOWN),
    ],
)
def test_code_that_nothing_could_load_fails_where_none_was_completed(changes: dict[str, Any], outcome: Outcome) -> None:
    events = run(*[DEAD] * 10)
    failed = next(each for each in events if isinstance(each, AttemptFailed))
    events = [*events, *failures_of(events, failed.task_id, **changes)]
    assert settlement(events).outcome is outcome
    if outcome is Outcome.FAIL:
        assert messages(events, outcome).startswith("no task can be completed: work cannot be loaded: ")


@pytest.mark.parametrize("has_dead_letter_queue", [True, False, None])
def test_what_fails_for_ever_since_its_queue_has_no_dead_letter_queue_is_told_as_that(
    *, has_dead_letter_queue: bool | None
) -> None:
    settings = the(EVENTS, ConfigurationObserved)
    events = changed(without(EVENTS, DeadLettered), settings, dead_letter_queue=has_dead_letter_queue)
    told = messages([*events], Outcome.FAIL)
    assert ("The work queue has no redrive policy" in told) is (has_dead_letter_queue is False)


def test_where_all_died_though_their_work_was_done_that_is_told() -> None:
    events = run(*[DEAD] * 10)
    failures = [each for each in events if isinstance(each, AttemptFailed)]
    works = [call(each.task_id, each.delivery_id, at_ms=each.at_ms - 5) for each in failures]
    told = messages([*events, *works], Outcome.UNKNOWN)
    assert told.endswith(
        "reported as failed, though dynamodb.PutItem on results was done at each attempt: is what is done taken for a failure?"
    )
    assert messages([*events, *works[1:]], Outcome.UNKNOWN).endswith("grade with --no-sandbox")


def test_a_task_that_was_acknowledged_though_its_call_failed_fails_and_the_call_is_told() -> None:
    events = with_work(run(FIRST_TRY, FIRST_TRY, FIRST_TRY, FIRST_TRY))
    done = the(events, Called)
    refused = replace(done, status=400, error="AccessDeniedException")
    acknowledged = next(each for each in events if isinstance(each, AttemptSucceeded) and each.task_id in done.task_ids)
    lost = [*without(events, done), refused, denied(acknowledged)]
    verdict = settlement(lost)
    assert verdict.outcome is Outcome.FAIL
    [finding] = verdict.findings
    assert finding.message.endswith(
        "was acknowledged at attempt 1 without what is done for each task that succeeds at once: dynamodb.PutItem on results; "
        "PutItem failed with AccessDeniedException"
    )
    # Who is refused, and does it at the next attempt, has lost nothing.
    again = [*events, refused, denied(acknowledged)]
    assert settlement(again).outcome is Outcome.PASS


@pytest.mark.parametrize("unread", ["all of them", "all but one"])
def test_where_no_message_at_all_has_the_stated_id_its_name_is_in_doubt(unread: str) -> None:
    events = run(FIRST_TRY, FIRST_TRY)
    spared = None if unread == "all of them" else next(each.task_id for each in events if isinstance(each, Delivered))
    events = [
        replace(each, task_id=None)
        if isinstance(each, (Delivered, AttemptSucceeded)) and each.task_id != spared
        else each
        for each in events
    ]
    if spared is None:
        told = messages(events, Outcome.UNKNOWN)
        assert "is its id in the field taskId, as taskguard.toml states below [message]?" in told
    else:
        assert "neither completed nor dead-lettered" in messages(events, Outcome.FAIL)
