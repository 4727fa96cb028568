"""From log lines to invocations and calls: whatever the lines say, and whatever they leave open."""

from __future__ import annotations

import json
from typing import Any

import pytest
from taskguard.contract.dialect import MessageWords
from taskguard.evidence.log_lines import LogLine
from taskguard.evidence.recorder.deliveries import FROM_RECORDER, events_of
from taskguard.evidence.recorder.recording import Call, Recording
from taskguard.history import BackoffRequested, DeadLettered, EvidenceMissing

from tests.unit.taskguard.fake_aws import compact
from tests.unit.taskguard.log_story import (
    MONITOR_GROUP,
    WORK_GROUP,
    body_of,
    call,
    digest,
    end,
    entry,
    handed,
    report,
    start,
    trail,
)
from tests.unit.taskguard.recorder_lines import DEAD_ARN, STACK
from tests.unit.taskguard.trail_lines import (
    FAILURE,
    R1,
    R2,
    SUCCESS,
    answered,
    kinds,
    raised,
    received,
    recording_of,
    the_invocation,
    told,
    trail_of,
    whole,
)


def test_the_whole_story_of_an_invocation() -> None:
    body = body_of("t1", {"n": 1})
    lines = [
        start(R1),
        received(),
        call(R1, entry("m1", 1, 5), at=1004.0),
        compact({"level": "WARNING", "message": "attempt failed", "taskId": "t1"}),
        answered(),
        end(R1),
        report(R1, 10.0),
    ]
    recording = recording_of(*lines, bodies={digest(body): body})
    assert recording.damage == []
    [invocation], [made] = recording.invocations.values(), recording.calls
    assert (invocation.function, invocation.request_id) == ("TaskGuard-dev-processTask", R1)
    assert (invocation.started_at_ms, invocation.ended_at_ms, invocation.is_error) == (1000.0, 1010.0, False)
    assert json.loads(invocation.response or "") == FAILURE
    [message] = invocation.messages
    assert (message.message_id, message.receive_count, message.body) == ("m1", 1, body)
    assert isinstance(made, Call)
    assert (made.started_at_ms, made.ended_at_ms, made.status, made.error_code) == (1004.0, 1007.0, 200, None)
    assert kinds(*lines) == ["Delivered", "AttemptFailed", "BackoffRequested"]


def test_what_is_wanted_to_tell_bodies_is_noted() -> None:
    found = trail_of(
        received(R1, handed("m1", 1, "t1", {}), handed("m2", 1, None, "poison")),
        compact({"event": "POISON_DEAD_LETTER", "body": "poison", "messageId": "m2"}),
        compact({"event": "TASK_DEAD_LETTER", "taskId": "t1", "payload": {"n": 1}}),
        compact({"event": "TASK_DEAD_LETTER", "taskId": 7}),
        compact({"event": "POISON_DEAD_LETTER", "body": None}),
    )
    assert found.task_ids == {"t1"}
    assert found.bodies_wanted == {digest(body_of("t1", {})), digest("poison")}
    assert found.poison_bodies == ["poison"]
    assert found.dead_payloads == [("t1", {"n": 1})]


def test_a_body_that_is_not_known_is_not_another_s() -> None:
    message, poison = (
        recording_of(received(R1, handed("m1", 1, "t1", {}), handed("m2", 1, None, "x"))).invocations[R1].messages
    )
    assert MessageWords().read(message.body)[0] == "t1"
    assert digest(body_of("t1", {})) in str(MessageWords().read(message.body)[1])
    assert MessageWords().read(poison.body)[0] is None


@pytest.mark.parametrize("init_line", [None, 190])
def test_a_cold_start_is_part_of_the_invocation_that_it_is_for(init_line: int | None) -> None:
    init = [(init_line, "INIT_START Runtime Version: python:3.13.v1\tRuntime Version ARN: arn")] if init_line else []
    cold = the_invocation(*init, (999, start(R1)), received(), answered(), (1010, report(R1, 10.0, init_ms=800.0)))
    assert (cold.started_at_ms, cold.ended_at_ms) == (200.0, 1010.0)


def test_a_function_that_was_ready_before_began_when_it_was_handed_the_message() -> None:
    """AWS may prepare a function minutes before it is needed, and reports that with the first invocation all the same."""
    ready = the_invocation(
        (-60_000, "INIT_START Runtime Version: python:3.13.v1\tRuntime Version ARN: arn"),
        (999, start(R1)),
        received(),
        answered(),
        (1010, report(R1, 10.0, init_ms=800.0)),
    )
    assert ready.started_at_ms == 1000.0


def test_a_cold_start_before_is_not_the_next_invocation_s() -> None:
    lines = [
        (100, "INIT_START Runtime Version: python:3.13.v1\tRuntime Version ARN: arn"),
        *((999, line) for line in whole(R1)[:-1]),
        (1010, report(R1, 10.0, init_ms=890.0)),
        *((2000, line) for line in whole(R2)),
    ]
    first, second = recording_of(*lines).invocations.values()
    assert (first.started_at_ms, second.started_at_ms) == (110.0, 1000.0)


