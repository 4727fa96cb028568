"""The report's page: whole, well formed, self-contained, small, accessible, and safe whatever a pipeline says."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace
from taskguard.history import AttemptSucceeded, History, TaskSubmitted
from taskguard.judging.grading import grade
from taskguard.reports.html import REPORT_FILE, write_report
from taskguard.reports.html.page import page_of
from taskguard.reports.html.rendering import render

from tests.terms import our_terms
from tests.unit.judging.building import EXPECTED, FIRST_TRY, UNSEEDED, missing, run, the, without
from tests.unit.judging.reporting import (
    HOSTILE,
    REPEAT,
    Element,
    broken,
    good,
    graded,
    hostile,
    manifest_of,
    many,
    page,
    parsed,
    read,
)

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {
        "good": render(page(good())),
        "broken": render(page(broken(), clock_scale=60.0)),
        "hostile": render(
            page(hostile(), our_terms(HOSTILE), target=HOSTILE, settings={HOSTILE: {HOSTILE: [HOSTILE]}})
        ),
        "unknown": render(page([*good(), missing("Delivered")], UNSEEDED)),
        "empty": render(page([])),
    }


@pytest.fixture(params=["good", "broken", "hostile", "unknown", "empty"])
def tree(pages: dict[str, str], request: pytest.FixtureRequest) -> Element:
    return parsed(pages[request.param])


def test_the_grade_the_final_lines_and_the_verdicts_are_at_the_top(pages: dict[str, str]) -> None:
    tree = parsed(pages["broken"])
    [h1] = tree.all("h1")
    grade, _ = graded(broken())
    assert h1.text.startswith("Fail ")
    assert "checks failed" in h1.text
    assert [each.text for each in tree.all("header")[0].all("dt")] == [
        f"SUCCESS: {grade.success}",
        f"FAILURE: {grade.failure}",
    ]
    verdicts = tree.all(class_="verdict")
    assert sorted(each.attributes["id"] for each in verdicts) == sorted(f"check-{v.check}" for v in grade.verdicts)
    outcomes = [each.attributes["class"].split()[1] for each in verdicts]
    assert outcomes == sorted(outcomes, key=["fail", "unknown", "pass", "not-applicable"].index)
    assert [each.tag for each in verdicts] == ["details"] * len(verdicts)
    is_closed = {each.attributes["id"]: "open" not in each.attributes for each in verdicts}
    settled = ("pass", "not-applicable")
    assert is_closed == {each.attributes["id"]: each.attributes["class"].split()[1] in settled for each in verdicts}
    text = tree.text
    for verdict in grade.verdicts:
        for said in (verdict.claim, verdict.expected, verdict.observed):
            assert said in text
    assert "The pipeline’s clock ran up to 60 times as fast" in text
    assert "The pipeline’s clock" not in parsed(pages["good"]).text


def test_a_failed_verdict_leads_to_its_tasks_and_they_lead_back(pages: dict[str, str]) -> None:
    tree = parsed(pages["broken"])
    tasks = {each.attributes["id"]: each for each in tree.all("article", class_="task")}
    failed = tree.all(class_="fail")
    for verdict in (each for each in failed if "verdict" in each.attributes["class"]):
        targets = [link.attributes["href"].removeprefix("#") for link in verdict.all("a")]
        assert targets
        for target in targets:
            back = [link.attributes["href"] for link in tasks[target].all("a")]
            assert f"#{verdict.attributes['id']}" in back


def test_each_link_leads_somewhere_in_the_page_and_no_id_is_there_twice(tree: Element) -> None:
    ids = [each.attributes["id"] for each in tree if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    links = [each.attributes["href"] for each in tree.all("a", "use")]
    assert {link[1:] for link in links} <= set(ids)
    assert all(link.startswith("#") for link in links)
    labels = [name for each in tree if (name := each.attributes.get("aria-labelledby"))]
    assert set(labels) <= set(ids)


def test_nothing_is_asked_of_a_network_nor_run(tree: Element) -> None:
    [policy] = [each for each in tree.all("meta") if each.attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'sha256-")
    assert not tree.all("script", "img", "iframe", "object", "embed", "form", "base", "image", "foreignobject")
    for each in tree:
        assert not {name for name in each.attributes if name.startswith("on") or name in ("src", "style", "srcset")}
    [style] = tree.all("style")
    assert "@import" not in style.text
    assert set(re.findall(r"url\(([^)]*)\)", style.text)) == {"#hatched"}


def test_whatever_a_pipeline_says_is_shown_as_text_and_visibly(pages: dict[str, str]) -> None:
    html = pages["hostile"]
    html.encode()
    assert "alert(1)" in html
    assert "<script" not in html
    unfit = {each for each in html if not each.isprintable()} - {"\n"}
    assert not unfit
    text = parsed(html).text
    assert (
        "</script></style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;\\x1b[31m\\x00\\u202egnp" in text
    )
    assert "more characters)" in text
    assert "(1 more character)" not in text


def test_headings_and_landmarks_are_in_order(tree: Element) -> None:
    levels = [int(each.tag[1]) for each in tree.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for landmark in ("header", "nav", "main", "footer"):
        assert len(tree.all(landmark)) == 1
    assert tree.all("html")[0].attributes["lang"] == "en"


def test_each_picture_has_words_for_it_or_is_hidden_beside_them(tree: Element) -> None:
    def pictures(element: Element) -> list[Element]:
        below = [] if element.tag == "svg" else [each for child in element.children for each in pictures(child)]
        return [element] if element.tag == "svg" else below

    found = pictures(tree)
    assert found
    for each in found:
        told = each.attributes.get("role") == "img" and each.attributes.get("aria-label")
        assert told or each.attributes.get("aria-hidden") == "true"


def test_each_picture_has_a_table_behind_it(pages: dict[str, str]) -> None:
    tree = parsed(pages["good"])
    for panel in tree.all("section", class_="panel"):
        [table] = panel.all("table")
        assert len(table.all("tr")) > 1
        assert all(len(row.all("th", "td")) == len(table.all("th", scope="col")) for row in table.all("tr"))
    for task in tree.all("article", class_="task"):
        assert task.all("svg", role="img")


def test_how_to_repeat_the_run_and_what_was_run_are_told(pages: dict[str, str]) -> None:
    text = parsed(pages["good"]).text
    for said in (REPEAT, "0123456789abcdef" * 4, "4.13.1", "BACKOFF_BASE_SECONDS: 5", "eu-central-1"):
        assert said in text
    without_command = render(page(good(), repeat=None))
    assert "Run it again" not in without_command


def test_two_pages_of_one_run_are_the_same(pages: dict[str, str]) -> None:
    assert render(page(good())) == pages["good"]


def test_it_is_written_beside_the_run(tmp_path: Path) -> None:
    grade, history = graded(good())
    write_report(tmp_path, grade, history, manifest_of())
    assert [each.name for each in tmp_path.iterdir()] == [REPORT_FILE]
    assert read(tmp_path).all("h1")[0].text.startswith("Pass All ")


def test_a_task_that_was_done_before_it_was_accepted_took_no_negative_time() -> None:
    events = run(FIRST_TRY)
    submission, done = the(events, TaskSubmitted), the(events, AttemptSucceeded)
    refused = replace(submission, accepted=False, status_code=503)
    accepted = replace(submission, at_ms=done.at_ms + 200, answered_ms=done.at_ms + 210)
    history = History([*without(events, submission), refused, accepted])
    graded = grade(history, EXPECTED)
    html = render(page_of(graded, history, manifest_of()))
    assert not re.search(r">\s*[-−]\d+\.\d+ s|in [-−]\d", html)
    assert not re.search(r"(in|[(>]) ?[-−]\d", html)


def test_a_report_of_3_000_tasks_is_small_and_says_what_is_left_out() -> None:
    grade, history = many(3_000)
    html = render(page_of(grade, history, manifest_of()))
    assert len(html.encode()) < MEGABYTE
    shown = len(parsed(html).all("article", class_="task"))
    assert 20 < shown < 200
    assert f"{3_000 - shown} more tasks of this kind: see fates in grade.json" in html
    assert "and 2990 more findings, in grade.json" in html
    assert "120 of 3000 waits drawn" in html


def test_a_report_full_of_long_texts_is_small_too() -> None:
    grade, history = many(100, "\"&<>'" * 2000)
    html = render(page_of(grade, history, manifest_of(settings={f"{n}": "&" * 5000 for n in range(100)})))
    assert len(html.encode()) < MEGABYTE


def test_colours_have_enough_contrast_in_light_and_dark(pages: dict[str, str]) -> None:
    [style] = parsed(pages["good"]).all("style")
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part)) for part in re.split("@media", style.text)[:2]
    )
    assert light.keys() == dark.keys()
    for scheme in (light, dark):
        for ground in ("page", "card"):
            for ink in ("ink", "muted", "link", "pass", "fail", "unknown"):
                assert contrast(scheme[ink], scheme[ground]) >= 4.5, (ink, ground)
        for shape in ("wait", "due-edge"):
            assert contrast(scheme[shape], scheme["card"]) >= (3 if shape == "wait" else 2)
        assert contrast(scheme["wait"], scheme["due"]) >= 3
        for badge in ("pass", "fail", "unknown"):
            assert contrast(scheme[badge], scheme["on-badge"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """The contrast of two colours by WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_a_run_judged_by_other_expectations_is_reported_by_them() -> None:
    fast = our_terms(waits=(1.0, 2.0), receives=2, seed="s")
    text = parsed(render(page(good(), fast))).text
    assert "1 s due, up to 3 s allowed" in text
    assert "after attempt 3" not in text
    assert EXPECTED.contract.attempts.most == 3
