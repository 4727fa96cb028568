"""What became better and what worse from one run to another, and the page that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskguard.history import History, SavedRun
from taskguard.judging.changing import Direction, changed_checks, changed_fates
from taskguard.judging.comparing import Graded, compare
from taskguard.judging.grading import Grade, TaskFate, grade
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.reports.compared.page import write_comparison

from tests.unit.judging.building import EXPECTED
from tests.unit.judging.reporting import HOSTILE, hostile, manifest_of, parsed


def graded(*outcomes: tuple[str, str]) -> Grade:
    verdicts = (
        Verdict(
            check=check,
            outcome=Outcome[outcome.removeprefix("HOLLOW_")],
            claim="",
            expected="",
            observed="",
            exercised=not outcome.startswith("HOLLOW"),
        )
        for check, outcome in outcomes
    )
    return Grade(verdicts=tuple(verdicts), fates=())


@pytest.mark.parametrize(
    ("one", "other", "direction"),
    [
        ("PASS", "FAIL", "worse"),
        ("PASS", "UNKNOWN", "worse"),
        ("UNKNOWN", "FAIL", "worse"),
        ("FAIL", "UNKNOWN", "better"),
        ("UNKNOWN", "PASS", "better"),
        ("HOLLOW_PASS", "PASS", "better"),
        ("PASS", "HOLLOW_PASS", "otherwise"),
        ("FAIL", "NOT_APPLICABLE", "otherwise"),
    ],
)
def test_a_check_is_better_that_says_more_for_the_pipeline(one: str, other: str, direction: str) -> None:
    [found] = changed_checks(graded(("a", one), ("b", "PASS")), graded(("a", other), ("b", "PASS")))
    assert (found.check, str(found.direction)) == ("a", direction)


def test_the_worse_come_first_and_one_that_only_one_run_has_is_neither() -> None:
    one = graded(("better", "FAIL"), ("gone", "PASS"), ("worse", "PASS"))
    other = graded(("better", "PASS"), ("worse", "FAIL"))
    assert [each.check for each in changed_checks(one, other)] == ["worse", "better", "gone"]


def test_a_task_is_worse_that_ended_worse() -> None:
    def fate(task_id: str, end: str, attempts: int = 1) -> TaskFate:
        return TaskFate(task_id=task_id, attempts=("failed",) * attempts, end=end)

    one = [fate("a", "completed"), fate("b", "dead-lettered"), fate("c", "completed"), fate("only", "completed")]
    other = [fate("a", "completed", 2), fate("b", "completed"), fate("c", "unsettled")]
    assert [(each.one.task_id, each.direction) for each in changed_fates(one, other)] == [
        ("c", Direction.WORSE),
        ("b", Direction.BETTER),
        ("a", Direction.OTHERWISE),
    ]


def test_whatever_a_pipeline_says_is_text_on_the_page(tmp_path: Path) -> None:
    history = History(hostile())
    one, other = (
        Graded(SavedRun(history=history, manifest=manifest_of(stage=stage)), grade(history, EXPECTED))
        for stage in (HOSTILE, "dev")
    )
    file = tmp_path / "page.html"
    write_comparison(file, compare(one, other), one, other, folders=(tmp_path, tmp_path / "<script>"))
    text = file.read_text()
    page = parsed(text)
    assert not page.all("script", "img")
    assert "alert(1)" in page.text
    assert not {each for each in text if not each.isprintable()} - {"\n"}