def test_an_engine_that_logs_afterwards_counts_a_cold_start_as_duration() -> None:
    slow = the_invocation(*((1011, line) for line in [*whole()[:-1], report(R1, 811.0)]))
    assert slow.started_at_ms == pytest.approx(200.0, abs=2.0)
    assert slow.started_at_ms >= 200.0


def test_no_invocation_began_after_its_message_was_received() -> None:
    assert the_invocation(*((9000, line) for line in [*whole()[:-1], report(R1, 10.0)])).started_at_ms == 1000.0


def test_a_line_that_was_collected_with_the_next_invocation_is_of_its_own() -> None:
    lines = [start(R1), received(R1), end(R1), report(R1, 10.0)]
    lines += [start(R2), answered(R1, SUCCESS), received(R2), answered(R2, FAILURE), end(R2), report(R2, 10.0)]
    first, second = recording_of(*lines).invocations.values()
    assert [json.loads(i.response or "") for i in (first, second)] == [SUCCESS, FAILURE]


AWS_TIMEOUT = f"2026-11-24T00:00:15.000Z {R1} Task timed out after 15.00 seconds"


@pytest.mark.parametrize(
    "said",
    [
        [AWS_TIMEOUT],
        ["Task timed out after 15.00 seconds"],
        [f"RequestId: {R1} Error: Runtime exited with error: signal: killed", "Runtime.ExitError"],
        ["Runtime.ExitError"],
        ["[ERROR] MemoryError: out of it\nTraceback (most recent call last):"],
    ],
)
@pytest.mark.parametrize("reported_first", [False, True])
def test_an_invocation_that_was_ended_by_the_platform_has_failed(said: list[str], reported_first: bool) -> None:
    ended = [end(R1), report(R1, 15_000.0)]
    lines = [*ended, *said] if reported_first else [*said, *ended]
    invocation = the_invocation((999, start(R1)), received(), *lines)
    assert invocation.is_error
    assert invocation.ended_at_ms == 16_000.0
    assert invocation.response in said


@pytest.mark.parametrize("status", ["timeout", "error"])
def test_a_report_of_a_failure_is_enough(status: str) -> None:
    invocation = the_invocation((999, start(R1)), received(), (16_000, report(R1, 15_000.0, status=status)))
    assert (invocation.is_error, invocation.ended_at_ms) == (True, 16_000.0)


def test_a_report_of_success_is_none_of_failure() -> None:
    assert the_invocation(*whole()[:-1], report(R1, 10.0, status="success")).is_error is False


def test_an_error_of_another_stream_is_not_this_one_s() -> None:
    found = trail_of(start(R1), received(), report(R1, 10.0))
    found.add([LogLine(WORK_GROUP, "another stream", 1010, "Task timed out after 15.00 seconds")])
    assert found.recording({}, MessageWords()).invocations[R1].ended_at_ms is None


def test_an_error_that_names_another_invocation_is_that_one_s() -> None:
    lines = [start(R1), received(R1), report(R1, 10.0), start(R2), received(R2), AWS_TIMEOUT, report(R2, 10.0)]
    first, second = recording_of(*lines).invocations.values()
    assert (first.is_error, second.is_error) == (True, False)


def test_an_exception_that_the_trail_saw_is_the_invocation_s_end() -> None:
    lines = [
        start(R1),
        received(),
        raised(at=1234.0),
        "[ERROR] KeyError: 'lost'\nTraceback",
        end(R1),
        report(R1, 900.0),
    ]
    invocation = the_invocation(*lines)
    assert (invocation.is_error, invocation.ended_at_ms, invocation.response) == (True, 1234.0, "KeyError: 'lost'")


@pytest.mark.parametrize(
    "said",
    [
        "[ERROR] something a function may print",
        compact({"message": "Task timed out after 5 s, it was told", "level": "ERROR"}),
        f"RequestId: {R1} Error: Runtime exited without providing a reason",
    ],
)
def test_an_answer_stands_whatever_else_was_said(said: str) -> None:
    lines = [start(R1), received(), said, answered(answer=SUCCESS), said, end(R1), report(R1, 10.0), said]
    assert kinds(*lines) == ["Delivered", "AttemptSucceeded"]


@pytest.mark.parametrize("said", [AWS_TIMEOUT, report(R1, 15_000.0, status="timeout")])
def test_an_answer_that_the_platform_calls_a_failure_leaves_the_end_open(said: str) -> None:
    lines = [start(R1), received(), answered(answer=SUCCESS), said, end(R1)]
    assert kinds(*lines) == ["EvidenceMissing", "Delivered"]


def test_words_of_a_function_s_own_record_are_no_platform_s() -> None:
    line = compact({"message": "Task timed out after 5 s, it was told", "level": "ERROR"})
    assert kinds(start(R1), received(), line, report(R1, 10.0)) == ["EvidenceMissing", "Delivered"]


