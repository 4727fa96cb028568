"""What was said in a log event, whatever runtime wrote it."""

from __future__ import annotations

import json

import pytest
from taskguard.evidence.runtime_lines import Said, documents_in, said_in

AT = "2026-11-26T20:20:00.123Z"
REQUEST = "8d2b1f9c-0a51-4a53-9f4e-1f6d7c1b0a55"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (f"{AT}\t{REQUEST}\tINFO\tone\rtwo\tthree", Said("one\ntwo\tthree", "INFO", REQUEST)),
        (f"{AT}\tundefined\tWARN\twhile it is loaded", Said("while it is loaded", "WARN")),
        (f"[ERROR]\t{AT}\t{REQUEST}\tno room", Said("no room", "ERROR", REQUEST)),
        (f"[INFO]\t{AT}\t\twhile it is loaded", Said("while it is loaded", "INFO")),
        ("just printed", Said("just printed")),
        ("", Said("")),
        (
            f"{AT} {REQUEST} Task timed out after 3.00 seconds",
            Said(f"{AT} {REQUEST} Task timed out after 3.00 seconds"),
        ),
        (
            json.dumps({"timestamp": AT, "level": "WARN", "requestId": REQUEST, "message": "careful"}),
            Said("careful", "WARN", REQUEST),
        ),
        (
            json.dumps({"timestamp": AT, "level": "INFO", "requestId": REQUEST, "message": {"task": "t"}}),
            Said('{"task": "t"}', "INFO", REQUEST, {"task": "t"}),
        ),
        ('{"level": "INFO", "message": "somebody else\'s"}', Said('{"level": "INFO", "message": "somebody else\'s"}')),
    ],
)
def test_what_was_said_is_told_from_what_the_runtime_put_around_it(message: str, said: Said) -> None:
    assert said_in(message) == said


RECORD = {"event": "DEAD", "task": "t"}


@pytest.mark.parametrize(
    ("message", "documents"),
    [
        (json.dumps(RECORD), [RECORD]),
        (f"{AT}\t{REQUEST}\tINFO\t{json.dumps(RECORD)}", [RECORD]),
        (f"{AT}\t{REQUEST}\tINFO\t{json.dumps(RECORD, indent=2)}".replace("\n", "\r"), [RECORD]),
        (f"[INFO]\t{AT}\t{REQUEST}\t{json.dumps(RECORD)}", [RECORD]),
        (f"{AT}\t{REQUEST}\tINFO\tno object", []),
        (f"{AT}\t{REQUEST}\tINFO\t{{ event: 'DEAD' }}", []),
        ("[1]", []),
        ("{" * 10_000, []),
    ],
)
def test_objects_are_found_in_what_was_said(message: str, documents: list[object]) -> None:
    assert list(documents_in(message)) == documents


@pytest.mark.parametrize("told", [RECORD, json.dumps(RECORD)])
def test_with_the_log_format_json_the_object_is_within_another(told: object) -> None:
    message = json.dumps({"timestamp": AT, "level": "INFO", "requestId": REQUEST, "message": told})
    assert list(documents_in(message))[1:] == [RECORD]
