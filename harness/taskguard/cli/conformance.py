"""``taskguard conformance``: try on an engine what AWS documents of SQS and of event source mappings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from taskguard.cli.judge import a_console
from taskguard.cli.stack import RegionOnAws
from taskguard.conformance.behaviour import Behaviour, Outcome, Result
from taskguard.operating import costs
from taskguard.places import cache_folder
from taskguard.reports.plain import print_line, print_table
from taskguard.support import folders
from taskguard.support.clocks import MOST_SCALE
from taskguard.targets.base import Endpoint
from taskguard.targets.names import DEFAULT_REGION, HELP, TargetName
from taskguard.targets.registry import TargetOptions, make

_SCALE = 60.0
_STYLES = {
    Outcome.RIGHT: "green",
    Outcome.WRONG: "bold red",
    Outcome.NOT_THERE: "yellow",
    Outcome.NOT_TRIED: "yellow",
}
_OTHERS = {name: what for name, what in HELP.items() if name is not TargetName.RUNNING} | {
    TargetName.AWS: "AWS itself, with your credentials"
}


def conformance(
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="ID", help="Try only this behaviour; may be given several times."),
    ] = None,
    target: Annotated[
        TargetName | None,
        typer.Option(
            help="The engine. " + " ".join(f"{name}: {what}." for name, what in _OTHERS.items()),
            show_default=False,
        ),
    ] = None,
    endpoint_url: Annotated[
        str | None, typer.Option(help="The address of an engine that is running.", show_default=False)
    ] = None,
    region: RegionOnAws = DEFAULT_REGION,
    clock_scale: Annotated[
        float | None,
        typer.Option(
            min=1.0,
            max=MOST_SCALE,
            help=f"How fast the clock of the default target runs; 1 is real time (default: {_SCALE:g}).",
            show_default=False,
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the results to this file.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --target aws: accept the cost.")] = False,
) -> None:
    """Try on an engine what AWS documents about SQS and event source mappings.

    Exits with 0 when nothing is wrong, 1 when something is, and 2 when something could not be tried.
    """
    from taskguard.conformance.catalogue import chosen  # noqa: PLC0415  # other commands need none of them
    from taskguard.conformance.table import as_json, exit_code  # noqa: PLC0415

    behaviours, console = chosen(only or ()), a_console()
    where = target or (TargetName.LOCALSTACK if endpoint_url is None else TargetName.ENDPOINT)
    _refuse(where)
    if where is TargetName.AWS:
        _ask(console, len(behaviours), yes=yes)
    scale = clock_scale or (_SCALE if where is TargetName.LOCALSTACK else 1.0)
    with folders.temporary("conformance") as folder:
        options = TargetOptions(
            folder=folder, cache=cache_folder(), region=region, endpoint_url=endpoint_url, clock_scale=scale
        )
        with make(where, options) as engine:
            endpoint = engine.start()
            results = _tried(console, behaviours, endpoint)
    _show(console, results, endpoint)
    if json_file is not None:
        json_file.write_text(json.dumps(as_json(behaviours, results, endpoint), indent=2) + "\n", encoding="utf-8")
    raise typer.Exit(exit_code(results))


def _refuse(where: TargetName) -> None:
    if where is TargetName.RUNNING:
        raise typer.BadParameter("--target running: name what runs by its address, with --endpoint-url")


def _ask(console: Console, behaviours: int, *, yes: bool) -> None:
    for line in costs.conformance_in_words(behaviours):
        print_line(console, line)
    if not yes:
        raise typer.BadParameter("--target aws: add --yes if that is what you want")


def _tried(console: Console, behaviours: Sequence[Behaviour], endpoint: Endpoint) -> list[Result]:
    from taskguard.conformance.running import try_all  # noqa: PLC0415

    done: list[Result] = []
    # Shown on a terminal alone.
    with console.status(f"Trying {len(behaviours)} behaviours") as status:

        def tell(result: Result) -> None:
            done.append(result)
            status.update(f"Tried {len(done)} of {len(behaviours)} behaviours")

        return try_all(behaviours, endpoint, tell)


def _show(console: Console, results: Sequence[Result], endpoint: Endpoint) -> None:
    from taskguard.conformance.table import in_short, rows  # noqa: PLC0415

    print_table(console, ("behaviour", "outcome", "seen"), rows(results), [_STYLES[each.outcome] for each in results])
    console.line()
    versions = ", ".join(f"{name} {version}" for name, version in endpoint.versions)
    print_line(console, f"{endpoint.target}{f' ({versions})' if versions else ''}: {in_short(results)}.")
