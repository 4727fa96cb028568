"""`docs/guarantees.md` names each guarantee that is checked, faults that there are, and parts of itself that are there."""

from __future__ import annotations

import re

from taskguard.faults.kinds import KINDS
from taskguard.faults.plan import parse
from taskguard.judging.guarantees import GUARANTEES

from tests.places import PROJECT

TEXT = (PROJECT / "docs" / "guarantees.md").read_text(encoding="utf-8")


def anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def test_each_promise_has_a_check_and_each_check_a_promise() -> None:
    table = TEXT.partition("## What is promised")[2].partition("\n\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert {row[-1].strip("`") for row in rows} == GUARANTEES.keys() - {"faults_met"}
    headings = {anchor(line.lstrip("# ")) for line in TEXT.splitlines() if line.startswith("#")}
    links = [re.search(r"\(#([^)]*)\)", row[0]) for row in rows]
    assert [link[1] for link in links if link is not None and link[1] in headings] == [
        link[1] for link in links if link is not None
    ]
    assert None not in links


def test_what_attacks_a_promise_is_a_fault() -> None:
    sentences = re.findall(r"^Attacked by (.*?)\.$", TEXT, re.MULTILINE | re.DOTALL)
    assert len(sentences) == 6
    for named in re.findall(r"`([a-z-]+)[*`]", " ".join(sentences)):
        assert any(kind.startswith(named) for kind in KINDS) or named in ("every-try",), named
    for plan in re.findall(r"`([a-z-]+ when=[^`]*)`", " ".join(sentences)):
        assert parse(plan)
