"""The gradebook: a pure function of run folders, with words for submitters, points by the contract, and nothing that strangers' text could do."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from taskguard.contract.contract import Contract
from taskguard.errors import ConfigurationError
from taskguard.judging.earning import points_of
from taskguard.judging.verdict import Finding, Outcome, Verdict
from taskguard.reports.gradebook.files import CSV_FILE, JSON_FILE, PAGE_FILE, write_gradebook
from taskguard.reports.gradebook.rows import Gradebook, folders_below, gradebook_of
from taskguard.reports.gradebook.tables import cell
from taskguard.reports.what_matters import MOST, steady
from taskguard.run.submissions.kept import End, Kept
from taskguard.run.submissions.listed import submissions_in
from taskguard.support.typed import typed_toml

from tests.places import PROJECT
from tests.unit.judging.reporting import HOSTILE
from tests.unit.taskguard.submitted import kept_submissions, run_at

SCHEMA = json.loads((PROJECT / "docs" / "gradebook.schema.json").read_text(encoding="utf-8"))
FILES = (PAGE_FILE, CSV_FILE, JSON_FILE)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_submissions(tmp_path_factory.mktemp("runs"))


def book_of(runs: Path, contract: str = "") -> Gradebook:
    return gradebook_of(folders_below([runs]), runs, typed_toml(Contract, contract) if contract else None)


def written(book: Gradebook, out: Path) -> tuple[str, list[dict[str, str]], dict[str, Any]]:
    write_gradebook(book, out)
    table = (out / CSV_FILE).read_text(encoding="utf-8-sig")
    return (
        (out / PAGE_FILE).read_text(encoding="utf-8"),
        list(csv.DictReader(io.StringIO(table))),
        json.loads((out / JSON_FILE).read_text(encoding="utf-8")),
    )


def test_each_row_tells_its_grade_its_points_or_why_it_has_none(runs: Path) -> None:
    rows = {row.name: row for row in book_of(runs).rows}
    assert {name: row.result for name, row in rows.items()} == {
        "right": "pass",
        "wrong": "fail",
        "open": "unknown",
        "unbuilt": "not built",
    }
    right, wrong, doubtful, unbuilt = (rows[name] for name in ("right", "wrong", "open", "unbuilt"))
    assert right.points is not None
    assert right.points.earned == right.points.of == 15
    assert wrong.points is not None
    assert wrong.points.earned < wrong.points.of
    assert doubtful.points is not None
    assert doubtful.points.earned + doubtful.points.open == doubtful.points.of
    assert (unbuilt.points, unbuilt.said) == (None, ("packaging failed", "  no such plugin"))
    assert not right.why_look
    assert wrong.why_look == ("Beside what failed, not all could be judged.",)
    assert doubtful.why_look == ("Not all could be judged.",)
    assert unbuilt.why_look == ("It could not be built and deployed.",)


def test_points_are_the_contract_s_and_what_it_does_not_count_is_left_out(runs: Path) -> None:
    def verdict(check: str, outcome: Outcome) -> Verdict:
        return Verdict(check=check, outcome=outcome, claim="", expected="", observed="")

    contract = typed_toml(Contract, "[points]\nbackoff = 3\nrecord = 0\nredrive = 0.5")
    verdicts = [
        verdict("backoff", Outcome.PASS),
        verdict("redrive", Outcome.UNKNOWN),
        verdict("record", Outcome.FAIL),
        verdict("order", Outcome.NOT_APPLICABLE),
        verdict("effect", Outcome.FAIL),
    ]
    points = points_of(verdicts, contract)
    assert (points.earned, points.of, points.open, points.in_words) == (3, 4.5, 0.5, "3 of 4.5")


def test_a_setting_with_points_of_its_own_is_a_column_and_the_check_is_for_the_others(
    runs: Path, tmp_path: Path
) -> None:
    contract = """
        [settings]
        encryption = "must"
        tls = "must"
        [points]
        settings.encryption = 4
        configuration = 0.5
    """
    page, lines, document = written(book_of(runs, contract), tmp_path)
    [column] = [each for each in document["checks"] if each["check"] == "settings.encryption"]
    assert (column["points"], column["claim"]) == (4, "Queues and records are encrypted at rest.")
    names = list(lines[0])
    assert names.index("settings.encryption") == names.index("configuration") + 1
    of_right = next(line for line in lines if line["name"] == "right")
    assert (of_right["configuration"], of_right["settings.encryption"]) == ("pass", "pass")
    assert of_right["of"] == "18.5", "14 checks of one point, half a point for the rest of the settings, four for one"
    assert "settings.encryption (4)" in page
    assert not re.search(r'href="[^"]*#check-settings', page), "its evidence is told of the check"


def test_the_json_is_as_its_schema_says(runs: Path, tmp_path: Path) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    of_submission = SCHEMA["$defs"]["submission"]["properties"]
    assert of_submission["end"]["enum"] == [str(end) for end in End]
    assert SCHEMA["$defs"]["outcome"]["enum"] == [str(outcome) for outcome in Outcome]
    assert of_submission["findings"]["maxItems"] == MOST
    for contract in ("", '[settings]\ntls = "must"\n[points]\nsettings.tls = 2'):
        document = written(book_of(runs, contract), tmp_path)[2]
        Draft202012Validator(SCHEMA).validate(document)
        assert list(document) == list(SCHEMA["properties"])
        assert all(list(row) == list(of_submission) for row in document["submissions"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("counts"),
        lambda document: document["submissions"][0].update(end="lost"),
        lambda document: document["submissions"][0]["checks"].update(backoff="passed"),
        lambda document: document["checks"][0].update(points=-1),
    ],
)
def test_the_schema_refuses_what_is_no_gradebook(
    runs: Path, tmp_path: Path, spoil: Callable[[dict[str, Any]], object]
) -> None:
    document = written(book_of(runs), tmp_path)[2]
    spoil(document)
    assert not Draft202012Validator(SCHEMA).is_valid(document)


def test_what_a_setting_misses_costs_its_own_points_alone() -> None:
    contract = typed_toml(Contract, '[settings]\ntls = "must"\nencryption = "must"\n[points]\nsettings.tls = 2')
    parts = {"configuration": Outcome.PASS, "settings.tls": Outcome.FAIL, "settings.encryption": Outcome.PASS}
    verdict = Verdict(check="configuration", outcome=Outcome.FAIL, claim="", expected="", observed="", parts=parts)
    assert (points_of([verdict], contract).earned, points_of([verdict], contract).of) == (1, 3)
    other = replace(verdict, parts={**parts, "settings.encryption": Outcome.UNKNOWN})
    assert (points_of([other], contract).earned, points_of([other], contract).open) == (0, 1)


def test_what_matters_is_said_in_words_that_tell_what_was_expected_and_found(runs: Path) -> None:
    [wrong] = [row for row in book_of(runs).rows if row.name == "wrong"]
    assert len(wrong.findings) == 3
    assert all(said.outcome is Outcome.FAIL for said in wrong.findings)
    [backoff] = [said for said in wrong.findings if "backoff" in said.checks]
    assert "After each failed attempt the message stays away for the scheduled delay." in backoff.text
    assert re.search(r"Expected: .*5, 10, 20 s.* Found: .*expected", backoff.text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("came back after 3.213 s, 1.79 s too early", "came back after about 3 s, about 2 s too early"),
        ("asked for 5.5 s, expected 7.5 s", "asked for 5.5 s, expected 7.5 s"),
        ("RequestId: 0f8fad5b-d9cb-469f-a165-70867728950e Error", "RequestId: … Error"),
        (
            "stack-dev-PutAside-10c6b327, the consumer of 2570f2898d-0004",
            "stack-dev-PutAside, the consumer of 2570f2898d-0004",
        ),
        ("  one\n two..", "one two."),
    ],
)
def test_words_do_not_tell_what_differs_from_run_to_run(text: str, said: str) -> None:
    assert steady(text) == said


def test_the_same_folders_make_the_same_files_wherever_they_lie(runs: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "quite" / "elsewhere"
    shutil.copytree(runs, elsewhere)
    for folder in (runs, elsewhere):
        # In whatever order they are named.
        write_gradebook(gradebook_of(reversed(folders_below([folder])), folder), folder)
    for name in FILES:
        text = (runs / name).read_bytes()
        assert text == (elsewhere / name).read_bytes()
        assert str(runs).encode() not in text
        assert b"2024-01-01" not in text


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        if found.get("id"):
            self.ids.add(str(found["id"]))
        if tag == "a":
            self.links.append(str(found["href"]))
        assert not [name for name in found if name.startswith("on") or name == "style"]


def read_page(page: str) -> _Links:
    parser = _Links()
    parser.feed(page)
    return parser


def test_each_verdict_leads_to_its_evidence(runs: Path) -> None:
    page, *_ = written(book_of(runs), runs)
    read = read_page(page)
    texts: dict[Path, str] = {}
    to_evidence = [link for link in read.links if "#check-" in link]
    assert len(to_evidence) == 3 * 15
    for link in read.links:
        file, _, anchor = link.partition("#")
        if file:
            target = runs / file
            assert target.is_file()
            assert not anchor or f'id="{anchor}"' in texts.setdefault(target, target.read_text())
        else:
            assert anchor in read.ids


def test_the_page_needs_no_script_and_loads_nothing(runs: Path) -> None:
    page, *_ = written(book_of(runs), runs)
    read = read_page(page)
    assert not {"script", "img", "iframe", "form", "object"} & read.tags
    assert "default-src 'none'" in page
    for way in ("name", "result", "points", "check-0"):
        assert f"#by-{way}:checked" in page
        assert f"by-{way}" in read.ids


def test_the_worst_come_first_where_it_is_sorted_by_points(runs: Path) -> None:
    book = book_of(runs)
    page, *_ = written(book, runs)
    places = {int(row): int(place) for row, place in re.findall(r"#row-(\d+)\{.*?--points:(\d+)", page)}
    by_points = sorted(range(len(book.rows)), key=lambda index: places[index])
    assert [book.rows[index].name for index in by_points] == ["unbuilt", "open", "wrong", "right"]


def test_strangers_text_is_text_everywhere(tmp_path: Path) -> None:
    run_at(tmp_path / "a" / "run", [], set_aside=(HOSTILE,))
    Kept(name=HOSTILE.replace("\ud800", ""), end=End.GRADED).write(tmp_path / "a")
    (tmp_path / "b").mkdir()
    Kept(name="=HYPERLINK(A1)", end=End.NOT_BUILT, said=("\x1b[31m</pre><script>alert(2)</script>", "@SUM(1)")).write(
        tmp_path / "b"
    )
    page, table, document = written(gradebook_of(folders_below([tmp_path]), tmp_path), tmp_path)
    assert "<script" not in page
    assert "<img" not in page
    assert not re.search("[\x00\x1b\u202e\u2066]", page)
    names = {each["name"] for each in table}
    assert "'=HYPERLINK(A1)" in names
    assert not [name for line in table for name in line.values() if name.startswith(("=", "+", "-", "@"))]
    assert {each["name"] for each in document["submissions"]} >= {"=HYPERLINK(A1)"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A", "\t=1", " =1", "\r\n=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert not cell(text).lstrip().startswith(("=", "+", "-", "@"))


def test_a_run_whose_files_were_edited_is_marked(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "wrong", tmp_path / "wrong")
    history = tmp_path / "wrong" / "run" / "history.jsonl"
    text = history.read_text()
    history.write_text(text.replace('"status_code": 202', '"status_code": 201', 1))
    assert history.read_text() != text
    [row] = gradebook_of(folders_below([tmp_path]), tmp_path).rows
    assert row.why_look[0] == "The run's files are not as the run wrote them."


@pytest.mark.parametrize("text", ["", "{}", '{"event": ' + "[" * 100_000])
def test_a_run_that_cannot_be_read_is_a_row_with_its_reason(runs: Path, tmp_path: Path, text: str) -> None:
    for name in ("right", "wrong"):
        shutil.copytree(runs / name, tmp_path / name)
    (tmp_path / "wrong" / "run" / "history.jsonl").write_text(text)
    right, wrong = gradebook_of(folders_below([tmp_path]), tmp_path).rows
    assert right.outcome is Outcome.PASS
    assert wrong.why_look
    assert str(tmp_path) not in " ".join(wrong.said)


def test_runs_made_by_hand_anywhere_are_collected_too(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "right" / "run", tmp_path / "there" / "anna")
    (tmp_path / "there" / "bert").mkdir()
    shutil.copytree(runs / "wrong", tmp_path / "artifact-2" / "submissions" / "wrong")
    folders = folders_below([tmp_path / "there", tmp_path / "artifact-2"])
    assert [row.name for row in gradebook_of(folders, tmp_path).rows] == ["anna", "wrong"]
    with pytest.raises(ConfigurationError, match="there is no run in it"):
        folders_below([tmp_path / "there" / "bert"])


def test_a_run_that_broke_off_has_no_points(tmp_path: Path) -> None:
    run_at(tmp_path / "early", [], ended_early="interrupted")
    [row] = gradebook_of(folders_below([tmp_path]), tmp_path).rows
    assert (row.end, row.points) == (End.ENDED_EARLY, None)
    assert row.why_look


def test_runs_by_another_contract_are_marked(runs: Path, tmp_path: Path) -> None:
    rows = book_of(runs, "[points]\nbackoff = 3").rows
    assert all("another contract" in " ".join(row.why_look) for row in rows if row.points is not None)


def test_a_finding_that_is_only_advised_is_not_what_a_fail_is_explained_by() -> None:
    from taskguard.judging.grading import Grade
    from taskguard.reports.what_matters import what_matters

    findings = (Finding(task_id=None, message="no queue"), Finding(task_id=None, message="advised otherwise: a key"))
    verdict = Verdict(
        check="configuration",
        outcome=Outcome.FAIL,
        claim="It is so.",
        expected="a queue",
        observed="none",
        findings=findings,
        proven=1,
    )
    [said] = what_matters(Grade(verdicts=(verdict,), fates=()), Contract())
    assert said.text == "It is so. Expected: a queue. Found: no queue."


def test_the_page_for_graders_shows_what_can_be_read(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "grading.md").read_text()
    [contract] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert typed_toml(Contract, contract).worth("backoff") == 3
    [lines] = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    (tmp_path / "list.csv").write_text(lines)
    assert [(each.name, each.deployer) for each in submissions_in(tmp_path / "list.csv")] == [
        ("Anna", None),
        ("Bert", "sam"),
    ]
    for end in End:
        assert f"| {end} |" in page or end is End.GRADED
