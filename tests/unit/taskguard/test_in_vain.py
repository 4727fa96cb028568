"""Dead letters that their consumer will never finish are not waited for; those that it may finish are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from taskguard.run.in_vain import are_buried_in_vain

from tests.unit.taskguard.conftest import Clock
from tests.unit.taskguard.recorder_lines import DEAD_ARN, STACK, WORK_ARN, ended, recording_of, sqs_record, started
from tests.unit.taskguard.test_watch import DELAYED, EMPTY, VISIBLE, Reader, watched

SINCE_MS = 1000.0
EVERY_MS = 150_000.0


def handed_over(number: float, *messages: str, failed: Sequence[str] | None = (), arn: str = DEAD_ARN) -> list[str]:
    """An invocation with these messages: it fails as a whole (none), or answers with those that failed."""
    answer = (
        None if failed is None else json.dumps({"batchItemFailures": [{"itemIdentifier": each} for each in failed]})
    )
    at = SINCE_MS + number * EVERY_MS
    records = [sqs_record(each, arn=arn) for each in messages]
    return [
        started(f"r-{number}", *records, at=at),
        ended(f"r-{number}", answer, error=failed is None, at=at + 5),
    ]


def judged(folder: Path, lines: Sequence[Sequence[str]], left: int, since_ms: float = SINCE_MS) -> bool:
    recording = recording_of(folder, *(line for each in lines for line in each))
    return are_buried_in_vain(recording, STACK, since_ms, left)


@pytest.mark.parametrize("failed", [None, ("a", "b")])
def test_what_failed_each_of_several_times_is_in_vain(tmp_path: Path, failed: Sequence[str] | None) -> None:
    lines = [handed_over(number, "a", "b", failed=failed) for number in range(3)]
    assert judged(tmp_path, lines, 2)
    assert not judged(tmp_path, lines[:2], 2)
    # Others are left that were not handed over yet.
    assert not judged(tmp_path, lines, 3)
    # By another run.
    assert not judged(tmp_path, lines, 2, since_ms=SINCE_MS + 1.5 * EVERY_MS)


def test_what_was_put_off_several_times_within_minutes_may_still_be_handled(tmp_path: Path) -> None:
    lines = [handed_over(number / 3, "a", failed=("a",)) for number in range(7)]
    assert not judged(tmp_path, lines[:6], 1)
    assert judged(tmp_path, lines, 1)


def test_what_was_handled_at_last_is_not_left(tmp_path: Path) -> None:
    lines = [*(handed_over(number, "a", failed=None) for number in range(3)), handed_over(3, "a")]
    assert not judged(tmp_path, lines, 1)


def test_what_waits_for_an_answer_or_is_of_the_work_queue_does_not_count(tmp_path: Path) -> None:
    lines = [handed_over(number, "a", failed=None) for number in range(3)]
    assert not judged(tmp_path, [*lines[:2], lines[2][:1]], 1)
    assert not judged(tmp_path, [handed_over(n, "a", failed=None, arn=WORK_ARN) for n in range(3)], 1)
    assert not are_buried_in_vain(None, STACK, SINCE_MS, 1)


def test_only_dead_letters_are_given_up_and_as_if_time_had_passed(clock: Clock) -> None:
    asked: list[int] = []

    def in_vain(left: int) -> bool:
        asked.append(left)
        return True

    reader = Reader(({}, DELAYED), ({"a": "RETRYING"}, EMPTY), dead=VISIBLE)
    assert watched(reader, "a", in_vain=in_vain) is False
    assert asked == [1]
    assert reader.looks == 2
    reader = Reader(({"a": "COMPLETED"}, EMPTY))
    assert watched(reader, "a", in_vain=in_vain) is True
    assert asked == [1]
