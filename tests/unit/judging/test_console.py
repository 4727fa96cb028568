"""What a terminal of 80 columns shows of a grade, as a whole.

`consoles` has what is expected; after a change that is meant, `python -m tests.unit.judging.test_console` writes it anew.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text
from taskguard.history import AttemptFailed, AttemptLogged, BackoffRequested, Event, History
from taskguard.judging.grading import grade
from taskguard.reports.console import Told, print_grade
from taskguard.reports.log_excerpt import excerpt

from tests.unit.judging.batches import whole
from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, THIRD_TRY, changed, missing, the

EXPECTATIONS = Path(__file__).with_name("consoles")
EVENTS = whole(FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD, FIRST_TRY, FIRST_TRY)
NOTES = ("All times are the pipeline's.", "", "Warning: the machine's clock was set.")
IN_JSON = '{"level":"ERROR","message":"attempt failed","taskId":"t","error":"the printer said \\"no\\""}'


def failing() -> list[Event]:
    events = EVENTS
    for request in (event for event in EVENTS if isinstance(event, BackoffRequested)):
        events = changed(events, request, delay_seconds=1.0)
    last = the(events, AttemptFailed, where=lambda event: (event.task_id or "").startswith("t1"))
    logged = AttemptLogged(
        at_ms=last.at_ms + 1,
        task_id=last.task_id,
        message_id=last.message_id,
        receive_count=last.receive_count,
        delivery_id=last.delivery_id,
        function="work",
        lines=(IN_JSON,),
    )
    return sorted([*events, logged], key=lambda event: event.at_ms)


def unsure() -> list[Event]:
    return [*EVENTS, missing("Delivered", "AttemptFailed", "AttemptSucceeded")]


def shown(events: list[Event], *, verbose: bool = False, told: Told | None = None) -> str:
    history, file = History(events), io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, color_system="standard", legacy_windows=False)
    told = told or Told(notes=NOTES, repeat="make grade SEED=s")
    print_grade(console, grade(history, EXPECTED), history, told, verbose=verbose)
    return file.getvalue()


CASES: dict[str, Callable[[], str]] = {
    "pass": lambda: shown(EVENTS),
    "fail": lambda: shown(failing()),
    "unknown": lambda: shown(unsure()),
}


def plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in Text.from_ansi(text).plain.splitlines()) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_a_terminal_of_80_columns_shows(name: str) -> None:
    text = plain(CASES[name]())
    assert text == (EXPECTATIONS / f"{name}.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(("name", "colour"), [("pass", 32), ("fail", 31), ("unknown", 33)])
def test_the_verdict_has_a_colour_and_what_passed_stands_back(name: str, colour: int) -> None:
    lines = CASES[name]().splitlines()
    [verdict] = [line for line in lines if Text.from_ansi(line).plain.startswith(f"{name.upper()}: ")]
    assert f"{colour}m{name.upper()}: " in verdict


def test_what_is_expected_is_shown_where_it_differs_or_when_asked_for() -> None:
    expected = "expected: 5, 10, 20 s asked for, kept to the full"
    assert expected not in plain(shown(EVENTS))
    assert expected in plain(shown(failing()))
    assert expected in plain(shown(EVENTS, verbose=True))


def test_a_terminal_that_knows_ascii_alone_has_words_for_marks() -> None:
    history, file = History(EVENTS), io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_grade(Console(file=file, force_terminal=True, width=80), grade(history, EXPECTED), history)
    file.seek(0)
    assert "pass            \x1b[0mingress" in file.read()


def test_of_a_log_errors_are_shown_and_no_trace_of_the_runtime_s_own() -> None:
    trace = (
        '[ERROR] RuntimeError: boom\rTraceback (most recent call last):\r\xa0\xa0File "<frozen>", line 1, in load\r'
        '\xa0\xa0File "/var/task/work.py", line 11, in <module>\r\xa0\xa0\xa0\xa0raise RuntimeError("boom")'
    )
    assert excerpt(['{"level":"INFO","message":"begun"}', '{"_aws":{},"message":"m"}', trace]) == (
        "[ERROR] RuntimeError: boom",
        '  File "/var/task/work.py", line 11, in <module>',
        '    raise RuntimeError("boom")',
    )
    assert excerpt([IN_JSON, IN_JSON]) == ('ERROR attempt failed: the printer said "no"',)
    # One that evidence cut is read as far as it goes.
    assert excerpt(['{"level":"ERROR","message":"not recorded","function_arn":"arn:aws…']) == ("ERROR not recorded",)
    assert len(excerpt(f"error {number}" for number in range(9))) == 4


if __name__ == "__main__":
    for name, case in CASES.items():
        (EXPECTATIONS / f"{name}.txt").write_text(plain(case()), encoding="utf-8")
