"""The manifest of a run, and the folder that holds a run: history and manifest side by side.

A folder has everything that is needed to judge the run again, offline, and to know what was run. This module must not
judge, and must not find out the facts it stores: they are given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from taskguard.contract.expectations import Expectations
from taskguard.errors import HistoryError
from taskguard.faults.plan import Plan, parse
from taskguard.history.file import History
from taskguard.support.strict_json import Json, Misfit, added_later, from_json, to_json

FORMAT_VERSION = 3
"""Rises whenever an older TaskGuard could not read a new run folder, or would judge it otherwise."""

_READABLE = (1, 2, 3)
"""Version 1 has neither changes of records nor the configuration: the checks that need them find none, and say so. Version 2
knows no run that switches consumers off itself, nor tasks that were chosen for their fate."""

HISTORY_FILE = "history.jsonl"
MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was run, with what, and what was expected of it.

    `created_at` is ISO 8601 with a zone. `seed` is the seed of the task ids and of the draws; None when the draws were
    random. `tasks` counts the tasks that were to be submitted. `clock_scale` is how many times as fast as the machine's
    the pipeline's clock ran while it only waited. `settings` are the pipeline's settings, `versions` the
    versions of what took part, `digests` the SHA-256 of files that decide the outcome (hex, by name). `repeat` is the
    command that makes such a run again; None where there is none, or it was not kept. `faults` are the lines of the plan of
    what was broken on purpose, and `fault_seed` decided where; none where nothing was. `tasks_seed` is the seed of the task ids
    where it is not `seed`.
    """

    taskguard_version: str
    created_at: str
    seed: str | None
    rate: float
    tasks: int
    target: str
    stage: str
    region: str
    expectations: Expectations
    clock_scale: float = 1.0
    settings: Mapping[str, Json] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION
    repeat: str | None = added_later(None)
    faults: tuple[str, ...] = added_later(())
    fault_seed: str | None = added_later(None)
    tasks_seed: str | None = added_later(None)

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
        Path(path).write_text(json.dumps(to_json(self), indent=2) + "\n", encoding="utf-8")

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
                f"{', '.join(map(str, _READABLE))}. "
                "Judge the run with the TaskGuard that made it, or run again."
            )
        try:
            return from_json(cls, found, {"Expectations": Expectations.from_json})
        except Misfit as misfit:
            raise HistoryError(f"Reading the manifest {path}: {misfit}. {advice}") from None


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
