"""``taskguard grade --target aws`` and ``clean-up``: what they refuse, say and leave, without AWS."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from taskguard.errors import DeploymentError, SubmissionError
from taskguard.history import History
from taskguard.ingress.workload import prefix_of
from taskguard.ingress.workload import tasks as workload
from taskguard.operating.cleaning import CleanedUp
from taskguard.operating.ledger import LEDGER_FILE, read_ledger
from taskguard.targets.aws import Aws
from taskguard.targets.base import Endpoint

from tests.unit.taskguard.cli_support import Command
from tests.unit.taskguard.recorder_lines import STACK

ON_AWS = ["grade", "--target", "aws", "--tasks", "3"]


@dataclass(slots=True)
class Stage:
    """A stage on AWS, and what is asked of it; ``run`` is how a run there ends."""

    seed: str | None = "s"
    known: set[str] = field(default_factory=set)
    run: BaseException | None = None
    clean_up: BaseException | CleanedUp = field(default_factory=lambda: CleanedUp(removed=3, left={}))
    cleaned: list[Path] = field(default_factory=list)
    submitted: list[str] = field(default_factory=list)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    there = Stage()
    endpoint = Endpoint(target="aws", url=None, region="eu-central-1")

    class Reader:
        def __init__(self, *_: object) -> None:
            pass

        def statuses(self, ids: list[str]) -> dict[str, str]:
            return {task_id: "COMPLETED" for task_id in ids if task_id in there.known}

    class Run:
        def __init__(self, **options: Any) -> None:
            self.endpoint, self.stack, self.dialect = endpoint, options["stack"], None
            self.terms, self.note = options["terms"], options["note"]

        def of(self, load: Any, *_: object, **__: object) -> History:
            there.submitted = [task.task_id for task in load.tasks if not task.chosen]
            self.note(there.submitted)
            raise there.run or KeyboardInterrupt

    def clean_up(folder: Path, **_: object) -> CleanedUp:
        there.cleaned.append(folder)
        if isinstance(there.clean_up, BaseException):
            raise there.clean_up
        if not there.clean_up.left:
            (folder / LEDGER_FILE).unlink()
        return there.clean_up

    def read_stack(_: object, name: str) -> Any:
        [ingress] = STACK.ingresses
        api = replace(ingress.api, url="https://a.execute-api.eu-central-1.amazonaws.com/dev")
        return replace(STACK, stage=name, ingresses=(replace(ingress, api=api),))

    monkeypatch.setattr(Aws, "start", lambda _: endpoint)
    monkeypatch.setattr("taskguard.operating.graded_on_aws.read_stack", read_stack)
    monkeypatch.setattr("taskguard.operating.graded_on_aws.failure_settings", lambda *_: (there.seed, 0.3))
    monkeypatch.setattr("taskguard.operating.graded_on_aws.Records", Reader)
    monkeypatch.setattr("taskguard.operating.graded_on_aws.Run", Run)
    monkeypatch.setattr("taskguard.session.digests_of_stack", lambda _: {})
    monkeypatch.setattr("taskguard.run.probing.largest_message_bytes", lambda *_: 262_144)
    monkeypatch.setattr("taskguard.operating.graded_on_aws.cleaning.clean_up", clean_up)
    return there


@pytest.mark.parametrize("option", [["--keep"], ["--port", "4566"], ["--endpoint-url", "http://127.0.0.1:4566"]])
def test_what_is_for_engines_is_refused(taskguard: Command, option: list[str]) -> None:
    ended = taskguard(*ON_AWS, *option)
    assert ended.status == 64
    assert "AWS_ENDPOINT_URL" in ended.says


def test_production_is_refused_before_aws_is_reached(taskguard: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Aws, "start", lambda _: pytest.fail("AWS was reached"))
    ended = taskguard(*ON_AWS, "--stage", "my-prod-eu")
    assert ended.status == 3
    assert "stage my-prod-eu: its name looks like production" in ended.err


def test_production_is_touched_when_it_is_allowed(taskguard: Command, stage: Stage) -> None:
    assert "looks like production" not in taskguard(*ON_AWS, "--stage", "prod", "--allow-production").err
    assert len(stage.submitted) == 3


def test_the_cost_is_told_before_anything_is_submitted(taskguard: Command, stage: Stage) -> None:
    out = taskguard(*ON_AWS).out
    # Probes cost as much as any task.
    told = re.search(r"What (\d+) tasks will cost on AWS", out)
    assert told is not None
    assert int(told[1]) > len(stage.submitted) == 3
    assert told.start() < out.index("Submitting 3 tasks")


@pytest.mark.parametrize(("end", "status"), [(KeyboardInterrupt(), 130), (SubmissionError("the API is gone"), 3)])
def test_a_run_s_tasks_are_removed_however_it_ends(
    taskguard: Command, stage: Stage, tmp_path: Path, end: Any, status: int
) -> None:
    stage.run = end
    out = tmp_path / "run"
    ended = taskguard(*ON_AWS, "--out", out)
    assert ended.status == status
    assert stage.cleaned == [out]
    assert "Removed 3 tasks from the stage" in ended.out
    assert "are left" not in ended.err


@pytest.mark.parametrize(
    ("clean_up", "reason"),
    [
        (DeploymentError("the stage is gone"), "the stage is gone"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_tasks_that_could_not_be_removed_are_named_with_the_command_that_does(
    taskguard: Command, stage: Stage, tmp_path: Path, clean_up: BaseException, reason: str
) -> None:
    stage.clean_up = clean_up
    out = tmp_path / "run"
    ended = taskguard(*ON_AWS, "--out", out)
    assert ended.status == 130
    assert f"tasks are left on the stage ({reason}): {stage.submitted[0]}" in ended.err
    assert f"taskguard clean-up {out}" in ended.err
    [(place, ids)] = read_ledger(out).items()
    assert (place.stage, place.region, place.url) == ("dev", "eu-central-1", None)
    assert ids == stage.submitted


def test_tasks_that_do_not_settle_are_named(taskguard: Command, stage: Stage) -> None:
    stage.clean_up = CleanedUp(removed=2, left={"a": "PENDING"})
    assert "tasks are left on the stage (they have not settled): a." in taskguard(*ON_AWS).err


def test_ids_are_new_ones_unless_the_seed_is_named(taskguard: Command, stage: Stage) -> None:
    ids = []
    for _ in range(2):
        taskguard(*ON_AWS)
        ids.append(stage.submitted)
    assert ids[0] != ids[1]
    taskguard(*ON_AWS, "--seed", "s")
    assert stage.submitted == [task.task_id for task in workload("s", 3)]


@pytest.mark.parametrize(
    ("deployed", "asked", "said"),
    [
        ("s", ["--seed", "t"], 'deployed with the seed "s", not t. Leave out --seed, or'),
        (None, ["--seed", "t"], "deployed with no seed, not t"),
        ("s", ["--rate", "0.1"], 'deployed with the rate "0.3", not 0.1. Leave out --rate'),
    ],
)
def test_a_stage_that_fails_otherwise_is_refused(
    taskguard: Command, stage: Stage, deployed: str | None, asked: list[str], said: str
) -> None:
    stage.seed = deployed
    ended = taskguard(*ON_AWS, *asked)
    assert ended.status == 3
    assert said in ended.err
    assert not stage.submitted


def test_tasks_that_are_there_already_are_not_submitted_again(taskguard: Command, stage: Stage) -> None:
    stage.known = {workload("s", 3)[1].task_id, f"{prefix_of('s')}-no-payload"}
    ended = taskguard(*ON_AWS, "--seed", "s")
    assert ended.status == 3
    assert "2 of them are there already" in ended.err, "a faulty stage may have stored what is no task"
    assert not stage.submitted
    assert not stage.cleaned, "they may be another run's"


@pytest.mark.parametrize(
    ("cleaned", "status", "said"),
    [
        (CleanedUp(removed=3, left={}), 0, "Removed 3 tasks."),
        (CleanedUp(removed=0, left={}), 0, "There was nothing to remove."),
        (CleanedUp(removed=1, left={"a": "RETRYING"}), 3, "1 are still there: a (RETRYING)."),
    ],
)
def test_clean_up_says_what_it_did_and_what_is_left(
    taskguard: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cleaned: CleanedUp, status: int, said: str
) -> None:
    monkeypatch.setattr("taskguard.operating.graded_on_aws.cleaning.clean_up", lambda *_, **__: cleaned)
    ended = taskguard("clean-up", tmp_path)
    assert ended.status == status
    assert said in ended.says


def test_clean_up_of_no_folder_says_what_to_give(taskguard: Command, tmp_path: Path) -> None:
    ended = taskguard("clean-up", tmp_path / "nowhere")
    assert ended.status == 2
    assert "Give the run's folder" in ended.err
