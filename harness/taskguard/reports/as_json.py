"""A grade as JSON, for programs, and for comparing two runs.

All that depends on the clock stands under `times`, or in the words of a check's `findings`; the rest is the same, byte for byte, for
two runs of one seed. It must not know how a grade was reached.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from taskguard.contract.terms import Terms
from taskguard.errors import HistoryError
from taskguard.history import History
from taskguard.judging.grading import Grade, TaskFate, seconds_to_settle
from taskguard.judging.verdict import Finding, Outcome, Verdict
from taskguard.reports.log_excerpt import Log, logs_of
from taskguard.support.json_values import Json
from taskguard.support.typed import untyped

GRADE_FILE = "grade.json"

FORMAT_VERSION = 3
"""Rises whenever a field changes its meaning or goes. In version 2 the exit code of *unknown* was 3."""


def as_json(
    grade: Grade,
    history: History,
    terms: Terms,
    clock_scale: float = 1.0,
    folder: Path | None = None,
) -> dict[str, Json]:
    """Return the grade as a JSON object with a fixed order of keys.

    `causes` are what most likely made checks fail, the commonest first, and which; messages fall into batches by chance, and so their
    numbers may differ from run to run. `checks` has each verdict without what was measured; `tasks` in it are those that its findings name; a *fail* and an
    *unknown* have the sentences of their `findings`, those that decide first, and the first as `reason`. `times` has the rest: `folder`, where the run is kept, when it began (ISO 8601, UTC), how long it and each task took, and, by check, the findings with
    the events that show them, the place to look at and what was logged there, and the figures measured. `clock_scale` is how many times as fast as the machine's the pipeline's clock ran while it
    only waited; all times are its times. The `events` of a finding are indexes into the history.
    """
    document = _document(grade, history, terms, clock_scale, folder)
    return {**document, "fates": [_fate(fate) for fate in grade.fates]}


def _document(grade: Grade, history: History, terms: Terms, clock_scale: float, folder: Path | None) -> dict[str, Any]:
    """The same, with the fates as they are: of all tasks together they would take much memory as JSON."""
    return {
        "format_version": FORMAT_VERSION,
        "outcome": str(grade.outcome),
        "exit_code": grade.exit_code,
        "seed": terms.draws.seed,
        "clock_scale": clock_scale,
        "success": grade.success,
        "failure": grade.failure,
        "tasks": len(grade.counted),
        "completed": grade.completed,
        "dead": grade.dead,
        "unsettled": grade.unsettled,
        "chosen": len(grade.chosen),
        "causes": [untyped(cause) for cause in grade.causes],
        "checks": [_check(verdict) for verdict in grade.verdicts],
        "fates": list(grade.fates),
        "times": _times(grade, history, folder),
    }


def _fate(fate: TaskFate) -> dict[str, Json]:
    return {"task": fate.task_id, "attempts": list(fate.attempts), "end": fate.end, "chosen": fate.chosen}


def as_text(document: dict[str, Json], *, ascii_only: bool = False) -> str:
    """Return the JSON object as indented text, ending with a newline; `ascii_only` for where nothing else can be written."""
    return "".join(_as_text_in_pieces(document, ascii_only=ascii_only))


def _as_text_in_pieces(document: dict[str, Any], *, ascii_only: bool = False) -> Iterator[str]:
    """The same, without having all of it at a time; fates may be in it as they are."""
    return chain(json.JSONEncoder(indent=2, ensure_ascii=ascii_only, default=_fate).iterencode(document), ["\n"])


def write_grade(
    path: Path | str,
    grade: Grade,
    history: History,
    terms: Terms,
    clock_scale: float = 1.0,
    folder: Path | None = None,
) -> None:
    """Write the grade as indented JSON to `path`."""
    document = _document(grade, history, terms, clock_scale, folder)
    # A lone surrogate, which JSON allows in a payload, cannot be written as UTF-8: escape it.
    with Path(path).open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(_as_text_in_pieces(document))


def read_grade(path: Path | str) -> dict[str, Json]:
    """Return the JSON object that `write_grade` wrote.

    Raises:
        HistoryError: the file cannot be read, or is not such an object.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise HistoryError(f"Reading the grade {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise HistoryError(
            f"Reading the grade {path}: not JSON ({error}). Move it away, and judge the run again."
        ) from error
    if not isinstance(found, dict):
        raise HistoryError(f"Reading the grade {path}: not an object. Move it away, and judge the run again.")
    return found


def _check(verdict: Verdict) -> dict[str, Json]:
    found: dict[str, Json] = {
        "check": verdict.check,
        "outcome": str(verdict.outcome),
        "exercised": verdict.exercised,
        "claim": verdict.claim,
        "expected": verdict.expected,
        "observed": verdict.observed,
        "figures": dict(verdict.figures),
        "tasks": sorted({each.task_id for each in verdict.findings if each.task_id is not None}),
    }
    if verdict.outcome in (Outcome.FAIL, Outcome.UNKNOWN):
        found["findings"] = [each.message for each in verdict.findings]
        found["reason"] = verdict.findings[0].message if verdict.findings else verdict.observed
    return found


def _finding(finding: Finding, logs: Mapping[Finding, Log]) -> Json:
    of, lines = logs.get(finding, (None, ()))
    place = None if finding.place is None else str(finding.place)
    return {**untyped(finding), "place": place, "log": None if of is None else {"of": of, "lines": list(lines)}}


def _times(grade: Grade, history: History, folder: Path | None) -> dict[str, Json]:
    if not len(history):
        started, seconds = None, 0.0
    else:
        started = datetime.fromtimestamp(history[0].at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        seconds = (history[-1].at_ms - history[0].at_ms) / 1000
    logs = logs_of(grade.verdicts, history)
    return {
        "folder": None if folder is None else str(folder),
        "started_at": started,
        "seconds": round(seconds, 3),
        "seconds_to_settle": {fate.task_id: seconds_to_settle(history, fate.task_id) for fate in grade.fates},
        "checks": {
            verdict.check: {
                "measured": dict(verdict.measured),
                "findings": [_finding(finding, logs) for finding in verdict.findings],
            }
            for verdict in grade.verdicts
        },
    }
