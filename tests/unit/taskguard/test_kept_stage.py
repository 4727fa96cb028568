"""Graded runs on the engine that is up: which stage each of them has, and for how long."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from taskguard.errors import OtherTemplate
from taskguard.run import kept_stage
from taskguard.run.events import Announced, SessionEvent, nobody
from taskguard.run.kept_stage import on_engine_that_is_up
from taskguard.run.stages import WantedStage
from taskguard.service.kept import RunningStack
from taskguard.service.stack import Stack
from taskguard.support import scaled_clock
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStackInstance
from taskguard.targets.registry import TargetOptions

from tests.places import PLACES
from tests.unit.taskguard.recorder_lines import STACK

HOLDER = """
import sys, time
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@dataclass
class Engine:
    """The engine that is up, and what was done to it; stages are deployed and found in no time."""

    scratch: Path
    deployed: list[str] = field(default_factory=list)
    forgotten: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    updated: list[str] = field(default_factory=list)
    other_template: bool = False
    retries_wait: bool = False
    digests: dict[str, str] = field(default_factory=lambda: {"code": "1"})

    def run(self, held: ExitStack, seed: str = "a seed") -> str:
        """The stage that a run has until ``held`` closes."""
        wanted = WantedStage(places=PLACES, stage=None, seed=seed, rate=0.3)
        options = TargetOptions(folder=self.scratch, cache=self.scratch, region=STACK.region)
        run = on_engine_that_is_up(options, wanted, ["t-1"], nobody, held)
        assert run is not None
        return run.stack.stage

    def lock(self, stage: str) -> Path:
        return self.scratch / f"{stage}.lock"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    scaled_clock.create(str(scratch / "clock"))
    engine = Engine(scratch)
    up = LocalStackInstance(
        pid=1, token="", port=1, scratch=str(scratch), folder=str(tmp_path), region=STACK.region, runtime="python3.13"
    )

    def deploy(_endpoint: object, stage: str, *, code_alone: bool = False, **_: Any) -> Stack:
        if code_alone and engine.other_template:
            raise OtherTemplate("more than code")
        (engine.updated if code_alone else engine.deployed).append(stage)
        return replace(STACK, stage=stage)

    def forget(_endpoint: object, stack: Stack, task_ids: Sequence[str]) -> None:
        engine.forgotten.append((stack.stage, tuple(task_ids)))

    class AtRest:
        def __init__(self, *_: object) -> None: ...

        def queue_depths(self) -> list[Any]:
            return []

        def are_empty_beside(self) -> bool:
            return not engine.retries_wait

    monkeypatch.setattr(LocalStackInstance, "answers", lambda _: True)
    monkeypatch.setattr(RunningStack, "load", lambda _: RunningStack(instance=up, stage="dev"))
    monkeypatch.setattr(kept_stage.KeptStage, "_state", lambda *_: {})
    monkeypatch.setattr(kept_stage, "Queues", AtRest)
    monkeypatch.setattr(kept_stage, "forget", forget)
    monkeypatch.setattr(kept_stage, "digests_of_service", lambda *_: dict(engine.digests))
    monkeypatch.setattr("taskguard.service.deployers.serverless.deployer.serverless_cli", lambda _: None)
    monkeypatch.setattr("taskguard.service.deployment.deploy", deploy)
    monkeypatch.setattr(
        "taskguard.service.deployment.read_stack", lambda _, stage, **_names: replace(STACK, stage=stage)
    )
    return engine


def test_one_run_after_the_other_has_the_stage_of_before(engine: Engine) -> None:
    stages = []
    for _ in range(2):
        with ExitStack() as held:
            stages.append(engine.run(held))
    assert stages[0] == stages[1]
    assert engine.deployed == [stages[0]]
    assert engine.forgotten == [(stages[0], ("t-1",))]


