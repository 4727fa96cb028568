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

import msgspec

from taskguard.contract.contract import Api, Contract
from taskguard.contract.dialect import Dialect
from taskguard.contract.draws import Draws
from taskguard.contract.earlier import Expectations
from taskguard.contract.learning.learnt import Learnt
from taskguard.contract.terms import Terms
from taskguard.contract.tolerances import Tolerances
from taskguard.errors import HistoryError
from taskguard.faults.plan import Plan, parse
from taskguard.history.digests import DIGESTS, digest_of, own_digest, told_digests, with_digests
from taskguard.history.file import History
from taskguard.history.settings import StandIn, Unsupported
from taskguard.support.folders import naming
from taskguard.support.typed import Refused, Strict, typed, untyped

FORMAT_VERSION = 8
"""Rises whenever an older TaskGuard could not read a new run folder, or would judge it otherwise."""

_WITH_EXPECTATIONS = (1, 2, 3)
"""These have one value of expectations instead of four. Version 1 has neither changes of records nor the configuration: the checks
that need them find none, and say so. Version 2 knows no run that switches consumers off itself, nor tasks that were chosen for
their fate."""

_WITHOUT_DIGESTS = (*_WITH_EXPECTATIONS, 4)
"""Of these it cannot be told whether a file was edited, and none ended early; and they know nothing of invocations that failed, so no causes
are found."""

_WITHOUT_PROBES = (*_WITHOUT_DIGESTS, 5)
"""Nothing was handed in beside the tasks of these runs, so nothing is asked of what the API does with it."""

_WITHOUT_UNSUPPORTED = (*_WITHOUT_PROBES, 6)
"""These do not tell which resources of a stack the engine did not make."""

_WITHOUT_POINTS = (*_WITHOUT_UNSUPPORTED, 7)
"""The contracts of these give no points."""

_READABLE = (*_WITHOUT_POINTS, FORMAT_VERSION)

HISTORY_FILE = "history.jsonl"
MANIFEST_FILE = "manifest.json"

_FASTEST_CLOCK = 1000
"""How many times as fast as the machine's a clock of a run may be at the most, as the command has it."""

_ADVICE = "Give the folder of a finished run, or run again."


class EngineLimit(Strict, frozen=True, kw_only=True):
    """A `behaviour` of AWS's that the engine of a run has wrong (by its id in docs/engines.md) though the service depends on it; `uses` says
    what of the service does, as a clause. The `checks` that hang on it can tell nothing of the service."""

    behaviour: str
    uses: str
    checks: tuple[str, ...]


class Manifest(Strict, frozen=True, kw_only=True):
    """What was run, with what, and on which terms it is judged.

    `created_at` is ISO 8601 with a zone. `tasks` counts the tasks that were to be submitted. The four values that a run is judged by
    are the `contract`, the service's `dialect`, the `tolerances`, and the `draws`: the seed of the draws (and of the task ids), and
    the rate of failures. `clock_scale` is how many times as fast as the machine's the pipeline's clock ran while it only waited.
    `machine_clock_set_seconds` is by how much the machine's own clock was set during the run, 0 when it was not. `settings` are the
    pipeline's settings, `versions` the versions of what took part, `digests` the SHA-256 of files that decide the outcome (hex, by
    name). `repeat` is the command that makes such a run again; None where there is none, or it was not kept. `faults` are the lines
    of the plan of what was broken on purpose, and `fault_seed` decided where; none where nothing was. `tasks_seed` is the seed of the
    task ids where it is not that of the draws. `ended_early` says why the run broke off before its tasks had settled, where it did.
    `engine_limits` are what the engine has wrong of what the service uses. `fates` are the lines of what the run itself broke of a
    few tasks that it had chosen for it: it is judged by the checks all the same. `unsupported` are the resources of the stack that the
    engine did not make, and `set_aside` has a sentence for each thing that was not deployed as the service has it. `stand_ins` are the
    functions that ran on another version than their runtime has on Lambda; `versions` has what each runtime ran on. `learnt` is what
    was learnt of the service's words: what is certain is in the `dialect`, too. `template` has where the parts of the service's template and
    their settings stand (`serverless.yml:42`), by name (`TaskQueue.RedrivePolicy`), as far as they were found.
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
    machine_clock_set_seconds: float = 0.0
    settings: Mapping[str, Any] = {}
    versions: Mapping[str, str] = {}
    digests: Mapping[str, str] = {}
    format_version: int = FORMAT_VERSION
    repeat: str | None = None
    faults: tuple[str, ...] = ()
    fault_seed: str | None = None
    tasks_seed: str | None = None
    ended_early: str | None = None
    engine_limits: tuple[EngineLimit, ...] = ()
    fates: tuple[str, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()
    set_aside: tuple[str, ...] = ()
    stand_ins: tuple[StandIn, ...] = ()
    learnt: tuple[Learnt, ...] = ()
    template: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        if self.tasks < 0:
            raise ValueError(f"tasks is 0 or more, not {self.tasks}")
        if not 1 <= self.clock_scale <= _FASTEST_CLOCK:
            raise ValueError(f"clock_scale is from 1 to {_FASTEST_CLOCK}, not {self.clock_scale:g}")

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

    def write(self, path: Path | str, history: Path | None = None) -> None:
        """Write the manifest as JSON to `path`, with its own digest, and that of the file with the run's `history`."""
        target = Path(path)
        document = with_digests(untyped(self), target.name, history)
        with naming(target):
            target.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path | str) -> Manifest:
        """Read what `write` wrote, as one of this format; whether it was edited is for `edited_files` to tell.

        Raises:
            HistoryError: the file cannot be read, is of another format, or does not fit; names the file and the field.
        """
        found = _document(path)
        fields = {name: value for name, value in found.items() if name != DIGESTS} | {"format_version": FORMAT_VERSION}
        try:
            read = typed(cls, _with_four_values(fields) if found["format_version"] in _WITH_EXPECTATIONS else fields)
            if found["format_version"] not in _WITHOUT_PROBES:
                return read
            return msgspec.structs.replace(read, contract=msgspec.structs.replace(read.contract, api=Api()))
        except Refused as refused:
            raise HistoryError(f"Reading the manifest {path}: {refused}. {_ADVICE}") from None


