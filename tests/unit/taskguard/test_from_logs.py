"""A run's history from logs and records alone: what is told, what is waited for, and what is said to be missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from taskguard.evidence.log_lines import LogLine
from taskguard.evidence.logs import seal
from taskguard.evidence.logs.from_logs import LOCAL, ON_AWS
from taskguard.evidence.recorder.deliveries import FROM_RECORDER
from taskguard.history import (
    AttemptSucceeded,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    EvidenceMissing,
    History,
)
from taskguard.judging.grading import grade
from taskguard.judging.verdict import Outcome

from tests.comparison import differences
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    START_MS,
    THIRD_TRY,
    altered,
    changed,
    holds,
    run,
    the,
)
from tests.unit.taskguard.conftest import Clock
from tests.unit.taskguard.fake_aws import MONITOR, WORKER, Functions, Queues, compact, package
from tests.unit.taskguard.log_run import LoggedRun, affected, run_of
from tests.unit.taskguard.log_story import MONITOR_GROUP, WORK_GROUP, Logged, Story, digest, handed, start, trail

OF_DELIVERIES = {"Delivered", "AttemptSucceeded", "AttemptFailed", "BackoffRequested"}
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "FilterLogEvents")


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is downloaded from where; by default the package whose trail is this project's own."""
    found: dict[str, bytes] = {}
    monkeypatch.setattr(seal, "download", lambda _, location: found.get(location, package()))
    return found


def good_run(**options: Any) -> LoggedRun:
    return run_of(run(FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD), **options)


def of_request(request_id: str) -> Callable[[Logged], bool]:
    return lambda logged: logged.line.stream == f"stream of {request_id}"


@pytest.mark.parametrize("afterwards", [False, True])
def test_complete_logs_tell_the_whole_run(clock: Clock, afterwards: bool) -> None:
    logged = good_run(afterwards=afterwards)
    history = logged.history()
    assert differences(History(logged.events), history, tolerance_ms=5.0) == []
    assert affected(history) == set()
    assert {v.check: v.outcome for v in grade(history, EXPECTED).verdicts if not holds(v)} == {}
    assert LOCAL.quiet_seconds <= sum(clock.waited) < 2 * LOCAL.quiet_seconds + 0.5


def test_a_run_without_tasks_has_no_logs_and_lacks_nothing(clock: Clock) -> None:
    assert affected(LoggedRun([], [], []).history()) == set()


def test_on_aws_silence_takes_longer(clock: Clock) -> None:
    history = good_run(url=None).history()
    assert affected(history) == set()
    assert ON_AWS.quiet_seconds <= sum(clock.waited) < ON_AWS.quiet_seconds + 2


@pytest.mark.parametrize("group", [WORK_GROUP, MONITOR_GROUP])
def test_logs_that_come_late_are_waited_for(clock: Clock, group: str) -> None:
    logged, begun = good_run(), clock.now
    logged.service.now = lambda: clock.now
    for number, each in enumerate(line for line in logged.lines if line.line.group == group):
        line = each.line
        logged.service.put(line.group, line.stream, line.at_ms, line.message, arrives=begun + number % 20)
    logged.lines = [each for each in logged.lines if each.line.group != group]
    history = logged.history()
    assert differences(History(logged.events), history, tolerance_ms=1.0) == []
    assert affected(history) == set()
    assert sum(clock.waited) < LOCAL.late_seconds


def first(kind: str, of: str) -> Callable[[Logged], bool]:
    """The first line of this kind of the invocations whose request id begins so."""
    found: list[LogLine] = []

    def is_it(logged: Logged) -> bool:
        if not found and logged.what == kind and logged.line.stream.startswith(f"stream of {of}"):
            found.append(logged.line)
            return True
        return False

    return is_it


