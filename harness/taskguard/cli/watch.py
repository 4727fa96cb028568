"""``taskguard watch``: grade a service again whenever it is changed, on an engine that stays up."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.status import Status

from taskguard.cli.complaints import complain
from taskguard.cli.judge import a_console
from taskguard.cli.panels import PLACE, RUN
from taskguard.cli.progress import ProgressLine
from taskguard.cli.stack import (
    ClockScale,
    ContractOption,
    DeployerOption,
    Rate,
    Region,
    SandboxOption,
    ServiceFolder,
    Tasks,
    refuse_parameters,
    unset,
)
from taskguard.contract.files import contract_named
from taskguard.ingress.workload import random_seed
from taskguard.judging import comparing
from taskguard.places import Places
from taskguard.reports.difference import print_difference
from taskguard.reports.files import write_reports
from taskguard.reports.html import REPORT_FILE
from taskguard.run.events import Announced, Graded, SessionEvent
from taskguard.run.stages import Asked
from taskguard.service.deployment import require_service
from taskguard.service.ours import is_ours
from taskguard.service.sandboxing import is_sandboxed
from taskguard.targets.aws_errors import explain
from taskguard.targets.names import TargetName

_SCALE = 60.0


def watch(
    service: ServiceFolder = Path(),
    tasks: Tasks = 30,
    seed: Annotated[
        str | None,
        unset(
            help="Of the example service alone: decides which attempts fail (default: a new one, the same for all runs).",
            rich_help_panel=RUN,
        ),
    ] = None,
    rate: Rate = None,
    contract: ContractOption = None,
    stage: Annotated[str | None, unset(help="The stage (default: the service's own).", rich_help_panel=PLACE)] = None,
    region: Region = None,
    clock_scale: ClockScale = _SCALE,
    sandbox: SandboxOption = None,
    deployer: DeployerOption = None,
) -> None:
    """Grade a service again whenever a file of it changes, on an engine that stays up."""
    from taskguard.loop.changes import told_of_changes  # noqa: PLC0415  # no other command has use for it
    from taskguard.loop.keys import told_of_keys  # noqa: PLC0415
    from taskguard.loop.orders import IN_WORDS, KEYS, Order, Orders  # noqa: PLC0415
    from taskguard.loop.watching import Watching  # noqa: PLC0415

    places = Places.of(service)
    require_service(places, deployer)
    refuse_parameters(places.service, seed, rate, None)
    is_sandboxed(places.service, sandbox, TargetName.LOCALSTACK)
    folder = places.state / "watch"
    asked = Asked(
        places=places,
        folder=folder,
        tasks=tasks,
        seed=seed or (random_seed() if is_ours(places.service) else None),
        rate=rate,
        contract=None if contract is None else contract_named(contract),
        stage=stage,
        region=region,
        clock_scale=clock_scale,
        deployer=deployer,
        sandboxed=sandbox,
        early=True,
    )
    orders, show = Orders(), _Shown(a_console())

    def on_key(key: str) -> None:
        if (order := KEYS.get(key)) is Order.QUIT:
            orders.is_over = True
            # Whatever is under way ends early.
            os.kill(os.getpid(), signal.SIGINT)
        elif order is not None:
            orders.give(order)

    with told_of_changes(places.service, lambda: orders.give(Order.CHANGED)), told_of_keys(on_key) as has_keys:
        show.say(f"Watching {places.service}. {f'{IN_WORDS}.' if has_keys else 'Ctrl-C ends it.'}")
        try:
            Watching(asked, folder, orders, show, REPORT_FILE).run()
        except KeyboardInterrupt:
            if not orders.is_over:
                raise


class _Shown:
    """What the loop tells, on a console: while a run goes on one live line, where there is a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._line = ProgressLine(console, None)
        self._status: Status | None = None
        self._said: set[str] = set()

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False)

    def tell(self, event: SessionEvent) -> None:
        if isinstance(event, Graded):
            write_reports(event.folder, event.grade, event.saved)
        elif isinstance(event, Announced):
            # Most of it is the same for each run.
            if event.text not in self._said:
                self._said.add(event.text)
                self._line.handle(event)
        else:
            self._line.handle(event)

    def began(self, why: str) -> None:
        self.say(f"\n{datetime.now():%H:%M:%S}  {why}")  # noqa: DTZ005  # as the clock on the wall has it
        if self._console.is_terminal:
            self._status = Status("", console=self._console)
            self._status.start()
        self._line = ProgressLine(self._console, self._status)

    def graded(self, before: comparing.Graded | None, now: comparing.Graded, folder: Path, seconds: float) -> None:
        self._end()
        print_difference(self._console, before, now, folder, seconds)

    def broke_off(self, error: Exception) -> None:
        self._end()
        complain(
            f"an AWS call failed: {explain(error)}" if isinstance(error, (ClientError, BotoCoreError)) else str(error)
        )
        self.say("Waiting for the next change.")

    def opens(self, report: Path | None) -> None:
        if report is None or not report.exists():
            self.say("There is no report yet.")
        else:
            self.say(str(report))
            if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
                typer.launch(str(report))

    def _end(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
