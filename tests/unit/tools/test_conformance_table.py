"""The tables of docs/engines.md: written, read again, and what is not measured stays."""

from __future__ import annotations

from taskguard.conformance.behaviour import Behaviour, Outcome

from tools.conformance import BEGIN, END, ENGINES, NOT_RUN, PAGE, Column, read, written

ONE, OTHER = (
    Behaviour(id=name, documented=f"It is {name} | so.", page=f"https://x/{name}", attempt=lambda _: None)
    for name in ("one", "other")
)
EMPTY = f"before\n{BEGIN}{END}\nafter\n"


def test_what_is_written_is_read_again() -> None:
    columns = {"MiniStack": Column(versions="ministack 1", outcomes={"one": "right", "other": "not there"})}
    page = written(EMPTY, [ONE, OTHER], columns)
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
    assert "| MiniStack | ministack 1 | 1 | 0 | 1 | 0 |" in page
    again = read(page)
    assert list(again) == list(ENGINES)
    assert again["MiniStack"] == columns["MiniStack"]
    assert set(again["LocalStack in Docker"].outcomes.values()) == {NOT_RUN}
    assert written(page, [ONE, OTHER], again) == page


def test_a_column_that_was_not_measured_stays_and_a_new_behaviour_in_it_was_not_run() -> None:
    page = written(EMPTY, [ONE], {"MiniStack": Column(versions="ministack 1", outcomes={"one": "wrong"})})
    columns = read(page) | {"TaskGuard's engine": Column(versions="2", outcomes={"one": "right", "other": "right"})}
    kept = read(written(page, [ONE, OTHER], columns))
    assert kept["MiniStack"].outcomes == {"one": "wrong", "other": NOT_RUN}
    assert kept["MiniStack"].count(Outcome.WRONG) == 1
    assert kept["TaskGuard's engine"].outcomes == {"one": "right", "other": "right"}


def test_the_page_has_the_place_for_them() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    assert read(EMPTY) == {}