@pytest.mark.parametrize(
    ("lost", "kinds"),
    [
        pytest.param("message-of-t3*-delivery-2", OF_DELIVERIES, id="a delivery between others"),
        pytest.param("message-of-t3*-delivery-3", OF_DELIVERIES, id="the last before a death"),
        pytest.param("message-of-t1*-delivery-1", OF_DELIVERIES, id="the first of two"),
        pytest.param("message-of-t0*-delivery-1", OF_DELIVERIES, id="the only one"),
        pytest.param("dead-*", {"DeadLettered"}, id="a death"),
    ],
)
def test_an_invocation_that_is_lost_is_missed(clock: Clock, lost: str, kinds: set[str]) -> None:
    front, _, rest = lost.partition("*")

    def is_lost(logged: Logged) -> bool:
        stream = logged.line.stream
        return stream.startswith(f"stream of {front}") and stream.endswith(rest)

    history = good_run().without(is_lost).history()
    assert affected(history) == kinds
    assert LOCAL.late_seconds <= sum(clock.waited)
    assert grade(history, EXPECTED).outcome == Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "of", "kinds"),
    [
        ("RECEIVED", "message-of-t0", {*FROM_RECORDER}),
        ("RECEIVED", "dead-", {*FROM_RECORDER}),
        ("ANSWERED", "message-of-t0", {"AttemptSucceeded", "AttemptFailed"}),
        ("ANSWERED", "message-of-t1", {"AttemptSucceeded", "AttemptFailed"}),
        ("ANSWERED", "dead-", {"AttemptSucceeded", "AttemptFailed", "DeadLetterLogged"}),
        ("CALL", "message-of-t1", {"BackoffRequested"}),
        ("CALL", "message-of-t3", {"BackoffRequested"}),
        ("REPORT", "dead-", {"DeadLetterLogged"}),
        ("REPORT", "message-of-t0", set()),
        ("START", "message-of-t0", set()),
        ("END", "message-of-t0", set()),
    ],
)
def test_a_line_that_is_lost_is_missed_where_it_matters(clock: Clock, kind: str, of: str, kinds: set[str]) -> None:
    assert affected(good_run().without(first(kind, of)).history()) == kinds


def test_a_record_that_says_completed_before_it_is_seen_is_waited_for(clock: Clock) -> None:
    events = run(SECOND_TRY)
    completed = the(events, AttemptSucceeded)
    logged = run_of(events).without(of_request(completed.delivery_id))
    # Nothing but its status tells of the success.
    logged.items[0]["attempts"] = logged.items[0]["attempts"][:1]
    history = logged.history()
    assert affected(history) == {"AttemptSucceeded"}
    assert "whose record says so" in history.of_kind(EvidenceMissing)[0].what


def test_an_attempt_number_that_no_delivery_has_is_the_record_s_own_fault(clock: Clock) -> None:
    logged = run_of(run(FIRST_TRY))
    logged.items[0]["attempts"] = [{"number": 0, "outcome": "SUCCEEDED"}]
    history = logged.history()
    assert affected(history) == set()
    assert grade(history, EXPECTED).outcome == Outcome.FAIL


def test_a_death_after_receives_that_nobody_saw_may_be_throttling(clock: Clock) -> None:
    """A message that is received, and whose function AWS then does not invoke, counts as received."""
    events = run(DEAD)
    third = the(events, Delivered, 2)
    epitaph = the(events, DeadLetterLogged)
    fields = {**epitaph.fields, "attempts": 2, "lastError": "failure 2"}
    logged = run_of(changed(events, epitaph, fields=fields)).without(of_request(third.delivery_id))
    logged.items[0]["attempts"] = logged.items[0]["attempts"][:2]
    history = logged.history()
    assert affected(history) == OF_DELIVERIES
    assert grade(history, EXPECTED).outcome == Outcome.UNKNOWN


def test_a_death_after_as_many_receives_as_the_queue_allows_lacks_nothing(clock: Clock) -> None:
    """The queue is the pipeline's own: that it allows too few is for a check to say."""
    events = run(DEAD)
    third = the(events, Delivered, 2)
    fewer = [event for event in events if getattr(event, "delivery_id", None) != third.delivery_id]
    queues = Queues({"VisibilityTimeout": "90", "RedrivePolicy": '{"maxReceiveCount":2}'})
    logged = run_of(fewer, queues=queues)
    logged.items[0]["attempts"] = logged.items[0]["attempts"][:2]
    history = logged.history()
    assert affected(history) == set()
    assert {v.check for v in grade(history, EXPECTED).verdicts if v.outcome == Outcome.FAIL} >= {"redrive"}


def test_a_message_that_a_consumer_sent_to_the_dead_letter_queue_itself_lacks_no_delivery(clock: Clock) -> None:
    events = run(DEAD)
    death, attempts = the(events, DeadLettered), [the(events, Delivered, n).delivery_id for n in (1, 2)]
    events = [e for e in events if getattr(e, "delivery_id", None) not in attempts]
    events = changed(events, death, message_id="another")
    logged = run_of(events)
    logged.items[0]["attempts"] = logged.items[0]["attempts"][:1]
    history = logged.history()
    assert affected(history) == set()
    assert {v.check for v in grade(history, EXPECTED).verdicts if v.outcome == Outcome.FAIL} >= {"redrive"}