def test_the_stage_of_before_is_looked_for_in_its_own_region(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_in: list[str] = []

    def read(endpoint: Endpoint, stage: str, **_names: object) -> Stack:
        looked_in.append(endpoint.region)
        return replace(STACK, stage=stage, region="us-east-1")

    monkeypatch.setattr("taskguard.service.deployment.read_stack", read)
    monkeypatch.setattr(
        "taskguard.service.deployment.deploy", lambda _, stage, **__: replace(STACK, stage=stage, region="us-east-1")
    )
    for _ in range(2):
        with ExitStack() as held:
            engine.run(held)
    assert looked_in == ["us-east-1"]


def test_a_stage_in_which_something_waits_on_another_queue_is_left_alone(engine: Engine) -> None:
    for engine.retries_wait in (False, True):
        with ExitStack() as held:
            engine.run(held)
    assert len(engine.deployed) == 2


def test_changed_code_is_put_into_the_stage_of_before(engine: Engine) -> None:
    stages = []
    for code in ("1", "2", "2", "1"):
        engine.digests["code"] = code
        with ExitStack() as held:
            stages.append(engine.run(held))
    assert len(set(stages)) == 1
    assert (engine.deployed, engine.updated) == (stages[:1], stages[:1] * 2)
    assert len(engine.forgotten) == 3


def test_a_changed_template_is_deployed_as_another_stage(engine: Engine) -> None:
    engine.other_template = True
    stages = []
    for code in ("1", "2", "2"):
        engine.digests["code"] = code
        with ExitStack() as held:
            stages.append(engine.run(held))
    assert stages[0] != stages[1] == stages[2]
    assert engine.deployed == stages[:2]


def test_runs_at_once_have_a_stage_each_and_take_nothing_from_one_another(engine: Engine) -> None:
    for deploys in (3, 0):
        engine.deployed.clear()
        with ExitStack() as held:
            stages = [engine.run(held) for _ in range(3)]
        assert len(set(stages)) == 3
        assert len(engine.deployed) == deploys
    assert sorted(engine.forgotten) == sorted((stage, ("t-1",)) for stage in stages)


def test_a_stage_is_free_again_when_its_run_is_over_or_was_killed(engine: Engine) -> None:
    with ExitStack() as held:
        first = engine.run(held)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(engine.lock(first))], stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with ExitStack() as held:
                assert engine.run(held) != first
        finally:
            holder.send_signal(signal.SIGKILL)
    with ExitStack() as held:
        assert engine.run(held) == first


def test_runs_with_other_failures_do_not_keep_one_another_from_a_stage(engine: Engine) -> None:
    with ExitStack() as held:
        stages = [engine.run(held, seed) for seed in ("a seed", "another")]
    assert len(set(stages)) == 2
    assert sorted(path.name for path in engine.scratch.glob("*.lock")) == sorted(f"{stage}.lock" for stage in stages)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (
            {"clock_scale": 60.0},
            "its clock scale is 1, not 60 (`taskguard up --clock-scale 60` starts one of that scale)",
        ),
        ({"port": 4567}, "an engine at http://127.0.0.1:4567 is asked for"),
        ({"sandboxed": True}, "its functions run without a sandbox, and those of this run are not to"),
    ],
)
def test_a_run_says_why_it_does_not_use_the_engine_that_is_up(engine: Engine, asked: dict[str, Any], why: str) -> None:
    told: list[SessionEvent] = []
    options = replace(TargetOptions(folder=engine.scratch, cache=engine.scratch, region=STACK.region), **asked)
    with ExitStack() as held:
        wanted = WantedStage(places=PLACES, stage=None, seed="a seed", rate=0.3)
        assert on_engine_that_is_up(options, wanted, ["t-1"], told.append, held) is None
    assert told == [Announced(f"The engine that is up at http://127.0.0.1:1 is not used: {why}")]


def test_a_stage_that_is_named_is_deployed_to_an_engine_of_its_own_and_that_is_said(engine: Engine) -> None:
    told: list[SessionEvent] = []
    options = TargetOptions(folder=engine.scratch, cache=engine.scratch, region=STACK.region)
    with ExitStack() as held:
        assert on_engine_that_is_up(options, WantedStage(places=PLACES, stage="qa"), [], told.append, held) is None
    [event] = told
    assert isinstance(event, Announced)
    assert "is not used: stage qa is named" in event.text
