"""A run that was saved is judged as it was, one of an older format as far as it tells, and a bad manifest is explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from taskguard.contract.terms import Terms
from taskguard.errors import HistoryError
from taskguard.history import History, Manifest, SavedRun
from taskguard.judging.checks import CHECKS
from taskguard.judging.grading import grade
from taskguard.judging.verdict import Outcome
from taskguard.support.typed import typed, untyped

from tests.terms import four_values, our_terms
from tests.unit.judging.batches import in_batches
from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, run

OLD_EXPECTATIONS: dict[str, Any] = {
    "backoff_schedule_seconds": [5.0, 10.0, 20.0],
    "late_tolerance_seconds": 2.0,
    "max_receives": 3,
    "failure_rate": 0.3,
    "failure_seed": "a seed",
    "significance": 0.001,
    "empty_for_seconds": 0.25,
    "clock_tolerance_ms": 5.0,
    "record": {
        "completed": "COMPLETED",
        "dead": "DEAD_LETTER",
        "attempt_succeeded": "SUCCEEDED",
        "attempt_failed": "FAILED",
    },
    "dead_letter_log": {
        "event_name": "TASK_DEAD_LETTER",
        "event": "event",
        "task_id": "taskId",
        "payload": "payload",
        "attempts": "attempts",
        "last_error": "lastError",
        "created_at": "createdAt",
        "failed_at": "failedAt",
    },
}

MANIFEST = Manifest(
    taskguard_version="1",
    created_at="2026-01-01T00:00:00+00:00",
    tasks=3,
    target="localstack",
    stage="dev",
    region="eu-central-1",
    **four_values(EXPECTED),
    settings={"FAILURE_RATE": 0.3, "nested": {"a": [1, 1.0]}},
    versions={"python": "3.11"},
    digests={"serverless.yml": "00"},
)


def test_a_saved_run_gives_the_same_grade_again(tmp_path: Path) -> None:
    history = History(run(FIRST_TRY, SECOND_TRY, DEAD))
    SavedRun(history=history, manifest=MANIFEST).write(tmp_path / "run")
    saved = SavedRun.read(tmp_path / "run")
    assert saved.manifest == MANIFEST
    assert grade(saved.history, saved.manifest.terms) == grade(history, EXPECTED)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": 99}, "format version 99, this TaskGuard reads 1, 2, 3, 4, 5, 6, 7 and 8"),
        ({"tasks": "3"}, 'tasks: expected an integer, found "3"'),
        ({"contract": {"attempts": {"mots": 3}}}, '[contract] attempts: unknown key "mots"; did you mean "most"?'),
        ({"draws": {"rate": "often"}}, '[draws] rate: expected a number, found "often"'),
        ({"format_version": 2}, "expectations: expected a table, found null"),
        ({"versions": {"python": 3}}, "versions: expected a string, found 3"),
        ({"tolerances": {"late_seconds": -1e9}}, "tolerances: late_seconds is between 0 and 86400, not -1000000000.0"),
        ({"tolerances": {"late_seconds": 1e9}}, "late_seconds is between 0 and 86400"),
        ({"tolerances": {"clock_ms": 1e9}}, "clock_ms is between 0 and 3600000"),
        ({"tolerances": {"empty_for_seconds": -1}}, "empty_for_seconds is between 0 and 86400"),
        ({"draws": {"rate": 1.1}}, "rate is a probability"),
        ({"contract": {"waiting": {"schedule": [5, -5]}}}, "a wait is from 0 to 1209600 s, not -5 s"),
        ({"clock_scale": 0}, "clock_scale is from 1 to 1000, not 0"),
        ({"tasks": -1}, "tasks is 0 or more, not -1"),
    ],
)
def test_a_bad_manifest_is_explained(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = tmp_path / "manifest.json"
    MANIFEST.write(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(HistoryError) as raised:
        Manifest.read(path)
    assert str(path) in str(raised.value)
    assert words in str(raised.value)


def test_terms_come_back_as_they_were_and_refuse_nonsense() -> None:
    terms = our_terms(seed="é", waits=(1, 2.5, 3), rate=1)
    assert typed(Terms, json.loads(json.dumps(untyped(terms)))) == terms
    nonsense: tuple[tuple[dict[str, Any], str], ...] = (
        ({"rate": 1.5}, "rate"),
        ({"receives": 0}, "most"),
        ({"significance": 0.0}, "significance"),
    )
    for values, name in nonsense:
        with pytest.raises(ValueError, match=name):
            our_terms(**values)


def test_a_run_of_before_there_were_changes_and_settings_is_read_and_they_are_unknown(tmp_path: Path) -> None:
    later = {"created_at_ms", "changed_at_ms", "completed_at_ms", "finished_at_ms"}
    batched = in_batches(run(FIRST_TRY, SECOND_TRY, DEAD), 3)
    SavedRun(history=History(batched), manifest=MANIFEST).write(tmp_path)

    def older(document: dict[str, Any]) -> dict[str, Any]:
        attempts = document.get("attempts", [])
        kept = [{k: v for k, v in each.items() if k not in later} for each in attempts]
        return {k: v for k, v in document.items() if k not in later} | ({"attempts": kept} if attempts else {})

    lines = map(json.loads, (tmp_path / "history.jsonl").read_text().splitlines())
    kept = [older(line) for line in lines if line["event"] not in ("RecordChanged", "ConfigurationObserved")]
    (tmp_path / "history.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in kept))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for name in ("contract", "dialect", "tolerances", "draws"):
        del manifest[name]
    older_fields = {"format_version": 1, "seed": "a seed", "rate": 0.3, "expectations": OLD_EXPECTATIONS}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | older_fields))
    saved = SavedRun.read(tmp_path)
    outcomes = {v.check: v.outcome for v in grade(saved.history, saved.manifest.terms).verdicts}
    assert outcomes == (
        dict.fromkeys(CHECKS, Outcome.PASS)
        | dict.fromkeys(("transitions", "configuration"), Outcome.UNKNOWN)
        | dict.fromkeys(("refusals", "idempotency", "order"), Outcome.NOT_APPLICABLE)
    )


def test_a_run_of_the_format_before_is_judged_by_the_same_terms(tmp_path: Path) -> None:
    moves = [
        {"before": None, "after": "NEW", "by_operator": False},
        {"before": "NEW", "after": "DONE", "by_operator": True},
    ]
    record = {**OLD_EXPECTATIONS["record"], "completed": "DONE", "working": "BUSY", "moves": moves}
    expectations = {
        **OLD_EXPECTATIONS,
        "backoff_schedule_seconds": [1, 2],
        "max_receives": 2,
        "failure_seed": None,
        "failure_rate": 0.5,
        "late_tolerance_seconds": 9,
        "record": record,
        "unscoped_actions": ["xray:PutTraceSegments"],
    }
    others = {k: v for k, v in untyped(MANIFEST).items() if k not in ("contract", "dialect", "tolerances", "draws")}
    older = {**others, "format_version": 2, "seed": None, "rate": 0.5, "expectations": expectations}
    (tmp_path / "manifest.json").write_text(json.dumps(older))
    read = Manifest.read(tmp_path / "manifest.json")
    assert (read.seed, read.rate, read.contract.attempts.most, read.contract.waits) == (None, 0.5, 2, (1.0, 2.0))
    assert (read.tolerances.late_seconds, read.tolerances.significance) == (9.0, 0.001)
    words = read.dialect.record
    assert words is not None
    assert (words.finals, words.working, len(words.moves)) == (("DONE", "DEAD_LETTER"), "BUSY", 2)
    read.write(tmp_path / "manifest.json")
    assert Manifest.read(tmp_path / "manifest.json") == read