def test_an_early_return_that_no_logged_call_made_is_missing_evidence_even_beside_a_refused_one(clock: Clock) -> None:
    logged = run_of(run(SECOND_TRY))
    refused = [_refused(each) for each in logged.lines]
    history = LoggedRun(logged.events, refused, logged.items).history()
    assert affected(history) == {"BackoffRequested"}
    assert grade(history, EXPECTED).outcome == Outcome.UNKNOWN


def _refused(logged: Logged) -> Logged:
    line = logged.line
    message = line.message.replace('"status":200', '"status":400,"error":"InvalidParameterValue"')
    return Logged(logged.what, LogLine(line.group, line.stream, line.at_ms, message))


# It comes back after 5 s, by the function's clock, and the poller had it a moment before the function did.
@pytest.mark.parametrize(("hidden_seconds", "lacking"), [("4", set()), ("6", set()), ("8", {"BackoffRequested"})])
def test_without_a_call_a_message_comes_back_when_its_queue_lets_it(
    clock: Clock, hidden_seconds: str, lacking: set[str]
) -> None:
    queues = Queues({"VisibilityTimeout": hidden_seconds, "RedrivePolicy": '{"maxReceiveCount":3}'})
    history = run_of(run(SECOND_TRY), queues=queues).without(lambda logged: logged.what == "CALL").history()
    assert affected(history) == lacking
    if lacking:
        assert grade(history, EXPECTED).outcome == Outcome.UNKNOWN
        return
    assert {v.check for v in grade(history, EXPECTED).verdicts if v.outcome == Outcome.FAIL} >= {"backoff"}


def test_throttling_is_survived(clock: Clock) -> None:
    logged = good_run()
    logged.service.failing = [THROTTLED, None, THROTTLED, None, None, THROTTLED]
    history = logged.history()
    assert differences(History(logged.events), history, tolerance_ms=1.0) == []
    assert affected(history) == set()


@pytest.mark.parametrize("error", [THROTTLED, EndpointConnectionError(endpoint_url="http://127.0.0.1:1")])
def test_logs_that_cannot_be_read_are_missing_in_one_line(clock: Clock, error: Exception) -> None:
    logged = good_run()
    logged.service.failing = [error] * 10_000
    history = logged.history()
    assert affected(history) >= {*FROM_RECORDER, "DeadLetterLogged"}
    assert any(str(error) in event.what for event in history.of_kind(EvidenceMissing))
    assert grade(history, EXPECTED).outcome == Outcome.UNKNOWN


def test_logs_that_never_end_are_not_complete(clock: Clock) -> None:
    logged, begun = good_run(), clock.now
    logged.service.now = lambda: clock.now
    for second in range(100):
        chatter = compact({"message": f"still here, {second}"})
        logged.service.put(WORK_GROUP, "stream", int(START_MS) + 10**6 + second, chatter, arrives=begun + second * 0.5)
    history = logged.history()
    assert affected(history) == {*FROM_RECORDER}
    assert "more to come" in history.of_kind(EvidenceMissing)[0].what


