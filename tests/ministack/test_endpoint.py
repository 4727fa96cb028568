"""An engine that somebody else started: a run has a stage of its own there, and takes it away again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from taskguard.history import SavedRun
from taskguard.service import deployment
from taskguard.service.ours import stack_name
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.endpoint import ForeignEngine
from taskguard.targets.ministack import MiniStack

from tests.engine.conftest import HEEDING_INTERRUPTS
from tests.places import PLACES, PROJECT

pytestmark = [pytest.mark.heavy, pytest.mark.long]

TASKGUARD = str(Path(sys.executable).with_name("taskguard"))
NEVER_FAILS = ("--rate", "0", "--tasks", "3")


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Endpoint]:
    """Somebody else's engine, with a stage of theirs on it."""
    with MiniStack(tmp_path / "theirs", cache=PLACES.cache) as ministack:
        endpoint = ministack.start()
        deployment.deploy(endpoint, "dev", places=PLACES, parameters={"failureRate": "0"})
        yield endpoint


def stacks(endpoint: Endpoint) -> set[str]:
    summaries = endpoint.cloudformation().list_stacks()["StackSummaries"]
    return {stack["StackName"] for stack in summaries if stack["StackStatus"] != "DELETE_COMPLETE"}


def grade(theirs: Endpoint, *options: str, folder: Path) -> "subprocess.Popen[str]":
    command = [
        TASKGUARD,
        "grade",
        str(PROJECT),
        "--target",
        "endpoint",
        "--endpoint-url",
        str(theirs.url),
        *NEVER_FAILS,
        *options,
    ]
    return subprocess.Popen(
        [*HEEDING_INTERRUPTS, *command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_run_on_an_engine_of_others_leaves_it_as_it_was(theirs: Endpoint, tmp_path: Path) -> None:
    assert ForeignEngine(theirs.url, region=theirs.region).start().versions == (theirs.versions[0],)
    before = stacks(theirs)

    run = grade(theirs, "--out", "run", folder=tmp_path)
    output, errors = run.communicate(timeout=180)
    # At a rate of 0 nothing fails, and all that asks for a failure stays open.
    assert run.returncode == 2, output + errors
    assert "\nUNKNOWN: backoff, partial_batches, redrive, dead_letter_log (4 of 16 checks)\n" in output
    manifest = SavedRun.read(tmp_path / "run").manifest
    assert (manifest.target, manifest.versions["ministack"]) == ("endpoint", theirs.versions[0][1])
    assert manifest.stage not in ("dev", "test")
    assert stacks(theirs) == before

    refused = grade(theirs, "--stage", "dev", folder=tmp_path)
    output, errors = refused.communicate(timeout=60)
    assert refused.returncode == 3, output + errors
    assert "it is there already" in errors
    assert stacks(theirs) == before


def test_an_interrupted_run_takes_its_stage_away(theirs: Endpoint, tmp_path: Path) -> None:
    before = stacks(theirs)
    run = grade(theirs, "--stage", "mine", folder=tmp_path)
    # In the middle of the deploy, when a part of it is there.
    wait_for(lambda: stack_name("mine") in stacks(theirs), seconds=90)
    os.kill(run.pid, signal.SIGINT)
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "Traceback" not in errors
    assert stacks(theirs) == before
