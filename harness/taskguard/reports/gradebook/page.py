"""The gradebook as one page that needs nothing else: no network, no script. It is sorted by its style alone: each heading is the label of
a choice, and each choice gives the rows another order.

It must not know how rows are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import ChoiceLoader, PackageLoader, Template
from markupsafe import Markup

from taskguard.judging.earning import number
from taskguard.judging.verdict import Outcome
from taskguard.reports.gradebook.rows import Gradebook, Row
from taskguard.reports.html.rendering import digest_of, environment_of, style_of

_WORST_FIRST = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.PASS, Outcome.NOT_APPLICABLE)
_LAST = len(_WORST_FIRST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A way to sort the rows: its ``key`` in the page, and each row's place in it."""

    key: str
    label: str
    places: tuple[int, ...]


def render(book: Gradebook) -> str:
    """The gradebook as HTML."""
    template, style = _load()
    orders = _orders(book)
    style = "\n".join([style, *_sorting(orders, len(book.rows), len(book.columns))])
    return template.render(
        book=book,
        orders={order.key: order for order in orders},
        # Nothing in it but numbers is the gradebook's.
        style=Markup(style),  # noqa: S704
        style_digest=digest_of(style),
    )


def _orders(book: Gradebook) -> list[Order]:
    rows = book.rows
    ways: list[tuple[str, str, Callable[[Row], Any]]] = [
        ("name", "name", lambda _: 0),
        ("result", "result", _by_result),
        ("points", "points", lambda row: -1.0 if row.points is None else row.points.earned / (row.points.of or 1)),
    ]
    for index, column in enumerate(book.columns):
        ways.append((f"check-{index}", column.check, _by_check(column.check)))
    return [Order(key=key, label=label, places=_places(rows, by)) for key, label, by in ways]


def _by_result(row: Row) -> tuple[int, str]:
    return (0 if row.outcome is None else 1 + _WORST_FIRST.index(row.outcome), row.result)


def _by_check(check: str) -> Callable[[Row], int]:
    return lambda row: _WORST_FIRST.index(row.verdicts[check].outcome) if check in row.verdicts else _LAST


def _places(rows: Sequence[Row], by: Callable[[Row], Any]) -> tuple[int, ...]:
    """Each row's place when they are sorted so; among those alike by name, which is the order that they have."""
    places = [0] * len(rows)
    for place, index in enumerate(sorted(range(len(rows)), key=lambda index: by(rows[index]))):
        places[index] = place
    return tuple(places)


def _sorting(orders: Sequence[Order], rows: int, columns: int) -> list[str]:
    """The rules that sort: an attribute with a style would be refused by the page's own policy."""
    rules = [f".book tr{{grid-template-columns:minmax(9rem,15rem) 7.5rem 6rem repeat({columns},2.25rem)}}"]
    for order in orders:
        chosen = f"#by-{order.key}:checked~.scroll"
        rules.append(f"{chosen} tbody tr{{order:var(--{order.key})}}")
        rules.append(f'{chosen} label[for="by-{order.key}"]{{text-decoration:underline 2px}}')
        rules.append(
            f'#by-{order.key}:focus-visible~.scroll label[for="by-{order.key}"]{{outline:3px solid var(--link)}}'
        )
    for row in range(rows):
        rules.append(f"#row-{row}{{{';'.join(f'--{order.key}:{order.places[row]}' for order in orders)}}}")
    return rules


@lru_cache(maxsize=1)
def _load() -> tuple[Template, str]:
    loader = ChoiceLoader([PackageLoader("taskguard.reports.gradebook"), PackageLoader("taskguard.reports.html")])
    environment = environment_of(loader)
    environment.filters |= {"number": number}
    return environment.get_template("gradebook.html.jinja"), style_of(environment, "base.css", "gradebook.css")
