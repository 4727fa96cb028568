"""Reading the flight recorder's file, while it is still being written."""

from __future__ import annotations

import json
import tempfile
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.evidence.recorder.recording import Recording, RecordingFile

from tests.unit.taskguard.recorder_lines import WORK_ARN, aws_call, ended, recording_of, sqs_record, started


def test_an_invocation_is_under_way_until_its_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_text(started("r1", sqs_record("m1", receives=2), at=1000.0) + "\n")
    file = RecordingFile(path)

    invocation = file.read().invocations["r1"]
    assert (invocation.started_at_ms, invocation.ended_at_ms, invocation.response) == (1000.0, None, None)
    [message] = invocation.messages
    assert (message.message_id, message.receive_count, message.queue_arn) == ("m1", 2, WORK_ARN)
    assert message.receipt_handle == "receipt-m1-2"

    with path.open("a") as more:
        more.write(ended("r1", '{"batchItemFailures": []}', at=1010.0) + "\n")
    invocation = file.read().invocations["r1"]
    assert (invocation.ended_at_ms, invocation.response) == (1010.0, '{"batchItemFailures": []}')
    assert not invocation.is_error


def test_each_read_adds_what_is_new_to_the_same_recording(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_text(aws_call("SendMessage", {}) + "\n")
    file = RecordingFile(path)
    first = file.read()
    assert len(first.calls) == 1
    assert file.read() is first
    assert len(first.calls) == 1
    with path.open("a") as more:
        more.write(aws_call("DeleteMessage", {}) + "\n")
    assert [call.operation for call in file.read().calls] == ["SendMessage", "DeleteMessage"]


def test_a_line_that_is_not_yet_complete_is_neither_read_nor_damage(tmp_path: Path) -> None:
    line = started("r1") + "\n"
    path = tmp_path / "recording.jsonl"
    path.write_text(line[:20])
    file = RecordingFile(path)
    assert file.read() == Recording()
    with path.open("a") as more:
        more.write(line[20:])
    assert list(file.read().invocations) == ["r1"]
    assert file.read().damage == []


@settings(deadline=None, derandomize=True)
@given(data=st.data())
def test_a_file_read_in_any_pieces_says_what_it_says_in_one(data: st.DataObject) -> None:
    lines = [
        started("r1", sqs_record("m1")),
        '{"kind": "weather", "where": "東京"}',
        "no json, böse",
        aws_call("SendMessage", {}),
        ended("r1"),
        ended("r9"),
    ]
    text = "".join(f"{line}\n" for line in lines).encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    with tempfile.TemporaryDirectory() as folder:
        path, whole = Path(folder, "recording.jsonl"), Path(folder, "whole", "recording.jsonl")
        whole.parent.mkdir()
        whole.write_bytes(text)
        path.touch()
        file = RecordingFile(path)
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            with path.open("ab") as more:
                more.write(text[start:end])
            file.read()
        assert file.read() == RecordingFile(whole).read()


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[1, 2]",
        '"text"',
        "7",
        "null",
        "{}",
        '{"kind": "invocation-started"}',
        '{"kind": "aws-call", "function": "f"}',
        ended("never-started"),
        aws_call("SendMessage", {}).replace('"error": null', '"error": "no object"'),
        aws_call("SendMessage", {}).replace('"result": {}', '"result": null'),
        aws_call("SendMessage", {}).replace('"result": {}', '"result": "text"'),
        aws_call("SendMessage", {}).replace('"result": {}', '"result": {"Failed": [{}]}'),
        aws_call("SendMessage", {}).replace('"result": {}', '"result": {"Failed": 7}'),
        pytest.param("[" * 100_000, id="deeply nested"),
    ],
)
def test_a_damaged_line_is_told_with_its_number_and_the_rest_is_read(tmp_path: Path, line: str) -> None:
    recording = recording_of(tmp_path, started("r1"), line, started("r2"))
    assert list(recording.invocations) == ["r1", "r2"]
    [damage] = recording.damage
    assert damage.startswith("line 2 of flight-recorder.jsonl: ")


