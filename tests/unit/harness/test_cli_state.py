"""What `up` leaves for the commands after it, and what `down` takes away: the state file and ``.env``."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from dotenv import dotenv_values

from harness.cli.state import RunningStack, from_env, write_env
from harness.errors import TargetError
from harness.paths import PROJECT
from harness.targets.base import Endpoint
from harness.targets.localstack import Instance
from tests.unit.harness.cli_support import Command
from tests.unit.harness.recorder_lines import STACK

ENDPOINT = Endpoint(target="localstack", url="http://127.0.0.1:4599", region="eu-central-1")


@pytest.fixture(autouse=True)
def _apart(taskguard: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in a folder apart, and a stack that is there without an engine."""
    monkeypatch.setattr("harness.cli.state.read_stack", lambda _, stage: replace(STACK, stage=stage))


def stack_of(instance: Instance) -> RunningStack:
    return RunningStack(instance=instance, stage="qa", failure_seed="s", failure_rate=0.5)


@pytest.fixture
def this_process(tmp_path: Path) -> Instance:
    """An instance that is running for sure, as its process is this one."""
    return Instance(
        pid=os.getpid(),
        created_at=psutil.Process().create_time(),
        token="of this engine",  # noqa: S106  # tells engines apart, and is no secret
        port=4599,
        scratch=str(tmp_path / "scratch"),
        folder=str(tmp_path / "engine"),
        region="eu-central-1",
        runtime="Python 3.13.0",
    )


@pytest.fixture
def ended(this_process: Instance) -> Instance:
    """An instance whose process is gone: its number is another's by now."""
    return replace(this_process, created_at=this_process.created_at - 1000)


def test_the_env_file_has_the_keys_of_the_example_and_the_stack_s_values(tmp_path: Path) -> None:
    write_env(ENDPOINT, STACK)
    written = dotenv_values(tmp_path / ".env")
    assert written.keys() == dotenv_values(PROJECT / "env.example").keys()
    assert written["TASKS_QUEUE_URL"] == STACK.task_queue_url
    assert written["DLQ_URL"] == STACK.dead_letter_queue_url
    assert (written["API_ID"], written["STAGE"]) == (STACK.api_id, "dev")
    assert (written["AWS_ENDPOINT_URL"], written["AWS_REGION"]) == (ENDPOINT.url, "eu-central-1")


def test_the_env_file_leads_back_to_the_stack(tmp_path: Path) -> None:
    write_env(ENDPOINT, replace(STACK, stage="qa"))
    endpoint, stack = from_env(tmp_path / ".env")
    assert (endpoint.url, endpoint.region, stack.stage) == (ENDPOINT.url, ENDPOINT.region, "qa")


def test_an_env_file_of_ours_is_written_anew(tmp_path: Path) -> None:
    write_env(ENDPOINT, STACK)
    write_env(ENDPOINT, replace(STACK, stage="later"))
    assert dotenv_values(tmp_path / ".env")["STAGE"] == "later"


def test_a_user_s_own_env_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MINE=1\n")
    with pytest.raises(TargetError, match="taskguard did not write"):
        write_env(ENDPOINT, STACK)
    assert (tmp_path / ".env").read_text() == "MINE=1\n"


def test_what_is_up_is_remembered(this_process: Instance, tmp_path: Path) -> None:
    stack_of(this_process).save()
    assert RunningStack.load() == stack_of(this_process)
    assert RunningStack.require() == stack_of(this_process)
    assert (tmp_path / ".env").exists()


def test_what_has_ended_by_itself_is_not_up(ended: Instance) -> None:
    stack_of(ended).save()
    assert RunningStack.load() is None
    with pytest.raises(TargetError, match="nothing is up"):
        RunningStack.require()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"instance": 7}', '{"instance": {"pid": 1}}'])
def test_a_damaged_state_file_is_nothing_up(tmp_path: Path, text: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "up.json").write_text(text)
    assert RunningStack.load() is None


def test_down_removes_what_up_wrote_and_the_engine_s_folder(
    taskguard: Command, ended: Instance, tmp_path: Path
) -> None:
    stack_of(ended).save()
    result = taskguard("down")
    assert (result.status, result.err) == (0, "")
    assert not (tmp_path / ".env").exists()
    assert not (tmp_path / "state" / "up.json").exists()


def test_down_leaves_the_user_s_own_env_file(taskguard: Command, ended: Instance, tmp_path: Path) -> None:
    stack_of(ended).save()
    (tmp_path / ".env").write_text("MINE=1\n")
    assert taskguard("down").status == 0
    assert (tmp_path / ".env").read_text() == "MINE=1\n"


def test_down_with_nothing_up_says_so_and_succeeds(taskguard: Command) -> None:
    result = taskguard("down")
    assert (result.status, result.out) == (0, "Nothing was up.\n")


def test_up_with_a_stack_up_says_so_and_starts_nothing(taskguard: Command, this_process: Instance) -> None:
    stack_of(this_process).save()
    result = taskguard("up")
    assert result.status == 2
    assert "stage qa on port 4599" in result.err
    assert "taskguard down" in result.err


def test_an_instance_survives_its_own_file(this_process: Instance) -> None:
    assert Instance.from_json(this_process.to_json()) == this_process
    assert json.loads(this_process.to_json())["port"] == 4599
