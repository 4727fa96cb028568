"""The report as a reader has it in a browser: drawn, quiet, with links that lead somewhere, on a phone and in the dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NAMES, Watched, keep_screenshot


@pytest.mark.parametrize("name", NAMES)
def test_it_is_quiet_and_its_pictures_are_drawn(watched: Watched, reports: dict[str, Path], name: str) -> None:
    page = watched.open(reports[name])  # the fixture fails on any complaint and any request
    unfold(page)
    pictures = page.locator("svg[role=img]")
    if name != "empty":
        assert pictures.count() >= 5
    for box in boxes(pictures):
        assert box["width"] > 200
        assert box["height"] >= 20
    shapes = page.locator(".timeline use, .timeline .due, .strip use, .strip .band, .badge use")
    assert all(max(box["width"], box["height"]) > 0 for box in boxes(shapes))  # an upright line has no width


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_reaches_beyond_the_screen(watched: Watched, reports: dict[str, Path], name: str, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 812})
    page = watched.open(reports[name])
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for box in boxes(page.locator("svg text, svg use, h1, h2, h3, h4, p, dd, li, summary")):
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_a_short_wait_is_drawn_as_short_as_it_was(watched: Watched, reports: dict[str, Path]) -> None:
    page = watched.open(reports["broken"])
    task = page.locator("article.task").filter(has=page.locator("h4", has_text="t2-"))
    due, wait = (task.locator(f".{kind}").first.bounding_box() for kind in ("due", "wait"))
    assert due is not None
    assert wait is not None
    assert wait["width"] / due["width"] == pytest.approx(1.053 / 5, abs=0.03)  # its outline is 2 pixels wide
    assert wait["x"] == pytest.approx(due["x"], abs=2)
    expect(task.locator("text.outside").first).to_have_text("1.053 s, 5 s due")
    kept = page.locator("#tasks-at-once .wait, #tasks-retried .wait")
    assert not any("outside" in (each.get_attribute("class") or "") for each in kept.all())


def test_dots_lie_in_the_band_when_waits_were_kept(watched: Watched, reports: dict[str, Path]) -> None:
    page = watched.open(reports["good"])
    strips = page.locator("#waits .strip").all()
    assert len(strips) == 3
    for strip in strips:
        band = strip.locator(".band").bounding_box()
        assert band is not None
        for dot in boxes(strip.locator(".dots use")):
            assert band["x"] <= dot["x"] + dot["width"] / 2 <= band["x"] + band["width"]
    assert page.locator("#waits .strip .outliers use").count() == 0


def test_a_failed_verdict_leads_to_its_task_and_back(watched: Watched, reports: dict[str, Path]) -> None:
    page = watched.open(reports["broken"])
    verdict = page.locator("#check-backoff")
    link = verdict.locator(".findings a").first
    target = (link.get_attribute("href") or "").removeprefix("#")
    task = page.locator(f"[id='{target}']")
    expect(task).not_to_be_in_viewport()
    link.click()
    expect(task).to_be_in_viewport()
    assert page.evaluate("document.querySelector(':target').id") == target
    task.locator(".namings a", has_text="backoff").first.click()
    expect(verdict.locator("summary")).to_be_in_viewport()


def test_each_link_leads_to_something_that_can_be_seen(watched: Watched, reports: dict[str, Path]) -> None:
    page = watched.open(reports["broken"])
    for href in {link.get_attribute("href") or "" for link in page.locator("a").all()}:
        page.evaluate("href => { location.hash = href }", href)
        expect(page.locator(f"[id='{href.removeprefix('#')}']")).to_be_in_viewport()


def test_all_can_be_reached_and_opened_by_keyboard(watched: Watched, reports: dict[str, Path]) -> None:
    page = watched.open(reports["broken"])
    wanted = page.locator("a:visible, summary:visible").count()
    reached: list[str] = []
    for _ in range(wanted + 20):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => {
                const found = document.activeElement, box = found.getBoundingClientRect()
                if (found === document.body) return null
                const style = getComputedStyle(found)
                return {tag: found.tagName, outline: style.outlineStyle, top: box.top, bottom: box.bottom,
                        left: box.left, height: innerHeight}
            }"""
        )
        if focused is None:
            break
        assert focused["outline"] == "solid", focused
        assert focused["left"] >= 0, focused
        assert focused["top"] < focused["height"], focused
        assert focused["bottom"] > 0, focused
        reached.append(focused["tag"])
    assert sum(tag in ("A", "SUMMARY") for tag in reached) == wanted
    assert reached[0] == "A"  # it skips to the verdicts
    passed = page.locator("details.verdict.pass").first
    expect(passed).not_to_have_attribute("open", "")
    passed.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(passed).to_have_attribute("open", "")
    expect(passed.locator(".judgement")).to_be_visible()


def test_a_reader_of_the_screen_is_told_what_is_drawn(watched: Watched, reports: dict[str, Path]) -> None:
    page = watched.open(reports["broken"])
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    picture = page.get_by_role("img", name="attempt 1 failed, then away for 1.053 s, 5 s due")
    expect(picture.first).to_be_visible()
    expect(page.get_by_role("region", name="Did each wait take as long as it should?")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_scheme_of_the_browser(watched: Watched, reports: dict[str, Path], scheme: Any) -> None:
    watched.page.emulate_media(color_scheme=scheme)
    page = watched.open(reports["broken"])
    ground, ink = (
        sum(map(int, page.evaluate(f"getComputedStyle(document.body).{which}.match(/[0-9]+/g)")[:3]))
        for which in ("backgroundColor", "color")
    )
    assert (ground < ink) == (scheme == "dark")
    for kind, of in (
        (".wait:not(.outside)", "fill"),
        (".due", "fill"),
        (".wait.outside", "stroke"),
        (".failed", "stroke"),
    ):
        colour, card = page.evaluate(
            """([kind, of]) => { const found = document.querySelector(`.task ${kind}`)
                return [getComputedStyle(found)[of], getComputedStyle(found.closest(".task")).backgroundColor] }""",
            [kind, of],
        )
        assert colour not in (card, "none", "rgb(0, 0, 0)"), kind


@pytest.mark.parametrize("name", ["good", "broken", "hostile", "unknown", "graded-run"])
def test_screenshots_are_kept(
    watched: Watched, reports: dict[str, Path], name: str, request: pytest.FixtureRequest
) -> None:
    file = request.getfixturevalue("graded_run") if name == "graded-run" else reports[name]
    page = watched.open(file)
    keep_screenshot(page, f"{name}-light")
    page.emulate_media(color_scheme="dark")
    keep_screenshot(page, f"{name}-dark")
    page.set_viewport_size({"width": 375, "height": 812})
    keep_screenshot(page, f"{name}-phone-dark")
    page.emulate_media(color_scheme="light")
    keep_screenshot(page, f"{name}-phone-light")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")


def boxes(found: Locator) -> list[dict[str, float]]:
    """The boxes of all that are found and shown, measured at once."""
    measured: list[dict[str, float]] = found.evaluate_all(
        """all => all.filter(each => each.checkVisibility() && !each.closest(".symbols")).map(each => {
            const {x, y, width, height} = each.getBoundingClientRect(); return {x, y, width, height} })"""
    )
    return measured
