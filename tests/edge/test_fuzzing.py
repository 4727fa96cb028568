"""Thousands of requests, right and wrong, made from the API's document: each is answered as the document says, and what is
accepted is worked on as it was sent."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from taskguard.ingress.workload import Task
from taskguard.support.json_values import Json, same_json
from taskguard.testing.pipeline import Pipeline

from tests import api_document
from tests.edge import hooks
from tests.kept import altered
from tests.places import PROJECT

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
ACCEPTED = "accepted"
ENGINES_FAULTS = "engines-faults"


@dataclass(frozen=True)
class Share:
    """A part of the requests, which a process of its own makes: which kinds, and how many of all."""

    options: tuple[str, ...]
    part: float
    # A sequence of requests counts as one case.
    steps: int = 1


_SUBMITTING = ("--include-operation-id", "submitTask")

# Processes instead of schemathesis' own threads: Python 3.11 confuses the syntax trees that two threads make at once.
SHARES = {
    "each-rule-and-sequences": Share(("--phases", "examples,coverage,stateful"), 0.2, steps=6),
    "submitting-right": Share(("--mode", "positive", "--phases", "fuzzing", *_SUBMITTING), 0.3),
    "submitting-wrong": Share(("--mode", "negative", "--phases", "fuzzing", *_SUBMITTING), 0.4),
    "reading": Share(("--phases", "fuzzing", "--include-operation-id", "getTask"), 0.1),
}


@pytest.mark.parametrize("name", SHARES)
def test_requests_are_answered_as_documented_and_what_is_accepted_settles(
    pipeline: Pipeline,
    cases: int,
    case_seed: int,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    name: str,
) -> None:
    share = SHARES[name]
    made = try_the_api(pipeline, share, cases, case_seed + [*SHARES].index(name), tmp_path)
    sent = accepted_payloads(tmp_path / ACCEPTED)
    faults = Counter(lines_of(tmp_path / ENGINES_FAULTS))
    for what, found in (("requests", made), ("accepted", len(sent)), ("faults of the engine", dict(faults))):
        record_property(what, found)
    if name.startswith("submitting"):
        assert made >= 0.8 * cases * share.part, f"only {made} requests were made"
    if name == "submitting-right":
        assert len(sent) >= made / 2, f"of {made} requests only {len(sent)} were accepted"
    history = pipeline.settle(*(Task(task_id=task_id, payload=payload) for task_id, payload in sent.items()))
    assert altered(history, sent) == []


def try_the_api(pipeline: Pipeline, share: Share, cases: int, seed: int, folder: Path) -> int:
    """Runs schemathesis, and returns how many requests it made."""
    most = max(1, round(cases * share.part / share.steps))
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(CONFIGURATION), "run", str(api_document.PATH), "--url", pipeline.run.stack.api_url),
        *("--seed", str(seed), "--max-examples", str(most), "--workers", "1", "--no-color", *share.options),
    ]
    notes = {hooks.ACCEPTED: str(folder / ACCEPTED), hooks.ENGINES_FAULTS: str(folder / ENGINES_FAULTS)}
    environment = {**os.environ, **notes, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=PROJECT, env=environment, text=True, capture_output=True, check=False)
    made = re.search(r"(\d+) generated", done.stdout)
    # Kept by pytest, and shown when the test fails, now or later.
    sys.stdout.write(f"{shlex.join(command)}\n{done.stdout}{done.stderr}\n")
    assert done.returncode == 0, f"schemathesis found what is wrong, see below; it ended with {done.returncode}"
    assert made is not None, "schemathesis does not say how many requests it made"
    return int(made.group(1))


def accepted_payloads(notes: Path) -> dict[str, dict[str, Json]]:
    """The payload that was accepted under each id."""
    found: dict[str, dict[str, Json]] = {}
    for line in lines_of(notes):
        noted = json.loads(line)
        payload = json.loads(noted["body"])["payload"]
        before = found.setdefault(noted["taskId"], payload)
        assert same_json(before, payload), f"two payloads were accepted under the id {noted['taskId']}"
    return found


def lines_of(notes: Path) -> list[str]:
    return notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
