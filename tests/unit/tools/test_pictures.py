"""A picture of a console has what was printed from the verdicts on, and loads nothing."""

from __future__ import annotations

import re

import pytest

from tools.pictures import PICTURES, as_svg, from_the_verdicts

PRINTED = "Submitting 30 tasks\n\n\x1b[32m✓ \x1b[0mingress   fine\n\nSUCCESS: 22\n"


def test_it_begins_with_the_first_verdict() -> None:
    assert from_the_verdicts(PRINTED).splitlines() == ["\x1b[32m✓ \x1b[0mingress   fine", "", "SUCCESS: 22"]


def test_a_run_without_a_verdict_is_no_picture() -> None:
    with pytest.raises(ValueError, match="the port is taken"):
        from_the_verdicts("the port is taken")


@pytest.mark.parametrize(
    "picture", [as_svg(PRINTED, "make grade"), (PICTURES / "console.svg").read_text(encoding="utf-8")]
)
def test_it_loads_nothing(picture: str) -> None:
    assert ">make&#160;grade<" in picture.replace("make grade", "make&#160;grade")
    assert "SUCCESS:&#160;22" in picture
    assert set(re.findall(r"https?://[^\s\"')]+", picture)) == {"http://www.w3.org/2000/svg"}


def test_pictures_are_small() -> None:
    assert {picture.name for picture in PICTURES.iterdir()} == {"console.svg", "report.png"}
    assert max(picture.stat().st_size for picture in PICTURES.iterdir()) < 250_000
