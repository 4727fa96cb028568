"""A comparison of two runs, on a console and as JSON.

It must not know how the two were compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from taskguard.history.wording import seconds, times
from taskguard.judging.comparing import Comparison, Difference, Distribution, checks_that_differ
from taskguard.reports.plain import print_line, print_table
from taskguard.support.json_values import Json, canonical
from taskguard.support.typed import untyped

MOST_SHOWN = 20
"""How many tasks are shown that fared otherwise, or are in one run only; ``--json`` has all."""

_MOST_CHARACTERS = 60


def comparison_as_json(comparison: Comparison) -> dict[str, Json]:
    """Return the comparison as a JSON object: whether the runs tell the same, and all that differs."""
    return {"same": comparison.same, **untyped(comparison)}


def print_comparison(console: Console, comparison: Comparison, one: str, other: str) -> None:
    """Print what differs between the runs that are called ``one`` and ``other``, and last whether they tell the same."""
    print_line(console, f"one:   {one}", hanging=None)
    print_line(console, f"other: {other}", hanging=None)
    console.line()
    _print_section(console, "What was run", "setting", comparison.manifest)
    _print_spreads(console, comparison)
    _print_section(console, "How it was judged", "check", comparison.verdicts)
    _print_section(console, "How many", "number", comparison.numbers)
    _print_section(console, "What became of tasks", "task", comparison.fates[:MOST_SHOWN])
    if (more := len(comparison.fates) - MOST_SHOWN) > 0:
        print_line(console, f"and {times(more, 'more task')}; --json has all")
        console.line()
    for name, only in (("one", comparison.only_in_one), ("other", comparison.only_in_other)):
        _print_only(console, name, only)
    print_line(console, _inshort(comparison))


def print_differences(console: Console, differences: Sequence[Difference], file: str, version: str) -> None:
    """Print in what a run that is judged again is judged otherwise than ``file`` says, which TaskGuard ``version`` wrote."""
    print_line(console, f"{file} says otherwise; it was written by TaskGuard {version}, and is left as it is:")
    _print_section(console, "", "place", differences[:MOST_SHOWN], ("in the file", "now"))
    if (more := len(differences) - MOST_SHOWN) > 0:
        print_line(console, f"and {times(more, 'more difference')}")
    if checks := checks_that_differ(differences):
        print_line(console, f"Judged otherwise: {', '.join(checks)}.")
    print_line(console, "`--rewrite` writes it and the other reports anew.")
    console.line()


def _print_section(
    console: Console, title: str, what: str, found: Sequence[Difference], sides: tuple[str, str] = ("one", "other")
) -> None:
    if not found:
        return
    if title:
        print_line(console, title, "bold")
    print_table(console, (what, *sides), [(each.name, short(each.one), short(each.other)) for each in found])


def _print_spreads(console: Console, comparison: Comparison) -> None:
    rows: list[tuple[str, ...]] = []
    for spread in comparison.spreads:
        rows += [(spread.name, run, *_figures(found)) for run, found in (("one", spread.one), ("other", spread.other))]
    print_line(console, "How long it took", "bold")
    print_table(console, ("time", "run", "tasks", "least", "median", "most"), rows)


def _figures(found: Distribution | None) -> tuple[str, ...]:
    if found is None:
        return ("0", "", "", "")
    return (str(found.count), *map(seconds, (found.least, found.median, found.most)))


def _print_only(console: Console, run: str, task_ids: tuple[str, ...]) -> None:
    if not task_ids:
        return
    print_line(console, f"Accepted only in {run}: {times(len(task_ids), 'task')}", "bold")
    for task_id in task_ids[:MOST_SHOWN]:
        print_line(console, task_id, indent=2)
    if (more := len(task_ids) - MOST_SHOWN) > 0:
        print_line(console, f"and {times(more, 'more task')}; --json has all", indent=2)
    console.line()


def _inshort(comparison: Comparison) -> str:
    both = times(comparison.tasks_in_both, "task")
    if comparison.same:
        return f"SAME: verdicts and numbers are alike, and so is the fate of each of {both}."
    found = (
        times(len(comparison.verdicts), "verdict"),
        times(len(comparison.numbers), "number"),
        times(len(comparison.fates), "fate"),
        times(len(comparison.only_in_one) + len(comparison.only_in_other), "absent task"),
    )
    return f"DIFFERENT: {', '.join(found)}; {both} in both runs."


def short(value: Json) -> str:
    """A value as a text of at most 60 characters."""
    text = value if isinstance(value, str) else canonical(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
