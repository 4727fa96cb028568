"""How the user is told what went wrong."""

from __future__ import annotations

from rich.console import Console

from taskguard.reports.plain import printable


def complain(message: str) -> None:
    """Print it on the error output, as the tool's own words."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    console.print("taskguard:", style="bold red", end=" ")
    # What went wrong may be told in the words of a pipeline, or of a damaged file.
    for line in message.splitlines():
        console.print(printable(line.expandtabs()))
