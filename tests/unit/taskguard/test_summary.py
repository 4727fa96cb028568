"""What a command adds to the summary of a CI service's job: what matters, or why there is no grade; and nothing that a service could slip in."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from taskguard import session
from taskguard.contract.contract import Contract
from taskguard.errors import DeploymentError
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.reports.gradebook.rows import folders_below, gradebook_of
from taskguard.reports.summary import append, summary_of_book, summary_of_failure, summary_of_run
from taskguard.run.submissions.kept import End, Kept

from tests.unit.judging.reporting import HOSTILE, broken, graded, hostile
from tests.unit.taskguard.cli_support import Command


def test_what_matters_of_a_run_comes_before_its_verdicts() -> None:
    text = summary_of_run(graded(broken())[0], Contract(), "shop")
    assert text.startswith("<h3>❌ shop: fail</h3>")
    assert text.index("Expected: ") < text.index("<table>")
    assert "<td>backoff</td><td>❌ fail</td>" in text


@pytest.mark.parametrize(
    "text",
    [
        summary_of_run(graded(hostile())[0], Contract(), HOSTILE),
        summary_of_failure(f"it failed\n\n{HOSTILE}\n\n# a heading", HOSTILE),
        summary_of_run(
            Grade(
                verdicts=(
                    Verdict(check="a", outcome=Outcome.FAIL, claim="x\n\n# y", expected="\n\n<img>", observed="|"),
                ),
                fates=(),
            ),
            Contract(),
            "x\n\n# y",
        ),
    ],
)
def test_what_a_service_says_is_text_and_ends_no_block_of_html(text: str) -> None:
    assert "<script" not in text
    assert "<img" not in text
    # After an empty line GitHub would read Markdown.
    assert "\n\n" not in text.rstrip("\n")
    assert not {"\x1b", "\x00", "\u202e"} & set(text)


def test_a_gradebook_has_a_line_for_each(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Kept(name="<b>", end=End.TIMED_OUT).write(tmp_path / "a")
    text = summary_of_book(gradebook_of(folders_below([tmp_path]), tmp_path))
    assert "<td>&lt;b&gt;</td><td>timed out</td><td>–</td><td>It had not ended at its deadline" in text


def test_it_is_added_to_what_other_steps_wrote(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    append(file, "after\ud800\n")
    assert file.read_text() == "before\nafter\\ud800\n"


def test_why_there_is_no_grade_is_in_the_summary_too(
    taskguard: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grade(*_: object) -> NoReturn:
        raise DeploymentError("deploying it failed")

    monkeypatch.setattr(session, "grade", grade)
    service = tmp_path / "shop"
    service.mkdir()
    (service / "cloudformation.yml").write_text("Resources: {}\n")
    summary = tmp_path / "summary.md"
    ended = taskguard("grade", service, "--no-sandbox", "--out", tmp_path / "run", "--summary", summary)
    assert ended.status == 3
    assert summary.read_text() == "<h3>❔ shop: no grade</h3>\n<pre>deploying it failed</pre>\n\n"