def edited_files(history: Path) -> tuple[str, ...] | None:
    """The names of a run's files that are not as the run wrote them, the `history` and the manifest beside it; None where that
    cannot be told, because the run is of a format without digests.

    Raises:
        HistoryError: one of them cannot be read.
    """
    try:
        digest = digest_of(history)
    except OSError as error:
        raise HistoryError(f"Reading the history {history}: {error.strerror or error}. {_ADVICE}") from error
    found = _document(history.with_name(MANIFEST_FILE))
    if found["format_version"] in _WITHOUT_DIGESTS and DIGESTS not in found:
        return None
    told = told_digests(found)
    is_as_told = {
        MANIFEST_FILE: told.get(MANIFEST_FILE) == own_digest(found, MANIFEST_FILE),
        history.name: told.get(HISTORY_FILE) == digest,
    }
    return tuple(name for name, same in is_as_told.items() if not same)


def _document(path: Path | str) -> dict[str, Any]:
    """A manifest as it stands in its file, of a format that can be read."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise HistoryError(f"Reading the manifest {path}: {error.strerror or error}. {_ADVICE}") from error
    except (ValueError, RecursionError) as error:
        raise HistoryError(f"Reading the manifest {path}: not JSON ({error}). {_ADVICE}") from error
    version = found.get("format_version") if isinstance(found, dict) else None
    # True is 1, and 5.0 is 5.
    if type(version) is not int or version not in _READABLE:
        raise HistoryError(
            f"Reading the manifest {path}: format version {version!r}, this TaskGuard reads "
            f"{', '.join(map(str, _READABLE[:-1]))} and {_READABLE[-1]}. "
            "Judge the run with the TaskGuard that made it, or run again."
        )
    return dict(found)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _with_four_values(found: dict[str, Any]) -> dict[str, Any]:
    """A manifest of before, as it is written now. Its seed and its rate stand in its expectations, too."""
    others = {name: value for name, value in found.items() if name not in ("expectations", "seed", "rate")}
    try:
        terms = typed(Expectations, found.get("expectations")).terms()
    except Refused as refused:
        raise Refused(f"expectations: {refused}") from None
    return {**others, **untyped(terms)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """A run as it lies in a folder."""

    history: History
    manifest: Manifest

    def write(self, folder: Path | str) -> None:
        """Write history and manifest into `folder`, which is made when absent.

        Raises:
            OSError: not all could be written, as on a full disk; names the file.
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        history = Path(folder) / HISTORY_FILE
        try:
            self.history.write(history)
        finally:
            # Much of a history may have been kept.
            self.manifest.write(Path(folder) / MANIFEST_FILE, history if history.exists() else None)

    @classmethod
    def read(cls, folder: Path | str) -> SavedRun:
        """Read a run's folder; a `HistoryError` names the file that is at fault."""
        manifest = Manifest.read(Path(folder) / MANIFEST_FILE)
        return cls(history=History.read(Path(folder) / HISTORY_FILE), manifest=manifest)