def test_bytes_that_are_no_text_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_bytes(b"\xff\xfe{\n" + started("r1").encode() + b"\n")
    recording = RecordingFile(path).read()
    assert len(recording.damage) == 1
    assert list(recording.invocations) == ["r1"]


def test_a_kind_of_line_from_a_later_recorder_is_passed_over(tmp_path: Path) -> None:
    recording = recording_of(tmp_path, '{"kind": "weather", "sun": true}', started("r1"))
    assert list(recording.invocations) == ["r1"]
    assert recording.damage == []


@pytest.mark.parametrize(
    "payload",
    [
        '{"httpMethod": "POST"}',
        '{"Records": [{"eventSource": "aws:s3"}]}',
        '{"Records": null}',
        "[]",
        "7",
        "not json",
        "",
        pytest.param('{"Records": ' + "[" * 100_000, id="deeply nested"),
    ],
)
def test_an_invocation_that_is_no_sqs_event_has_no_messages(tmp_path: Path, payload: str) -> None:
    recording = recording_of(tmp_path, started("r1", payload=payload))
    assert recording.invocations["r1"].messages == ()
    assert recording.invocations["r1"].payload == payload
    assert recording.damage == []


def test_a_refused_call_has_its_error_code(tmp_path: Path) -> None:
    recording = recording_of(
        tmp_path,
        aws_call("PutItem", {"TableName": "T"}, service="dynamodb"),
        aws_call("PutItem", {}, service="dynamodb", status=400, error="ConditionalCheckFailedException"),
    )
    taken, refused = recording.calls
    assert (taken.error_code, taken.status, taken.parameters) == (None, 200, {"TableName": "T"})
    assert (refused.error_code, refused.status) == ("ConditionalCheckFailedException", 400)
    assert refused.ended_at_ms > refused.started_at_ms


def test_a_missing_file_is_an_error_of_the_operating_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RecordingFile(tmp_path / "nothing.jsonl").read()


def test_a_batch_that_was_carried_out_in_part_names_the_entries_that_were_not(tmp_path: Path) -> None:
    whole = aws_call("ChangeMessageVisibilityBatch", {})
    part = aws_call("ChangeMessageVisibilityBatch", {}, failed=("b", "c"))
    calls = recording_of(tmp_path, whole, part).calls
    assert [call.refused_entries for call in calls] == [frozenset(), {"b", "c"}]
    assert [(call.status, call.error_code) for call in calls] == [(200, None)] * 2


# Of many alike one is written, and the others are made of its text.
OLD = [
    (line + "\n").replace("NAME", "%(name)s").replace(": 0.5", ": %(at)s").replace(": 3.5", ": %(later)s")
    for line in (
        started("NAME", sqs_record("m"), at=0.5),
        aws_call("SendMessage", {}, request_id="NAME", at=0.5),
        ended("NAME", at=0.5),
    )
]


def old(kind: int, name: str, at: float) -> str:
    return OLD[kind] % {"name": name, "at": at, "later": at + 3}


@lru_cache(4)
def a_day(until_ms: float, lines: int = 20_001) -> str:
    """A day of calls and ended invocations, one every few seconds."""
    step_ms = 86_400_000 / lines
    return "".join(
        old(number % 3, f"old-{number // 3}", until_ms - (lines - number) * step_ms) for number in range(lines)
    )


def test_a_file_is_read_from_where_a_run_began(tmp_path: Path) -> None:
    path, began_ms = tmp_path / "flight-recorder.jsonl", 1_000_000_000.0
    path.write_text(a_day(began_ms))
    with path.open("a") as more:
        more.write(started("mine", at=began_ms + 5) + "\n" + aws_call("SendMessage", {}, at=began_ms + 6) + "\n")
        more.write(ended("mine", at=began_ms + 9) + "\n")
    whole, since = RecordingFile(path).read(), RecordingFile(path, began_ms).read()
    assert since.since(began_ms) == whole.since(began_ms)
    assert list(since.since(began_ms).invocations) == ["mine"]
    # A little more than a minute, and some bytes, of a day.
    assert len(since.calls) < len(whole.calls) / 50
    assert len(since.invocations) < len(whole.invocations) / 50
    assert since.damage == []


