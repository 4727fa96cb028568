"""``taskguard compare``: what two saved runs tell differently, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

from taskguard.history import History

from tests.unit.judging.building import FIRST_TRY, SECOND_TRY, run
from tests.unit.judging.reporting import parsed
from tests.unit.taskguard.cli_support import Command
from tests.unit.taskguard.saved_runs import BAD_EVENTS, EVENTS, saved


def test_compare_of_runs_that_tell_the_same_succeeds(taskguard: Command, tmp_path: Path) -> None:
    one, other = (saved(tmp_path / name, History(EVENTS), target=name) for name in ("localstack", "aws"))
    ended = taskguard("compare", one, other)
    assert (ended.status, ended.err) == (0, "")
    assert ["target", "localstack", "aws"] in [line.split() for line in ended.out.splitlines()]
    assert ended.out.splitlines()[-1].startswith("SAME: ")
    as_json = taskguard("compare", one, other, "--json")
    assert (as_json.status, json.loads(as_json.out)["same"]) == (0, True)


def test_compare_of_runs_that_differ_ends_with_1(taskguard: Command, tmp_path: Path) -> None:
    one, other = saved(tmp_path / "one", History(EVENTS)), saved(tmp_path / "other", History(BAD_EVENTS))
    ended = taskguard("compare", one, other)
    assert ended.status == 1
    assert ["record", "pass", "fail"] in [line.split() for line in ended.out.splitlines()]
    assert ended.out.splitlines()[-1].startswith("DIFFERENT: 1 verdict, 0 numbers, 0 fates")
    as_json = taskguard("compare", one, other, "--json")
    assert as_json.status == 1
    assert json.loads(as_json.out)["verdicts"] == [{"name": "record", "one": "pass", "other": "fail"}]


def test_compare_of_what_cannot_be_compared_ends_with_3(taskguard: Command, tmp_path: Path) -> None:
    one, other = saved(tmp_path / "one", History(run(FIRST_TRY))), saved(tmp_path / "other", History(run(SECOND_TRY)))
    for arguments, said in (((one, other), "no task was accepted in both"), ((one, tmp_path), "No such file")):
        ended = taskguard("compare", *arguments)
        assert (ended.status, ended.out) == (2, "")
        assert said in ended.err


def test_compare_writes_a_page_with_what_became_worse_and_better(taskguard: Command, tmp_path: Path) -> None:
    good, bad = saved(tmp_path / "good", History(EVENTS)), saved(tmp_path / "bad", History(BAD_EVENTS))
    taskguard("check", good)
    file = tmp_path / "compared.html"
    assert taskguard("compare", good, bad, "--html", file).status == 1
    page = parsed(file.read_text())
    assert [each.text for each in page.all("h1")] == ["1 check worse"]
    [change] = page.all("article", class_="worse")
    assert change.all("code")[0].text == "record"
    assert "PROCESSING" in change.text
    assert [each.attributes["href"] for each in page.all("a")] == ["good/report.html"]
    assert str(tmp_path) not in file.read_text()
    assert not page.all("script")

    assert taskguard("compare", bad, good, "--html", file).status == 1
    assert parsed(file.read_text()).all("article", class_="better")
    assert taskguard("compare", good, good, "--html", file).status == 0
    assert "Nothing differs in how they were judged" in parsed(file.read_text()).text
