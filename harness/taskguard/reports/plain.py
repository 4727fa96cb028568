"""How text and tables reach a console: fitted and coloured on a terminal; elsewhere plain lines, none of them wrapped or cut,
so that they can be searched.

What a pipeline says may be hostile: no control character of it reaches a terminal. It must not know what is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

_NARROWEST = 20


def printable(text: str) -> str:
    """Return one line that shows `text` and does nothing else: what a terminal would obey, or not show, is escaped."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def shows_marks(console: Console) -> bool:
    """Whether the console can show a mark in place of a word: a terminal that is not bound to ASCII."""
    return console.is_terminal and not console.options.ascii_only


def print_line(
    console: Console,
    text: str,
    style: str = "",
    indent: int = 0,
    hanging: int | None = 0,
    lead: Text | None = None,
) -> None:
    """Print one line of text, `indent` columns in; what does not fit a terminal goes on below, `hanging` columns further in,
    or as the terminal likes. A ``lead`` stands in those `indent` columns before the first part."""
    before = Text(" " * indent) if lead is None else lead.copy()
    before.pad_right(max(indent - before.cell_len, 0))
    # Text, not str: what a pipeline says must not be read as markup.
    line = Text(printable(text), style=style)
    if hanging is None or not console.is_terminal:
        whole = before + line
        whole.rstrip()
        console.print(whole, soft_wrap=True)
        return
    width = max(console.width - indent, _NARROWEST)
    first = line.wrap(console, width)[0]
    rest = line[len(first) :]
    blanks = len(rest.plain) - len(rest.plain.lstrip())
    below = rest[blanks:].wrap(console, max(width - hanging, _NARROWEST)) if rest.plain.strip() else ()
    for margin, part in ((before, first), *((Text(" " * (indent + hanging)), each) for each in below)):
        part.rstrip()
        console.print(margin + part, soft_wrap=True)


def print_table(
    console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()
) -> None:
    """Print rows below their headings, and an empty line; `styles` are those of the rows' second cells, on a terminal."""
    cells = [[printable(cell) for cell in row] for row in rows]
    if not console.is_terminal:
        widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
        for row in (headings, *cells):
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            console.print(Text("  ".join(padded).rstrip()), soft_wrap=True)
        console.line()
        return
    columns = (Column(heading, overflow="fold") for heading in headings)
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for number, row in enumerate(cells):
        texts = [Text(cell) for cell in row]
        texts[1].stylize(styles[number] if styles else "")
        table.add_row(*texts)
    console.print(table)
    console.line()
