"""Links lead somewhere, in all that people read here; and each page of docs/ is in its index, from which the site is made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.places import PROJECT
from tools.site import DOCS, groups, within

PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md", "bench/README.md")),
    *sorted(DOCS.glob("*.md")),
]
INDEX = (DOCS / "index.md").read_text(encoding="utf-8")


def prose(page: Path) -> str:
    return re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The headings as GitHub, and the site, make anchors of them."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def broken_link(page: Path, link: str) -> str | None:
    file, _, anchor = link.partition("#")
    target = page.parent / file if file else page
    if not target.exists():
        return f"{page.relative_to(PROJECT)}: {link} is not there"
    if anchor and target.suffix == ".md" and anchor not in anchors(target):
        return f"{page.relative_to(PROJECT)}: {link} has no such heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    broken = [broken_link(page, link) for link in links if not re.match(r"[a-z]+:", link)]
    assert not [each for each in broken if each]


def test_each_page_is_in_the_index() -> None:
    listed = {page for pages in groups(INDEX).values() for page in pages}
    assert listed == {page.name for page in DOCS.glob("*.md")} - {"index.md"}


def test_a_page_is_in_the_group_that_names_it_first() -> None:
    text = "# T\n\n[x](x.md)\n\n## One\n\n[a](a.md#x), [i](index.md)\n\n## Two\n\n[b](b.md) [a](a.md) [c](../c.md)\n\n## No\n\nnone\n"
    assert groups(text) == {"One": ["a.md"], "Two": ["b.md"]}


def test_what_the_site_does_not_have_is_text_there() -> None:
    assert within("see [the tests](../tests/README.md#services) and [b](b.md)") == "see the tests and [b](b.md)"
