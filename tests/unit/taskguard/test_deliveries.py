"""From the recorder's lines to deliveries, their outcomes, backoffs and dead letters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.answers import failure_reason
from taskguard.evidence.recorder.deliveries import FROM_RECORDER, handled_dead_letters, tasks_of
from taskguard.evidence.recorder.recording import Invocation, Message
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    DeadLettered,
    Delivered,
    EvidenceMissing,
    FaultInjected,
    HeldUp,
)
from taskguard.history.values import QueueName

from tests.unit.taskguard.recorder_lines import (
    DEAD_ARN,
    FUNCTION,
    STACK,
    WORK_ARN,
    WORK_URL,
    aws_call,
    ended,
    fault_injected,
    recording_of,
    sqs_record,
    started,
)
from tests.unit.taskguard.told_events import BATCH, events, failures, of_kind


def answered(response: str | None, *, error: bool = False) -> Invocation:
    messages = tuple(Message(m, f"receipt-{m}", "{}", 1, WORK_ARN) for m in BATCH)
    return Invocation("processTask", "r1", "{}", messages, 1000.0, response, error, 1010.0)


def failed_of(response: str | None, *, error: bool = False) -> list[str]:
    """The messages of a batch of three that count as failed when this was answered."""
    return [m for m in BATCH if failure_reason(answered(response, error=error), m) is not None]


def test_a_delivery_says_which_task_message_and_receive_it_was(tmp_path: Path) -> None:
    found = events(tmp_path, started("r7", sqs_record("m1", receives=2), at=1000.0), ended("r7", at=1010.0))
    of = {"task_id": "task-of-m1", "message_id": "m1", "receive_count": 2, "delivery_id": "r7"}
    assert found == [
        Delivered(at_ms=1000.0, payload={"of": "m1"}, **of),  # type: ignore[arg-type]
        AttemptSucceeded(at_ms=1010.0, **of),  # type: ignore[arg-type]
    ]


def test_a_message_that_is_no_task_is_delivered_without_a_task_id(tmp_path: Path) -> None:
    [delivered] = of_kind(events(tmp_path, started("r1", sqs_record("m1", body="poison")), ended("r1")), Delivered)
    assert (delivered.task_id, delivered.payload, delivered.message_id) == (None, "poison", "m1")


@pytest.mark.parametrize(
    "response", [None, "", "null", "{}", '{"batchItemFailures": []}', '{"batchItemFailures": null}']
)
def test_no_answer_and_an_empty_list_are_a_success_of_the_batch(response: str | None) -> None:
    assert failed_of(response) == []


def test_only_the_messages_that_were_named_have_failed() -> None:
    assert failed_of(failures("m2")) == ["m2"]
    assert failed_of(failures("m3", "m1", "m1")) == ["m1", "m3"]


@settings(deadline=None, derandomize=True)
@given(named=st.sets(st.sampled_from(BATCH)))
def test_a_partial_answer_fails_exactly_what_it_names(named: set[str]) -> None:
    assert set(failed_of(failures(*named))) == named


@pytest.mark.parametrize("identifier", ["", None, "m4", 7, True, ["m1"], {"itemIdentifier": "m1"}, {}])
@pytest.mark.parametrize("beside", [(), ("m1",)])
def test_an_identifier_that_is_not_of_the_batch_fails_the_batch(identifier: Any, beside: tuple[str, ...]) -> None:
    assert failed_of(failures(*beside, identifier)) == list(BATCH)


@pytest.mark.parametrize(
    "answer",
    [
        {"batchItemFailures": ["m1"]},
        {"batchItemFailures": [{"id": "m1"}]},
        {"batchItemFailures": [None]},
        {"batchItemFailures": 7},
        {"batchItemFailures": True},
        {"batchItemFailures": {"itemIdentifier": "m1"}},
        {"batchItemFailures": "m1"},
    ],
)
def test_a_list_of_failures_that_cannot_be_read_fails_the_batch(answer: Any) -> None:
    assert failed_of(json.dumps(answer)) == list(BATCH)


@pytest.mark.parametrize("answer", ["done", "{", "batchItemFailures", "'m1'", '{"batchItemFailures": [}'])
def test_an_answer_that_is_not_json_fails_the_batch(answer: str) -> None:
    assert failed_of(answer) == list(BATCH)


@pytest.mark.parametrize("start", ["[", '{"batchItemFailures":['])
def test_an_answer_too_deep_to_read_fails_the_batch(start: str) -> None:
    assert failed_of(start * 100_000) == list(BATCH)


def test_a_body_too_deep_to_read_is_no_task(tmp_path: Path) -> None:
    body = '{"taskId":' * 100_000
    [delivered] = of_kind(events(tmp_path, started("r1", sqs_record("m1", body=body)), ended("r1")), Delivered)
    assert (delivered.task_id, delivered.payload) == (None, body)


def test_without_partial_batches_any_answer_is_a_success_of_the_batch(tmp_path: Path) -> None:
    batch = started("r1", sqs_record("m1"), sqs_record("m2"))
    for answer in (failures("m2"), failures("not of the batch"), "no JSON", None):
        found = events(tmp_path, batch, ended("r1", answer), partial_batches=False)
        assert [event.message_id for event in of_kind(found, AttemptSucceeded)] == ["m1", "m2"]
        assert not of_kind(found, AttemptFailed)


def test_without_partial_batches_an_error_still_fails_the_batch(tmp_path: Path) -> None:
    batch = started("r1", sqs_record("m1"), sqs_record("m2"))
    found = events(tmp_path, batch, ended("r1", '{"errorMessage": "boom"}', error=True), partial_batches=False)
    assert [event.message_id for event in of_kind(found, AttemptFailed)] == ["m1", "m2"]
    assert not of_kind(found, AttemptSucceeded)


def test_each_consumer_is_heeded_as_its_own_mapping_says(tmp_path: Path) -> None:
    lines = [
        line
        for number, function in enumerate(("heeded", "unheeded"), 1)
        for line in (
            started(f"r{number}", sqs_record(f"m{number}"), function=function),
            ended(f"r{number}", failures(f"m{number}")),
        )
    ]
    found = events(tmp_path, *lines, heeds={"heeded": True, "unheeded": False})
    assert [event.message_id for event in of_kind(found, AttemptFailed)] == ["m1"]
    assert [event.message_id for event in of_kind(found, AttemptSucceeded)] == ["m2"]


@pytest.mark.parametrize("heeds", [{}, {"another": True}, {FUNCTION: None}])
def test_a_report_of_which_it_is_not_known_whether_it_was_heeded_leaves_the_outcome_open(
    tmp_path: Path, heeds: dict[str, bool | None]
) -> None:
    batch = started("r1", sqs_record("m1"), sqs_record("m2"))
    found = events(tmp_path, batch, ended("r1", failures("m2")), heeds=heeds)
    assert [event.message_id for event in of_kind(found, AttemptSucceeded)] == ["m1"]
    assert not of_kind(found, AttemptFailed)
    [missing] = of_kind(found, EvidenceMissing)
    assert missing.affects == ("AttemptSucceeded", "AttemptFailed")
    assert "message m2" in missing.what
    # An error and a clean answer mean the same to any mapping.
    assert len(of_kind(events(tmp_path, batch, ended("r1"), heeds=heeds), AttemptSucceeded)) == 2
    assert len(of_kind(events(tmp_path, batch, ended("r1", "{}", error=True), heeds=heeds), AttemptFailed)) == 2


def test_an_error_of_the_function_fails_the_batch_whatever_it_says() -> None:
    assert failed_of('{"batchItemFailures": []}', error=True) == list(BATCH)
    assert failed_of(None, error=True) == list(BATCH)


def test_the_reason_of_a_function_error_quotes_it_shortened() -> None:
    reason = failure_reason(answered('{"errorMessage": "boom"}' + "x" * 5000, error=True), "m1") or ""
    assert "boom" in reason
    assert len(reason) < 300


def test_a_failed_message_and_its_neighbour_have_their_own_outcomes(tmp_path: Path) -> None:
    found = events(tmp_path, started("r1", sqs_record("m1"), sqs_record("m2")), ended("r1", failures("m2"), at=1011.0))
    [succeeded], [failed] = of_kind(found, AttemptSucceeded), of_kind(found, AttemptFailed)
    assert (succeeded.message_id, failed.message_id) == ("m1", "m2")
    assert succeeded.at_ms == failed.at_ms == 1011.0
    assert "reported this message as failed" in failed.reason


def test_an_invocation_that_has_not_ended_is_missing_evidence_of_its_outcome(tmp_path: Path) -> None:
    found = events(tmp_path, started("r1", sqs_record("m1")))
    assert len(of_kind(found, Delivered)) == 1
    assert not of_kind(found, AttemptSucceeded)
    assert not of_kind(found, AttemptFailed)
    [missing] = of_kind(found, EvidenceMissing)
    assert missing.affects == ("AttemptSucceeded", "AttemptFailed")
    assert "r1" in missing.what


@pytest.mark.parametrize(("arn", "also"), [(WORK_ARN, ()), (DEAD_ARN, ("DeadLetterLogged",))])
def test_a_batch_that_has_not_ended_is_missing_evidence_once(tmp_path: Path, arn: str, also: tuple[str, ...]) -> None:
    records = [sqs_record(message_id, arn=arn) for message_id in BATCH]
    [missing] = of_kind(events(tmp_path, started("r1", *records)), EvidenceMissing)
    assert missing.affects == ("AttemptSucceeded", "AttemptFailed", *also)


def test_other_stages_queues_are_ignored(tmp_path: Path) -> None:
    others = sqs_record("m1", arn=f"{WORK_ARN}-other")
    assert events(tmp_path, started("r1", others), ended("r1"), started("r2", others)) == []


def test_a_dead_letter_is_told_once_at_its_first_delivery(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        started("r1", sqs_record("m1", receives=4, arn=DEAD_ARN), at=2000.0),
        ended("r1", error=True),
        started("r2", sqs_record("m1", receives=5, arn=DEAD_ARN), at=3000.0),
        ended("r2"),
    )
    expected = DeadLettered(
        at_ms=2000.0, task_id="task-of-m1", message_id="m1", payload={"of": "m1"}, delivery_ids=("r1", "r2")
    )
    assert found == [expected]


def test_a_dead_letter_is_told_at_its_first_delivery_in_whatever_order_they_were_recorded(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        started("r2", sqs_record("m1", receives=5, arn=DEAD_ARN), at=3000.0),
        ended("r2"),
        started("r1", sqs_record("m1", receives=4, arn=DEAD_ARN), at=2000.0),
        ended("r1"),
    )
    assert [event.at_ms for event in of_kind(found, DeadLettered)] == [2000.0]


def test_invocations_that_handled_dead_letters_are_named_once_ended(tmp_path: Path) -> None:
    recording = recording_of(
        tmp_path,
        started("work", sqs_record("m1")),
        ended("work"),
        started("dead", sqs_record("m2", arn=DEAD_ARN)),
        ended("dead"),
        started("of another", sqs_record("m3", arn=DEAD_ARN)),
        ended("of another"),
        started("under way", sqs_record("m2", arn=DEAD_ARN)),
    )
    assert handled_dead_letters(recording, STACK, MessageWords()) == ["dead", "of another"]
    assert handled_dead_letters(recording, STACK, MessageWords(), frozenset({"task-of-m2"})) == ["dead"]


@pytest.mark.parametrize("wanted", ["m2", "task-of-m2"])
def test_only_the_tasks_and_messages_asked_for_are_told_of(tmp_path: Path, wanted: str) -> None:
    found = events(
        tmp_path,
        started("r1", sqs_record("m1"), sqs_record("m2")),
        aws_call(
            "ChangeMessageVisibility",
            {"QueueUrl": WORK_URL, "ReceiptHandle": "receipt-m1-1", "VisibilityTimeout": 5},
        ),
        ended("r1", failures("m2")),
        started("r2", sqs_record("m1", arn=DEAD_ARN)),
        ended("r2"),
        only=frozenset({wanted}),
    )
    assert [type(event).__name__ for event in found] == ["Delivered", "AttemptFailed"]
    assert {event.message_id for event in of_kind(found, Delivered)} == {"m2"}


def test_a_task_whose_id_is_part_of_another_s_is_not_taken_for_it(tmp_path: Path) -> None:
    """Neither are its invocations, of which how they ended would be said to be missing."""
    lines = (started("r1", sqs_record("m10")), started("r2", sqs_record("m1")), ended("r2", failures()))
    found = events(tmp_path, *lines, only=frozenset({"task-of-m1"}))
    assert [type(event).__name__ for event in found] == ["Delivered", "AttemptSucceeded"]


@pytest.mark.parametrize(
    ("payload", "tasks"),
    [
        (
            {"Records": [sqs_record("m1"), sqs_record("m2"), sqs_record("m3", body="poison")]},
            {"task-of-m1", "task-of-m2"},
        ),
        ({"body": '{"taskId":"t-1","payload":{"like":"t-2"}}', "pathParameters": None}, {"t-1"}),
        ({"body": None, "pathParameters": {"taskId": "t-1"}}, {"t-1"}),
        ({"body": '{"taskId":7}', "pathParameters": {"taskId": None}}, set()),
        ({"body": {"taskId": "t-1"}, "pathParameters": "t-1"}, set()),
        ({}, set()),
        ([], set()),
        ("t-1", set()),
    ],
)
def test_the_tasks_of_an_invocation_are_those_it_was_handed(tmp_path: Path, payload: Any, tasks: set[str]) -> None:
    recording = recording_of(tmp_path, started("r1", payload=json.dumps(payload)), started("r2", payload="no json"))
    assert tasks_of(recording.invocations["r1"], MessageWords()) == tasks
    assert tasks_of(recording.invocations["r2"], MessageWords()) == set()


def test_a_damaged_line_puts_everything_the_recorder_tells_in_doubt(tmp_path: Path) -> None:
    [missing] = of_kind(events(tmp_path, started("r1"), "no json"), EvidenceMissing)
    assert missing.affects == FROM_RECORDER
    assert "line 2" in missing.what


def test_the_times_in_which_the_engine_was_held_up_are_told(tmp_path: Path) -> None:
    line = json.dumps({"kind": "engine-held-up", "startedAt": 10.0, "endedAt": 260.0})
    assert of_kind(events(tmp_path, line), HeldUp) == [HeldUp(at_ms=10.0, until_ms=260.0)]


@pytest.mark.parametrize(
    ("arn", "queues"), [(WORK_ARN, ["work"]), (DEAD_ARN, ["dead-letter"]), (f"{WORK_ARN}-of-others", [])]
)
def test_the_times_in_which_a_queue_of_the_stack_found_no_room_are_told(
    tmp_path: Path, arn: str, queues: list[QueueName]
) -> None:
    line = json.dumps({"kind": "queue-held-up", "queue": arn, "startedAt": 10.0, "endedAt": 260.0})
    found = of_kind(events(tmp_path, line), HeldUp)
    assert found == [HeldUp(at_ms=10.0, until_ms=260.0, queue=queue) for queue in queues]


def test_faults_that_were_injected_into_the_stack_are_told_and_those_of_another_are_not(tmp_path: Path) -> None:
    found = events(tmp_path, fault_injected("t", "u", until=2000.0), fault_injected("v", stack="arn:another"))
    assert of_kind(found, FaultInjected) == [
        FaultInjected(
            at_ms=1003.0,
            until_ms=2000.0,
            kind="kill",
            when="after",
            fault="kill when=after",
            function="processTask",
            call="UpdateItem",
            number=2,
            task_ids=("t", "u"),
            receive_count=1,
            delivery_id="r1",
        )
    ]


def moved(message_id: str, *, queue: str = DEAD_ARN, at: float = 1500.0) -> str:
    record = sqs_record(message_id)
    line = {
        "kind": "dead-lettered",
        "queue": queue,
        "source": WORK_ARN,
        "messageId": message_id,
        "body": record["body"],
    }
    return json.dumps({**line, "startedAt": at})


def test_a_message_that_is_moved_to_a_queue_which_nobody_consumes_is_dead(tmp_path: Path) -> None:
    found = of_kind(events(tmp_path, moved("m1"), moved("m2", queue="arn:of:another")), DeadLettered)
    assert [(each.at_ms, each.task_id, each.message_id) for each in found] == [(1500.0, "task-of-m1", "m1")]


def test_a_dead_letter_that_was_delivered_is_told_of_once(tmp_path: Path) -> None:
    delivery = started("r1", sqs_record("m1", arn=DEAD_ARN), at=2000.0)
    for lines in ((moved("m1"), delivery), (delivery, moved("m1"))):
        [found] = of_kind(events(tmp_path, *lines), DeadLettered)
        assert found.at_ms == 2000.0


def test_only_the_moves_of_these_tasks_are_told(tmp_path: Path) -> None:
    lines = (moved("m1"), moved("m2"))
    for only in ("m2", "task-of-m2"):
        found = of_kind(events(tmp_path, *lines, only=frozenset({only})), DeadLettered)
        assert [each.message_id for each in found] == ["m2"]
