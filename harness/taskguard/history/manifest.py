"""The manifest of a run, and the folder that holds a run: history and manifest side by side.

A folder has everything that is needed to judge the run again, offline, and to know what was run. This module must not
judge, and must not find out the facts it stores: they are given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskguard.contract.contract import Contract
from taskguard.contract.dialect import Dialect
from taskguard.contract.draws import Draws
from taskguard.contract.earlier import Expectations
from taskguard.contract.terms import Terms
from taskguard.contract.tolerances import Tolerances
from taskguard.errors import HistoryError
from taskguard.faults.plan import Plan, parse
from taskguard.history.file import History
from taskguard.support.typed import Refused, Strict, typed, untyped

FORMAT_VERSION = 5
"""Rises whenever an older TaskGuard could not read a new run folder, or would judge it otherwise."""

_WITH_EXPECTATIONS = (1, 2, 3)
"""These have one value of expectations instead of four. Version 1 has neither changes of records nor the configuration: the checks
that need them find none, and say so. Version 2 knows no run that switches consumers off itself, nor tasks that were chosen for
their fate."""

_READABLE = (*_WITH_EXPECTATIONS, 4, FORMAT_VERSION)
"""Version 4 knows nothing of invocations that failed, and no causes are found in it."""

HISTORY_FILE = "history.jsonl"
MANIFEST_FILE = "manifest.json"


class Manifest(Strict, frozen=True, kw_only=True):
    """What was run, with what, and on which terms it is judged.

    `created_at` is ISO 8601 with a zone. `tasks` counts the tasks that were to be submitted. The four values that a run is judged by
    are the `contract`, the service's `dialect`, the `tolerances`, and the `draws`: the seed of the draws (and of the task ids), and
    the rate of failures. `clock_scale` is how many times as fast as the machine's the pipeline's clock ran while it only waited.
    `settings` are the pipeline's settings, `versions` the
    versions of what took part, `digests` the SHA-256 of files that decide the outcome (hex, by name). `repeat` is the
    command that makes such a run again; None where there is none, or it was not kept. `faults` are the lines of the plan of
    what was broken on purpose, and `fault_seed` decided where; none where nothing was. `tasks_seed` is the seed of the task ids
    where it is not that of the draws.
    """

    taskguard_version: str
    created_at: str
    tasks: int
    target: str
    stage: str
    region: str
    contract: Contract
    dialect: Dialect
    tolerances: Tolerances
    draws: Draws
    clock_scale: float = 1.0
    settings: Mapping[str, Any] = {}
    versions: Mapping[str, str] = {}
    digests: Mapping[str, str] = {}
    format_version: int = FORMAT_VERSION
    repeat: str | None = None
    faults: tuple[str, ...] = ()
    fault_seed: str | None = None
    tasks_seed: str | None = None

    @property
    def terms(self) -> Terms:
        """The four values as one."""
        return Terms(contract=self.contract, dialect=self.dialect, tolerances=self.tolerances, draws=self.draws)

    @property
    def seed(self) -> str | None:
        """The seed of the draws; none when they were random."""
        return self.draws.seed

    @property
    def rate(self) -> float | None:
        """The rate at which attempts were made to fail; none when nobody said one."""
        return self.terms.rate

    @property
    def plan(self) -> Plan | None:
        """What was broken on purpose; None when nothing was.

        Raises:
            FaultPlanError: this TaskGuard does not know one of the faults.
        """
        if not self.faults:
            return None
        return Plan(seed=self.fault_seed or "", faults=tuple(fault for line in self.faults for fault in parse(line)))

    def write(self, path: Path | str) -> None:
        """Write the manifest as JSON to `path`."""
        Path(path).write_text(json.dumps(untyped(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path | str) -> Manifest:
        """Read what `write` wrote.

        Raises:
            HistoryError: the file cannot be read, is of another format, or does not fit; names the file and the field.
        """
        advice = "Give the folder of a finished run, or run again."
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise HistoryError(f"Reading the manifest {path}: {error.strerror or error}. {advice}") from error
        except ValueError as error:
            raise HistoryError(f"Reading the manifest {path}: not JSON ({error}). {advice}") from error
        version = found.get("format_version") if isinstance(found, dict) else None
        if version not in _READABLE:
            raise HistoryError(
                f"Reading the manifest {path}: format version {version!r}, this TaskGuard reads "
                f"{', '.join(map(str, _READABLE[:-1]))} and {_READABLE[-1]}. "
                "Judge the run with the TaskGuard that made it, or run again."
            )
        try:
            return typed(cls, _with_four_values(found) if version in _WITH_EXPECTATIONS else found)
        except Refused as refused:
            raise HistoryError(f"Reading the manifest {path}: {refused}. {advice}") from None


def _with_four_values(found: dict[str, Any]) -> dict[str, Any]:
    """A manifest of before, as it is written now. Its seed and its rate stand in its expectations, too."""
    others = {name: value for name, value in found.items() if name not in ("expectations", "seed", "rate")}
    try:
        terms = typed(Expectations, found.get("expectations")).terms()
    except Refused as refused:
        raise Refused(f"expectations: {refused}") from None
    return {**others, **untyped(terms), "format_version": FORMAT_VERSION}


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """A run as it lies in a folder."""

    history: History
    manifest: Manifest

    def write(self, folder: Path | str) -> None:
        """Write history and manifest into `folder`, which is made when absent."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.history.write(Path(folder) / HISTORY_FILE)
        self.manifest.write(Path(folder) / MANIFEST_FILE)

    @classmethod
    def read(cls, folder: Path | str) -> SavedRun:
        """Read a run's folder; a `HistoryError` names the file that is at fault."""
        manifest = Manifest.read(Path(folder) / MANIFEST_FILE)
        return cls(history=History.read(Path(folder) / HISTORY_FILE), manifest=manifest)
