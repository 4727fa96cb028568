"""``taskguard contract``: what a contract demands, in words."""

from __future__ import annotations

from typing import Annotated

import typer

from taskguard.contract.files import contract_named, names_of_built_in


def contract(
    file: Annotated[
        str,
        typer.Argument(
            metavar="CONTRACT",
            help=f"A contract's file, or the name of a built-in one: {', '.join(names_of_built_in())}.",
            show_default=False,
        ),
    ],
) -> None:
    """Show what a contract demands, in sentences."""
    for sentence in contract_named(file).in_words():
        typer.echo(sentence)