def test_what_is_read_of_a_file_does_not_grow_with_its_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began_ms, understood, loads = 86_400_000_000.0, [0, 0], json.loads
    for age, days in enumerate((1, 4)):
        path = tmp_path / f"{days}.jsonl"
        with path.open("w") as file:
            for day in reversed(range(days)):
                file.write(a_day(began_ms - day * 86_400_000))

        def counted(text: str | bytes, age: int = age) -> object:
            understood[age] += 1
            return loads(text)

        with monkeypatch.context() as patched:
            patched.setattr("taskguard.evidence.recorder.recording.json.loads", counted)
            RecordingFile(path, began_ms).read()
    assert understood[1] < understood[0] * 1.1 + 10


def test_an_invocation_that_was_under_way_when_a_run_began_is_not_lost(tmp_path: Path) -> None:
    path, began_ms = tmp_path / "flight-recorder.jsonl", 1_000_000_000.0
    path.write_text(a_day(began_ms - 890_000))
    with path.open("a") as more:
        more.write(started("at work", sqs_record("m1"), at=began_ms - 880_000) + "\n")
        more.write(started("over", at=began_ms - 870_000) + "\n" + ended("over", at=began_ms - 860_000) + "\n")
        more.writelines(old(1, "r1", began_ms - 800_000 + n * 10) for n in range(50_000))
    file = RecordingFile(path, began_ms)
    recording = file.read()
    assert [i.request_id for i in recording.invocations.values() if i.ended_at_ms is None] == ["at work"]
    assert recording.invocations["at work"].messages[0].message_id == "m1"
    assert "over" not in recording.invocations
    with path.open("a") as more:
        more.write(ended("at work", at=began_ms + 10) + "\n")
    assert file.read().invocations["at work"].ended_at_ms == began_ms + 10
    assert recording.damage == []


def test_an_invocation_that_was_under_way_where_the_reading_begins_is_known_however_long_the_engine_rested(
    tmp_path: Path,
) -> None:
    path, began_ms = tmp_path / "flight-recorder.jsonl", 1_000_000_000.0
    before_ms = began_ms - 3_600_000
    with path.open("w") as file:
        file.write(started("0", at=before_ms) + "\n")
        for number in range(1, 3000):
            # One is always under way.
            file.write(started(str(number), at=before_ms + number) + "\n")
            file.write(ended(str(number - 1), at=before_ms + number) + "\n")
    assert RecordingFile(path, began_ms).read().damage == []


def test_a_start_that_is_told_late_is_found(tmp_path: Path) -> None:
    # It is told after a cold start, and bears the time before it.
    path, began_ms = tmp_path / "flight-recorder.jsonl", 1_000_000_000.0
    path.write_text(a_day(began_ms))
    with path.open("a") as more:
        for number in range(3000):
            at = began_ms + 20_000 + number
            more.write(started(f"cold-{number}", at=at - 19_000) + "\n" + ended(f"cold-{number}", at=at) + "\n")
    whole = RecordingFile(path).read()
    for moment_ms in (began_ms, began_ms + 10_000, began_ms + 21_000):
        assert RecordingFile(path, moment_ms).read().since(moment_ms) == whole.since(moment_ms)


def test_a_stall_counts_for_whom_it_lasts(tmp_path: Path) -> None:
    recording = recording_of(tmp_path, '{"kind": "engine-held-up", "startedAt": 10, "endedAt": 20}')
    assert len(recording.since(15).stalls) == 1
    assert recording.since(21).stalls == []