def test_an_answer_without_a_report_is_an_end_of_which_more_may_be_logged() -> None:
    found = trail_of(start(R1), received(), answered())
    assert found.open == [R1]
    assert found.recording({}, MessageWords()).invocations[R1].ended_at_ms == 1010.0
    found.add([LogLine(WORK_GROUP, "stream", 1010, report(R1, 10.0))])
    assert found.open == []


def test_a_report_without_an_answer_and_an_error_leaves_the_end_open() -> None:
    lines = [start(R1), received(), end(R1), report(R1, 10.0)]
    assert trail_of(*lines).open == []
    [missing, _] = told(*lines)
    assert isinstance(missing, EvidenceMissing)
    assert missing.affects == ("AttemptSucceeded", "AttemptFailed")


def test_no_answer_at_all_is_the_answer_null() -> None:
    """A record of Powertools has no names whose value is none."""
    lines = [start(R1), received(), trail("TRAIL_ANSWERED", R1, at=1010.0, answer=None), report(R1, 10.0)]
    assert kinds(*lines) == ["Delivered", "AttemptSucceeded"]


@pytest.mark.parametrize("lines", [[start(R1)], [start(R1), end(R1), report(R1, 1.0)], [report(R1, 1.0)], [answered()]])
def test_an_invocation_without_a_trail_is_damage(lines: list[str]) -> None:
    [missing] = told(*lines)
    assert isinstance(missing, EvidenceMissing)
    assert missing.affects == FROM_RECORDER
    assert R1 in missing.what


@pytest.mark.parametrize("event", ["TRAIL_RECEIVED", "TRAIL_CALL", "TRAIL_ANSWERED"])
def test_a_trail_of_no_invocation_is_damage(event: str) -> None:
    line = json.loads({"TRAIL_RECEIVED": received(), "TRAIL_CALL": call(R1, at=1.0)}.get(event, answered()))
    del line["requestId"]
    [damage] = recording_of(compact(line)).damage
    assert event in damage


@pytest.mark.parametrize("line", ["", "{", "[]", '{"event": "TRAIL_RECEIVED"', "END", '{"event":' * 100_000, "{}"])
def test_other_lines_tell_nothing(line: str) -> None:
    assert recording_of(line) == Recording()


def test_an_api_function_s_own_groups_are_not_asked_for_and_would_be_damage() -> None:
    """Only consumers leave a trail, so only their groups may be read."""
    found = trail_of(start(R1), report(R1, 1.0), group="/aws/lambda/TaskGuard-dev-submitTask")
    assert len(found.recording({}, MessageWords()).damage) == 1


def test_a_refused_call_is_told_as_refused() -> None:
    refusal = call(R1, entry("m1", 1, 5), at=1004.0, status=400, error="InvalidParameterValue")
    [_, _, backoff] = told(start(R1), received(), refusal, answered(), report(R1, 10.0))
    assert isinstance(backoff, BackoffRequested)
    assert backoff.accepted is False


@pytest.mark.parametrize("answer", [{"status": 0, "error": "ReadTimeoutError"}, {"status": 503, "error": "Busy"}])
def test_a_call_whose_effect_nobody_knows_is_neither_accepted_nor_refused(answer: dict[str, Any]) -> None:
    [_, _, missing] = told(
        start(R1), received(), call(R1, entry("m1", 1, 5), at=1004.0, **answer), answered(), report(R1, 10.0)
    )
    assert isinstance(missing, EvidenceMissing)
    assert missing.affects == ("BackoffRequested",)
    assert "m1" in missing.what


def test_the_entries_of_a_batch_are_told_each() -> None:
    messages = [handed(m, 1, f"t-{m}", {}) for m in ("m1", "m2")]
    batch = call(R1, entry("m1", 1, 5, "a"), entry("m2", 1, 0, "b"), at=1004.0, refused=["b"])
    found = told(start(R1), received(R1, *messages), batch, answered(), report(R1, 10.0))
    backoffs = [event for event in found if isinstance(event, BackoffRequested)]
    assert [(b.message_id, b.delay_seconds, b.accepted) for b in backoffs] == [("m1", 5.0, True), ("m2", 0.0, False)]


def test_a_dead_letter_is_told_at_its_first_delivery_however_late_that_was_logged() -> None:
    second = received(R2, handed("m1", 5, "t1", {}, DEAD_ARN), at=9000.0)
    first = received(R1, handed("m1", 4, "t1", {}, DEAD_ARN), at=2000.0)
    [dead] = told(second, answered(R2, SUCCESS), first, answered(R1, SUCCESS))
    assert isinstance(dead, DeadLettered)
    assert dead.at_ms == 2000.0


def test_equal_messages_in_one_stack_s_two_queues_are_told_apart() -> None:
    found = trail_of(received(R1, handed("m1", 4, "t1", {}, DEAD_ARN)), answered(R1, SUCCESS), group=MONITOR_GROUP)
    [death] = events_of(found.recording({}, MessageWords()), STACK, MessageWords())
    assert isinstance(death, DeadLettered)
