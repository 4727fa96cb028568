"""Grades a service again and again: as soon as what a deploy would send has changed, or when it is asked for.

What goes wrong with one run is told, and the next one is made all the same. It must not know where orders come from, nor how anything
is shown.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from taskguard import session
from taskguard.errors import RunEndedEarly, TaskGuardError
from taskguard.faults.campaigns import faults_of
from taskguard.faults.plan import Plan
from taskguard.ingress.workload import random_seed
from taskguard.judging import comparing
from taskguard.loop.orders import Order, Orders
from taskguard.run.events import Graded, Tell
from taskguard.run.lasting_engine import LastingEngine
from taskguard.run.manifests import digests_of_service
from taskguard.run.stages import Asked
from taskguard.service.config import CONFIG_FILE
from taskguard.service.files import digest_of
from taskguard.service.ours import is_ours

_CAMPAIGN = "all"
_RUNS_KEPT = 20


class Show(Protocol):
    """Who shows what the loop does."""

    @property
    def tell(self) -> Tell:
        """Hears of each event of a run."""

    def began(self, why: str) -> None:
        """A run begins."""

    def graded(self, before: comparing.Graded | None, now: comparing.Graded, folder: Path, seconds: float) -> None:
        """It was judged, so many seconds after what began it; ``before`` is the run like it that was made last."""

    def broke_off(self, error: Exception) -> None:
        """It could not be made, or ended early."""

    def opens(self, report: Path | None) -> None:
        """The report is asked for; none when there is none yet."""


@dataclass(frozen=True, slots=True)
class _Ways:
    """How a run differs from the usual one."""

    real_time: bool = False
    faults: bool = False


_WAYS = {Order.REAL_TIME: _Ways(real_time=True), Order.FAULTS: _Ways(faults=True)}


class Watching:
    """The loop. Runs are kept below ``folder``, each like ``asked`` says, on the engine that lasts."""

    def __init__(self, asked: Asked, folder: Path, orders: Orders, show: Show, report: str) -> None:
        self._asked, self._folder, self._orders, self._show, self._report = asked, folder, orders, show, report
        self._last: Path | None = None
        self._before: dict[_Ways, comparing.Graded] = {}
        self._digests: dict[str, str] | None = None

    def run(self) -> None:
        """Until it is told to quit; then nothing of it is left but what it kept.

        Raises:
            KeyboardInterrupt: the user interrupted it otherwise.
            RunEndedEarly: as that, in the middle of a run.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with LastingEngine(self._folder / f"engine-{_now()}") as engine:
            self._grade(_Ways(), engine, "the first run")
            while (order := self._orders.take()) is not Order.QUIT:
                if order is Order.REPORT:
                    self._show.opens(None if self._last is None else self._last / self._report)
                elif order is not Order.CHANGED:
                    self._grade(_WAYS.get(order, _Ways()), engine, f"asked for, {order}")
                elif changed := self._changed():
                    self._grade(_Ways(), engine, f"{', '.join(changed)} changed")

    def _changed(self) -> list[str]:
        """What of the service changed since the last run; what cannot be read is left for the run to complain of."""
        try:
            now = self._digests_now()
        except TaskGuardError as error:
            self._show.broke_off(error)
            return []
        before = self._digests or {}
        return sorted(name for name in {**before, **now} if before.get(name) != now.get(name))

    def _digests_now(self) -> dict[str, str]:
        service = self._asked.places.service
        return digests_of_service(service, self._asked.deployer) | {CONFIG_FILE: digest_of(service / CONFIG_FILE)}

    def _grade(self, ways: _Ways, engine: LastingEngine, why: str) -> None:
        began = time.monotonic()
        self._show.began(why)
        try:
            # Before the run: what is changed during it is another change.
            self._digests = self._digests_now()
            graded = self._graded(ways, engine)
        except RunEndedEarly as error:
            if not error.interrupted:
                self._show.broke_off(error)
            elif not self._orders.is_over:
                raise
        except (TaskGuardError, ClientError, BotoCoreError, OSError) as error:
            self._show.broke_off(error)
        except KeyboardInterrupt:
            if not self._orders.is_over:
                raise
        else:
            now = comparing.Graded(graded.saved, graded.grade)
            self._last = graded.folder
            self._show.graded(self._before.get(ways), now, graded.folder, time.monotonic() - began)
            self._before[ways] = now
        self._forget_oldest()

    def _graded(self, ways: _Ways, engine: LastingEngine) -> Graded:
        asked = replace(self._asked, folder=self._folder / _now())
        if not is_ours(asked.places.service):
            # Nobody knows how to let it forget the tasks of before.
            asked = replace(asked, tasks_seed=random_seed())
        if ways.faults:
            asked = replace(asked, plan=Plan(seed=random_seed(), faults=faults_of(_CAMPAIGN)), fresh=True)
        if ways.real_time:
            asked = replace(asked, clock_scale=1.0, fresh=True)
        return session.grade(asked, self._show.tell, None if asked.fresh else engine)

    def _forget_oldest(self) -> None:
        runs = sorted(each for each in self._folder.iterdir() if each.name.startswith("2"))
        for each in runs[:-_RUNS_KEPT]:
            shutil.rmtree(each, ignore_errors=True)


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
