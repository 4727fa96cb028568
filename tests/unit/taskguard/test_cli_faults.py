"""Runs with faults on the command line: what is asked for, what is refused, and a folder that is judged or repeated."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest
from taskguard.contract.draws import Draws
from taskguard.errors import TargetError
from taskguard.faults.campaigns import CAMPAIGNS
from taskguard.history import History
from taskguard.ingress.load import load_of
from taskguard.ingress.workload import tasks as workload
from taskguard.judging.guarantees import GUARANTEES
from taskguard.run.manifests import digests_of_service

from tests.terms import our_terms
from tests.unit.guarantees.faulty import fault
from tests.unit.judging.batches import whole
from tests.unit.judging.building import DEAD, FIRST_TRY, SECOND_TRY, START_MS, run
from tests.unit.taskguard.cli_support import Command
from tests.unit.taskguard.saved_runs import saved

FAULTS = ("lose rate=0.5", "deploy from=30.0")
EVENTS = [*run(FIRST_TRY, SECOND_TRY, DEAD), *(fault(line, START_MS + 1) for line in FAULTS)]


@dataclass
class Asked:
    """What a graded run was about to be made of."""

    ids: list[str] = field(default_factory=list)
    wanted: Any = None
    options: Any = None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """No run is made: it ends where it would look for an engine."""
    found = Asked()

    def look_for_engine(options: Any, wanted: Any, ids: list[str], *_others: object) -> NoReturn:
        found.options, found.wanted, found.ids = options, wanted, ids
        raise TargetError("no engine in a unit test")

    monkeypatch.setattr("taskguard.session.on_engine_that_is_up", look_for_engine)
    return found


def faulty(folder: Path, **other: Any) -> Path:
    return saved(folder, History(EVENTS), **({"faults": FAULTS, "fault_seed": "f-1"} | other))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--faults", "explode"], "There is no fault 'explode'"),
        (["--faults", "explode"], ", ".join(CAMPAIGNS)),
        (["--faults", "# nothing"], "There is no fault in"),
        (["--fault-seed", "7"], "give --faults too"),
        (["--faults", "lose", "--target", "ministack"], "can only be injected inside LocalStack as a process"),
        (["--faults", "all", "--target", "docker"], "consumer-off, deploy, monitor-off"),
        (["--faults", "lose; deploy", "--target", "aws"], "lose can only be injected"),
        (["--faults", "consumer-off; deploy", "--target", "aws"], "deploy is not for --target aws"),
        (["--faults", "lose; deploy", "--target", "running"], "deploy is not for --target running"),
    ],
)
def test_what_cannot_be_injected_is_refused_before_anything_is_started(
    taskguard: Command, asked: Asked, tmp_path: Path, arguments: list[str], named: str
) -> None:
    ended = taskguard("grade", *arguments, "--out", tmp_path / "out")
    assert ended.status == 64
    assert named in ended.says
    assert asked.wanted is None
    assert not (tmp_path / "out").exists()


def test_the_seed_of_the_faults_is_printed_and_chosen_when_none_is_given(taskguard: Command, asked: Asked) -> None:
    named = taskguard("grade", "--faults", "lose rate=5%; deploy", "--fault-seed", "f 1")
    assert "Seed of the faults: f 1. 2 faults of 2 kinds will be injected: lose, deploy" in named.says
    seeds = {taskguard("grade", "--faults", "calls").says.split("Seed of the faults: ")[1].split(".")[0] for _ in "ab"}
    assert len(seeds) == 2


def test_faults_may_be_a_file(taskguard: Command, asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("# mine\nlose rate=5%\nkill-first rate=1%\n")
    assert "2 faults of 2 kinds" in taskguard("grade", "--faults", tmp_path / "mine.txt").says


def test_a_run_is_repeated_with_all_that_decided_it(taskguard: Command, asked: Asked, tmp_path: Path) -> None:
    folder = faulty(
        tmp_path / "run", tasks=7, draws=Draws(seed="a seed", rate=0.4), clock_scale=60.0, region="eu-west-1"
    )
    ended = taskguard("grade", "--replay", folder)
    assert "no engine in a unit test" in ended.err
    assert (asked.wanted.seed, asked.wanted.rate) == ("a seed", 0.4)
    assert (asked.options.clock_scale, asked.options.region) == (60.0, "eu-west-1")
    assert asked.ids == [task.task_id for task in workload("a seed", 7)]
    assert "Seed of the faults: f-1. 2 faults of 2 kinds will be injected: lose, deploy" in ended.says


def test_a_run_of_random_failures_is_repeated_with_its_tasks(taskguard: Command, asked: Asked, tmp_path: Path) -> None:
    folder = faulty(tmp_path / "run", draws=Draws(rate=0.3), tasks_seed="5eed", faults=(), fault_seed=None)
    ended = taskguard("grade", "--replay", folder)
    assert asked.wanted.seed is None
    theirs = [task.task_id for task in workload("5eed", 4)]
    assert [task_id for task_id in asked.ids if task_id in theirs] == theirs
    # Their probes have no fates: those that the run brings about are beside them.
    assert asked.ids == load_of("5eed", 4, our_terms(), fated=True).task_ids
    assert "Seed of the faults" not in ended.says


def test_what_has_changed_since_is_told(taskguard: Command, asked: Asked, tmp_path: Path) -> None:
    same = digests_of_service(Path())
    assert "Since that run" not in taskguard("grade", "--replay", faulty(tmp_path / "same", digests=same)).says
    other = faulty(tmp_path / "other", digests={**same, "handlers": "0" * 64})
    assert "Since that run there were changes in handlers" in taskguard("grade", "--replay", other).says


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"faults": ("explode",)}, "There is no fault 'explode'"),
        ({"target": "mars"}, "'mars' is not a valid TargetName"),
        ({"draws": Draws(rate=0.3)}, "a seed that was not kept"),
        ({"target": "docker"}, "can only be injected inside LocalStack"),
    ],
)
def test_a_folder_that_cannot_be_repeated_says_why(
    taskguard: Command, asked: Asked, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    ended = taskguard("grade", "--replay", faulty(tmp_path / "run", **changes))
    assert ended.status == 64
    assert said in ended.says
    assert asked.wanted is None


def test_a_folder_without_a_run_says_so(taskguard: Command, asked: Asked, tmp_path: Path) -> None:
    ended = taskguard("grade", "--replay", tmp_path)
    assert ended.status == 64
    assert "there is no run in it that could be repeated" in ended.says


@pytest.mark.parametrize("option", [["--tasks", "5"], ["--seed", "x"], ["--faults", "lose"], ["--clock-scale", "2"]])
def test_what_the_folder_decides_cannot_be_asked_for(
    taskguard: Command, asked: Asked, tmp_path: Path, option: list[str]
) -> None:
    ended = taskguard("grade", "--replay", faulty(tmp_path / "run"), *option)
    assert ended.status == 64
    assert f"leave out {option[0]}" in ended.says


def test_check_judges_a_run_with_faults_by_the_guarantees_again(taskguard: Command, tmp_path: Path) -> None:
    folder = faulty(tmp_path / "run", repeat="taskguard grade --replay runs/1")
    ended = taskguard("check", folder)
    assert ended.status == 0
    document = json.loads((folder / "grade.json").read_text())
    assert [check["check"] for check in document["checks"]] == list(GUARANTEES)
    assert json.loads((folder / "nemesis.json").read_text())["injections"] == 2
    assert "2 faults of 2 kinds injected (seed f-1), 3 tasks: 0 lost, 0 doubled" in ended.out
    assert "Run it again with: taskguard grade --replay runs/1" in ended.out
    assert "settles_once" in (folder / "junit.xml").read_text()
    again = taskguard("check", folder, "--json")
    assert (again.status, again.err, json.loads(again.out)) == (0, "", document)


def test_check_of_a_run_with_a_fault_of_another_version_says_so(taskguard: Command, tmp_path: Path) -> None:
    ended = taskguard("check", faulty(tmp_path / "run", faults=("explode",)))
    assert ended.status == 64
    assert "There is no fault 'explode'" in ended.err


def test_runs_with_the_same_faults_are_compared_and_other_seeds_are_told(taskguard: Command, tmp_path: Path) -> None:
    one, other = faulty(tmp_path / "one"), faulty(tmp_path / "other", fault_seed="f-2")
    ended = taskguard("compare", one, other)
    assert ended.status == 0
    assert ["fault_seed", "f-1", "f-2"] in [line.split() for line in ended.out.splitlines()]
    usual = saved(tmp_path / "usual", History(whole(FIRST_TRY, SECOND_TRY, DEAD)))
    assert taskguard("compare", one, usual).status == 1


def test_a_manifest_of_before_there_were_faults_is_read(taskguard: Command, tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", History(whole(FIRST_TRY, SECOND_TRY, DEAD)))
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in ("faults", "fault_seed", "tasks_seed", "sha256"):
        del manifest[name]
    manifest["format_version"] = 4
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert taskguard("check", folder).status == 0
    assert not (folder / "nemesis.json").exists()
