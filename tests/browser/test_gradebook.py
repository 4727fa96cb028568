"""The gradebook as a grader has it in a browser: sorted by its headings, without a script, with links that lead to the evidence."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from taskguard.reports.gradebook.files import PAGE_FILE, write_gradebook
from taskguard.reports.gradebook.rows import folders_below, gradebook_of
from taskguard.run.submissions.kept import End, Kept

from tests.browser.conftest import Watched, keep_screenshot
from tests.unit.taskguard.submitted import right_run, wrong_run


@pytest.fixture(scope="module")
def gradebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gradebook")
    for name, make in (("b-right", right_run), ("c-wrong", wrong_run), ("e-right", right_run)):
        make(folder / name / "run")
        Kept(name=name, end=End.GRADED).write(folder / name)
    for name in ("a-hangs", "d-<b>bold</b>-and-as-long-as-a-name-of-a-folder-may-be-or-nearly-so"):
        (folder / name[:4]).mkdir()
        Kept(name=name, end=End.TIMED_OUT, said=("x" * 500,)).write(folder / name[:4])
    write_gradebook(gradebook_of(folders_below([folder]), folder), folder)
    return folder / PAGE_FILE


def names(page: Page) -> list[str]:
    """The first letters of the rows, from top to bottom as they are seen."""
    rows = [(row.bounding_box(), row.locator("th").inner_text()) for row in page.locator(".book tbody tr").all()]
    return [name[0] for box, name in sorted(rows, key=lambda row: row[0]["y"] if row[0] else 0.0)]


def test_a_heading_sorts_the_rows_by_it(watched: Watched, gradebook: Path) -> None:
    page = watched.open(gradebook)
    assert names(page) == ["a", "b", "c", "d", "e"]
    page.get_by_text("Points", exact=True).click()
    assert names(page) == ["a", "d", "c", "b", "e"]
    page.locator(".book thead").get_by_text("backoff").click()
    assert names(page) == ["c", "b", "e", "a", "d"]
    keep_screenshot(page, "gradebook")
    page.get_by_text("Submission", exact=True).click()
    page.keyboard.press("ArrowRight")
    assert names(page)[:2] == ["a", "d"], "the result comes after the name, by keyboard too"


def test_a_verdict_leads_to_its_place_in_the_report(watched: Watched, gradebook: Path) -> None:
    page = watched.open(gradebook)
    page.locator("tr", has_text="c-wrong").locator("a[href$='#check-backoff']").click()
    expect(page.locator("#check-backoff")).to_be_in_viewport()
    assert "c-wrong/run/report.html" in page.url


@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_reaches_beyond_the_screen(watched: Watched, gradebook: Path, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 812})
    page = watched.open(gradebook)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for cell in page.locator(".book tbody td svg").all():
        box = cell.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) > 10
