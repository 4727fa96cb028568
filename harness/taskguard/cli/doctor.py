"""``taskguard doctor``: what this machine has of what TaskGuard needs, what is missing, and what to do about it; and ``prepare``,
which installs beforehand what would be installed when it is used first."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from rich.console import Console

from taskguard.cli.judge import AsJson, a_console
from taskguard.errors import ExitCode
from taskguard.places import cache_folder
from taskguard.reports.plain import print_line, print_table
from taskguard.service import installed
from taskguard.service.deployers.serverless.cli import serverless_cli
from taskguard.service.installed import Kept
from taskguard.support.json_values import Json
from taskguard.support.this_command import runnable
from taskguard.support.typed import untyped
from taskguard.targets import machine
from taskguard.targets.environments import engine_environment, pip_environment
from taskguard.targets.machine import Found, State
from taskguard.targets.names import TargetName
from taskguard.targets.runtimes import LAMBDA_RUNTIME, find_runtime

FORMAT_VERSION = 1
"""Of what `--json` prints; rises whenever a field changes its meaning or goes."""

_STYLES = {State.OK: "green", State.MISSING: "bold red", State.ABSENT: "yellow"}
_PROBES: tuple[Callable[[], Found], ...] = (
    machine.python_of_the_engine,
    machine.python_of_functions,
    lambda: machine.runtimes("python"),
    machine.node,
    lambda: machine.runtimes("nodejs"),
    machine.npm,
    installed.serverless_cli,
    machine.loopback,
    machine.port_of_up,
    machine.open_files,
    machine.home,
    machine.scratch,
    lambda: machine.disk(installed.folders()["engines and libraries"]),
    machine.encoding,
    machine.sandbox,
    machine.docker,
)


def doctor(json_: AsJson = False) -> None:
    """Show what this machine has, what is missing, and what to do about it.

    Exits with 0 when everything is there that a run on the default target needs, otherwise with 3.
    """
    found, kept = [probe() for probe in _PROBES], list(installed.kept())
    missing = [each.name for each in found if each.state is State.MISSING]
    code = ExitCode.NOT_MADE if missing else ExitCode.PASSED
    if json_:
        typer.echo(json.dumps(_as_json(found, kept, code), indent=2))
    else:
        _print(a_console(), found, kept, missing)
    raise typer.Exit(code)


def _as_json(found: Sequence[Found], kept: Sequence[Kept], code: int) -> dict[str, Json]:
    return {
        "format_version": FORMAT_VERSION,
        "exit_code": code,
        "found": [untyped(each) for each in found],
        "kept": [{"name": each.name, "folder": str(each.folder), "size_bytes": each.size_bytes} for each in kept],
    }


def _print(console: Console, found: Sequence[Found], kept: Sequence[Kept], missing: Sequence[str]) -> None:
    rows = [(each.name, each.state, f"{each.what}. {each.to_do}" if each.to_do else each.what) for each in found]
    print_table(console, ("looked at", "state", "found"), rows, [_STYLES[each.state] for each in found])
    sizes = [("nothing yet" if each.size_bytes is None else machine.size(each.size_bytes)) for each in kept]
    rows_of_kept = [(each.name, size, str(each.folder)) for each, size in zip(kept, sizes, strict=True)]
    print_table(console, ("kept", "size", "folder"), rows_of_kept)
    if missing:
        print_line(console, f"Missing for a run on the default target: {', '.join(missing)}.", "bold red")
    elif any(not each.size_bytes for each in kept if each.name in installed.BY_THE_FIRST_RUN):
        first = f"All is there that a run on the default target needs, but for what the first run installs, as `{runnable('taskguard prepare')}` does."
        print_line(console, first, "green")
    else:
        print_line(console, "All is there that a run on the default target needs.", "green")


def prepare(
    target: Annotated[TargetName, typer.Option(help="The target to prepare for.")] = TargetName.LOCALSTACK,
) -> None:
    """Install what runs need, once, into your cache folder (or where TASKGUARD_CACHE says)."""
    began, cache = time.monotonic(), cache_folder()
    # First what fails soonest.
    serverless_cli(cache)
    pip_environment(cache)
    if target is TargetName.LOCALSTACK:
        engine_environment(cache)
    if target is TargetName.MINISTACK:
        from taskguard.targets.ministack import ministack_environment  # noqa: PLC0415  # as targets are imported

        ministack_environment(cache)
    runtime = find_runtime(LAMBDA_RUNTIME, cache)
    typer.echo(f"Ready in {cache} ({time.monotonic() - began:.1f} s); functions run on Python {runtime.version}.")
