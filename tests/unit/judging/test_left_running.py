"""A service is told once of what its functions left running."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console
from taskguard.evidence.recorder.failures import left_running as read
from taskguard.history import History, ProcessesLeft
from taskguard.judging.grading import grade_run
from taskguard.judging.verdict import Outcome
from taskguard.reports.console import print_grade
from taskguard.reports.html.page import page_of
from taskguard.reports.html.rendering import render
from taskguard.reports.left_running import left_running

from tests.unit.judging.building import FIRST_TRY, START_MS, run
from tests.unit.judging.reporting import manifest_of
from tests.unit.taskguard.recorder_lines import FUNCTION, STACK, function, recording_of

LEFT = ProcessesLeft(
    at_ms=START_MS + 50, function="processTask", delivery_id="r1", count=2, commands=("sleep 600", "<b>daemon")
)
SENTENCE = (
    "processTask left 2 processes running after its invocation: `sleep 600`, `<b>daemon`. "
    "On Lambda they would be frozen with the environment."
)


def test_it_is_read_from_what_the_recorder_tells_of_the_stack_s_functions(tmp_path: Path) -> None:
    line = {
        "kind": "processes-left",
        "function": FUNCTION,
        "environment": "e",
        "requestId": "r1",
        "count": 2,
        "commands": ["sleep 600", "<b>daemon"],
        "startedAt": START_MS + 50,
    }
    recording = recording_of(tmp_path, json.dumps(line), json.dumps({**line, "function": "somebody-elses"}))
    assert list(read(recording, dataclasses.replace(STACK, functions=(function(FUNCTION),)))) == [LEFT]


def test_several_invocations_are_one_sentence() -> None:
    others = [replace(LEFT, at_ms=LEFT.at_ms + n, delivery_id=f"r{n}", commands=(f"sleep {n}",)) for n in (2, 3)]
    [sentence] = left_running(History([LEFT, *others]))
    assert sentence.startswith(
        "processTask left 2 processes running after its invocation, and others after 2 more invocations: "
        "`sleep 600`, `<b>daemon`, `sleep 2`, …."
    )


def test_console_and_page_say_it_once_and_the_verdicts_are_the_same() -> None:
    history = History([*run(FIRST_TRY), LEFT])
    graded = grade_run(history, manifest_of())
    assert Outcome.FAIL not in {each.outcome for each in graded.verdicts}
    file = io.StringIO()
    print_grade(Console(file=file, width=10_000), graded, history)
    assert file.getvalue().count(SENTENCE) == 1
    page = render(page_of(graded, history, manifest_of()))
    assert page.count("processTask left 2 processes running") == 1
    assert "<b>daemon" not in page


def test_nothing_is_said_where_nothing_was_left() -> None:
    assert list(left_running(History(run(FIRST_TRY)))) == []