def test_lines_that_the_engine_keeps_to_itself_are_missing(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskguard.evidence.log_lines.MOST_EVENTS_A_PAGE", 3)
    logged = good_run(afterwards=True)
    logged.service.tokens = logged.service.ids = False
    assert affected(logged.history()) >= {*FROM_RECORDER}


def test_a_trail_that_is_not_ours_is_not_listened_to(clock: Clock, packages: dict[str, bytes]) -> None:
    functions = Functions(locations={WORKER: "another"})
    packages["another"] = package(trail=b"logger.info('all is well')")
    history = good_run(lambdas=functions).history()
    assert affected(history) == {*FROM_RECORDER}
    assert history.of_kind(Delivered) == ()
    assert len(history.of_kind(DeadLettered)) == 1
    assert grade(history, EXPECTED).outcome == Outcome.UNKNOWN
    [missing] = history.of_kind(EvidenceMissing)
    assert WORKER in missing.what


def test_a_monitor_that_is_not_believed_tells_of_no_death(clock: Clock, packages: dict[str, bytes]) -> None:
    packages["another"] = package(trail=None)
    history = good_run(lambdas=Functions(locations={MONITOR: "another"})).history()
    assert history.of_kind(DeadLettered) == ()
    assert affected(history) == {*FROM_RECORDER}
    assert grade(history, EXPECTED).outcome == Outcome.UNKNOWN


def test_nobody_is_accused_by_a_witness_that_is_not_believed(clock: Clock, packages: dict[str, bytes]) -> None:
    """An older trail may have told it wrongly."""
    packages["older"] = package(trail=b"an older one")
    events = run(FIRST_TRY, DEAD)
    success = the(events, AttemptSucceeded)
    accused = run_of([*events, altered(success, at_ms=success.at_ms + 1, message_id="twice", delivery_id="twice")])
    accused.fakes["lambdas"] = Functions(locations={WORKER: "older", MONITOR: "older"})
    assert grade(accused.history(), EXPECTED).outcome == Outcome.UNKNOWN


def only(logged: LoggedRun, prefix: str) -> frozenset[str]:
    return frozenset(i for i in History(logged.events).task_ids if i.startswith(prefix))


def test_some_tasks_are_told_when_nothing_more_is_said_of_them(clock: Clock) -> None:
    logged = good_run()
    history = logged.history(only(logged, "t1"))
    assert {event.task_id for event in history.of_kind(Delivered)} == only(logged, "t1")
    assert affected(history) == set()
    assert LOCAL.quiet_seconds <= sum(clock.waited) < LOCAL.quiet_seconds + 1.0


def test_an_end_of_one_of_these_tasks_that_comes_late_is_waited_for(clock: Clock) -> None:
    logged, begun = good_run(), clock.now
    late = first("ANSWERED", "message-of-t1")
    [answer] = [each.line for each in logged.lines if late(each)]
    logged = logged.without(lambda each: each.line is answer)
    logged.service.now = lambda: clock.now
    logged.service.put(answer.group, answer.stream, answer.at_ms, answer.message, arrives=begun + 12)
    wanted = only(logged, "t1")
    history = logged.history(wanted)
    assert affected(history) == set()
    assert len(history.of_task(next(iter(wanted)))) == len(History(logged.events).of_task(next(iter(wanted))))


def test_an_invocation_whose_messages_are_not_logged_yet_may_be_of_these_tasks(clock: Clock) -> None:
    logged, begun = good_run(), clock.now
    logged.service.now = lambda: clock.now
    logged.service.put(WORK_GROUP, "another's", int(START_MS) + 10**6, start("another"))
    received = trail("TRAIL_RECEIVED", "another", at=START_MS + 10**6, messages=[handed("m", 1, "another's", {})])
    logged.service.put(WORK_GROUP, "another's", int(START_MS) + 10**6, received, arrives=begun + 5)
    assert affected(logged.history(only(logged, "t1"))) == set()
    assert 5 <= sum(clock.waited) < 7


def delivered_payloads(history: History) -> list[Any]:
    return [*(e.payload for e in history.of_kind(Delivered)), *(e.payload for e in history.of_kind(DeadLettered))]


def test_payloads_are_found_where_they_are_stored_or_were_submitted(clock: Clock) -> None:
    events: list[Event] = run(FIRST_TRY)
    from_table = run_of(events).history()
    logged = run_of(events)
    del logged.items[0]["payload"]
    from_submission = logged.history()
    payload = the(events, Delivered).payload
    assert delivered_payloads(from_table) == delivered_payloads(from_submission) == [payload]


def test_a_payload_that_nobody_knows_is_another_one(clock: Clock) -> None:
    events = run(DEAD)
    death = the(events, DeadLettered)
    history = run_of(changed(events, death, payload={"forged": True})).history()
    assert digest(compact({"taskId": death.task_id, "payload": {"forged": True}})) in str(delivered_payloads(history))
    assert {v.check for v in grade(history, EXPECTED).verdicts if v.outcome == Outcome.FAIL} == {"redrive"}


def test_a_poison_message_is_told_with_its_body(clock: Clock) -> None:
    story = Story()
    received = trail("TRAIL_RECEIVED", "r", at=1000.0, messages=[handed("m", 1, None, "no json")])
    answered = trail("TRAIL_ANSWERED", "r", at=1009.0, answer={"batchItemFailures": []})
    epitaph = compact({"event": "POISON_DEAD_LETTER", "body": "no json", "messageId": "m"})
    said = [("RECEIVED", 1000.0, received), ("LOG", 1001.0, epitaph), ("ANSWERED", 1009.0, answered)]
    story.invocation(WORK_GROUP, "r", 1000.0, 1009.0, *said)
    history = LoggedRun([], story.lines, []).history()
    assert [(e.task_id, e.payload) for e in history.of_kind(Delivered)] == [(None, "no json")]
