"""`docs/faults.md` has each kind of fault, and each option, as it is."""

from __future__ import annotations

import re

from taskguard.faults import plan
from taskguard.faults.kinds import FROM_OUTSIDE, KINDS, Kind
from taskguard.faults.plan import parse

from tests.places import PROJECT

TEXT = (PROJECT / "docs" / "faults.md").read_text(encoding="utf-8")


def row(kind: Kind) -> tuple[str, ...]:
    return (
        f"`{kind.name}`",
        f"{kind.site}, from outside" if kind.name in FROM_OUTSIDE else str(kind.site),
        "before, after" if kind.two_phases else "",
        f"{kind.seconds:g}" if kind.seconds else "",
        kind.sentence,
    )


def test_the_table_has_every_kind_as_the_catalogue_has_it() -> None:
    table = TEXT.partition("## The kinds")[2].partition("\n\n")[2].partition("\n\n")[0]
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines()[2:]]
    assert rows == [row(kind) for kind in KINDS.values()]


def test_every_option_is_explained() -> None:
    explained = TEXT.partition("## The language")[2].partition("## The kinds")[0]
    for option in plan._OPTIONS:
        assert re.search(rf"`{option}(=[^`]*)?`", explained), option


def test_the_examples_can_be_read() -> None:
    example = re.search(r"is a kind and options:\n\n```\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    assert len(parse(example[1])) == 5
