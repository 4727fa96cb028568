"""Where the time of a run went."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from taskguard.contract.expectations import Expectations
from taskguard.judging.grading import Grade, TaskFate
from taskguard.run.events import phase
from taskguard.run.timings import TIMINGS_FILE, Phase, Timings, slowest_schedule_seconds


def grade_of(*fates: tuple[str, ...]) -> Grade:
    return Grade(
        verdicts=(),
        fates=tuple(TaskFate(task_id=str(n), attempts=attempts, end="completed") for n, attempts in enumerate(fates)),
    )


@pytest.mark.parametrize(
    ("fates", "seconds"),
    [
        ([], 0.0),
        ([("succeeded",)], 0.0),
        ([("succeeded",), ("failed", "succeeded")], 5.0),
        ([("failed", "failed", "succeeded"), ("failed", "succeeded")], 15.0),
        ([("failed", "failed", "failed")], 35.0),
        ([("unknown",)], 0.0),
    ],
)
def test_the_slowest_task_waits_after_each_failed_attempt(fates: list[tuple[str, ...]], seconds: float) -> None:
    assert slowest_schedule_seconds(grade_of(*fates), Expectations()) == seconds


def test_phases_are_told_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    timings = Timings(origin=0.0, phases=[Phase("later", 2.0, 3.5), Phase("sooner", 1.0, 4.0)])
    timings.write(tmp_path, beyond_seconds=1.25)
    told = json.loads((tmp_path / TIMINGS_FILE).read_text())
    assert told["phases"] == [
        {"phase": "sooner", "began": 1.0, "seconds": 3.0},
        {"phase": "later", "began": 2.0, "seconds": 1.5},
    ]
    assert told["seconds_beyond_the_schedule"] == 1.25
    shown = Console(file=StringIO(), width=100)
    shown.print(timings.table(1.25))
    text = shown.file.getvalue()  # type: ignore[attr-defined]
    assert text.index("sooner") < text.index("later") < text.index("beyond the slowest task's schedule")
    assert "1.25" in text


def test_a_phase_that_fails_is_timed_too() -> None:
    timings = Timings.of_this_process()
    with pytest.raises(ValueError, match="no"), phase(timings.handle, "fails"):
        raise ValueError("no")
    start, failed = timings.phases
    assert (start.name, failed.name) == ("start of the command", "fails")
    assert 0 <= start.began <= start.ended <= failed.began <= failed.ended
