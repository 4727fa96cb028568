"""What `up` leaves for the commands after it, and what `down` takes away: the state file and ``.env``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from taskguard.errors import TargetError
from taskguard.places import Places
from taskguard.service.kept import RunningStack, from_env, write_env
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStackInstance
from taskguard.targets.registry import instance_from_json

from tests.places import PROJECT
from tests.unit.taskguard.cli_support import Command
from tests.unit.taskguard.recorder_lines import STACK

ENDPOINT = Endpoint(target="localstack", url="http://127.0.0.1:4599", region="eu-central-1")


@pytest.fixture(autouse=True)
def _apart(taskguard: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in a folder apart, and a stack that is there without an engine."""
    monkeypatch.setattr("taskguard.service.kept.read_stack", lambda _, stage, **_names: replace(STACK, stage=stage))


def document_of(instance: LocalStackInstance) -> dict[str, Any]:
    return {"instance": json.loads(instance.to_json()), "stage": "qa"}


def stack_of(instance: LocalStackInstance) -> RunningStack:
    return RunningStack(instance=instance, stage="qa")


@pytest.fixture
def engine() -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like an engine's, and only waits."""
    with waiting("taskguard.engine") as process:
        yield process


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is no engine's."""
    with waiting("harness") as process:
        yield process


@contextmanager
def waiting(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-ISc", "print(flush=True); input()", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        # Only once it runs has it a command line for sure.
        assert process.stdout.readline().strip() == b""
        yield process
        process.kill()


@pytest.fixture
def up(tmp_path: Path, engine: subprocess.Popen[bytes]) -> LocalStackInstance:
    """An instance that is running."""
    return LocalStackInstance(
        pid=engine.pid,
        token="of this engine",  # noqa: S106  # tells engines apart, and is no secret
        port=4599,
        scratch=str(tmp_path / "scratch"),
        folder=str(tmp_path / "engine"),
        region="eu-central-1",
        runtime="Python 3.13.0",
    )


@pytest.fixture
def ended(up: LocalStackInstance, stranger: subprocess.Popen[bytes]) -> LocalStackInstance:
    """An instance whose process is gone: its number is another's by now."""
    return replace(up, pid=stranger.pid)


def test_the_env_file_has_the_keys_of_the_example_and_the_stack_s_values(tmp_path: Path) -> None:
    write_env(Places.of(), ENDPOINT, STACK)
    written = dotenv_values(".env")
    assert written.keys() == dotenv_values(PROJECT / "env.example").keys()
    assert written["TASKS_QUEUE_URL"] == STACK.work_queue.url
    assert written["DLQ_URL"] == STACK.queues["dead-letter"].url
    assert (written["API_ID"], written["STAGE"]) == (STACK.ingress.api.id, "dev")
    assert (written["API_AUTH"], written["API_KEY_ID"]) == ("none", "")
    assert (written["AWS_ENDPOINT_URL"], written["AWS_REGION"]) == (ENDPOINT.url, "eu-central-1")


def test_the_env_file_leads_back_to_the_stack() -> None:
    write_env(Places.of(), ENDPOINT, replace(STACK, stage="qa"))
    endpoint, stack = from_env(Places.of())
    assert (endpoint.url, endpoint.region, stack.stage) == (ENDPOINT.url, ENDPOINT.region, "qa")
    assert endpoint.recording is None


def test_the_env_file_of_our_own_engine_leads_to_its_recording_too(up: LocalStackInstance) -> None:
    stack_of(up).save(Places.of())
    endpoint, stack = from_env(Places.of())
    assert (endpoint, stack.stage) == (up.endpoint(), "qa")
    assert endpoint.recording == Path(up.folder) / "flight-recorder.jsonl"


def test_an_env_file_of_another_engine_has_no_recording(up: LocalStackInstance) -> None:
    stack_of(up).save(Places.of())
    write_env(Places.of(), replace(ENDPOINT, url="http://127.0.0.1:4566"), STACK)
    endpoint, _ = from_env(Places.of())
    assert (endpoint.url, endpoint.recording) == ("http://127.0.0.1:4566", None)


def test_an_env_file_of_ours_is_written_anew(tmp_path: Path) -> None:
    write_env(Places.of(), ENDPOINT, STACK)
    write_env(Places.of(), ENDPOINT, replace(STACK, stage="later"))
    assert dotenv_values(".env")["STAGE"] == "later"


def test_a_user_s_own_env_file_is_not_overwritten(tmp_path: Path) -> None:
    Path(".env").write_text("MINE=1\n")
    with pytest.raises(TargetError, match="taskguard did not write"):
        write_env(Places.of(), ENDPOINT, STACK)
    assert Path(".env").read_text() == "MINE=1\n"


def test_what_is_up_is_remembered(up: LocalStackInstance, tmp_path: Path) -> None:
    stack_of(up).save(Places.of())
    assert RunningStack.load(Places.of()) == stack_of(up)
    assert Path(".env").exists()


def test_an_env_file_that_is_not_ours_leaves_nothing_remembered(up: LocalStackInstance, tmp_path: Path) -> None:
    Path(".env").write_text("MINE=1\n")
    with pytest.raises(TargetError, match="taskguard did not write"):
        stack_of(up).save(Places.of())
    assert RunningStack.load(Places.of()) is None
    assert not Path(".taskguard", "up.json").exists()


def test_a_new_stack_may_stay_where_there_is_none(ended: LocalStackInstance) -> None:
    RunningStack.make_sure_there_is_none(Places.of())
    stack_of(ended).save(Places.of())
    RunningStack.make_sure_there_is_none(Places.of())


def test_a_new_stack_may_not_stay_beside_another(up: LocalStackInstance) -> None:
    stack_of(up).save(Places.of())
    with pytest.raises(TargetError, match="stage qa at http"):
        RunningStack.make_sure_there_is_none(Places.of())


@pytest.mark.parametrize("command", [("up",), ("grade", "--keep", "--out", "run")])
def test_a_user_s_own_env_file_is_noticed_before_anything_is_started(
    taskguard: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    for made in ("taskguard.cli.stack.LocalStack", "taskguard.run.own_engine.make"):
        monkeypatch.setattr(made, lambda *_, **__: pytest.fail("it was started"))
    Path(".env").write_text("MINE=1\n")
    result = taskguard(*command)
    assert result.status == 3
    assert "taskguard did not write" in result.says
    assert not Path("run").exists()


def test_what_has_ended_by_itself_is_not_up(ended: LocalStackInstance) -> None:
    stack_of(ended).save(Places.of())
    assert RunningStack.load(Places.of()) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", "null", '"text"', "{}", '{"instance": 7}', '{"instance": {"pid": 1}}']
)
def test_a_damaged_state_file_is_nothing_up(tmp_path: Path, text: str) -> None:
    Path(".taskguard").mkdir()
    Path(".taskguard", "up.json").write_text(text)
    assert RunningStack.load(Places.of()) is None


@pytest.mark.parametrize("key", ["instance", "stage", "kind", "pid", "port"])
def test_a_state_file_that_lacks_a_key_is_nothing_up(up: LocalStackInstance, tmp_path: Path, key: str) -> None:
    document: dict[str, Any] = document_of(up)
    Path(".taskguard").mkdir()
    file = Path(".taskguard", "up.json")
    file.write_text(json.dumps(document))
    assert RunningStack.load(Places.of()) == stack_of(up)
    del (document if key in document else document["instance"])[key]
    file.write_text(json.dumps(document))
    assert RunningStack.load(Places.of()) is None


def test_a_state_file_of_another_version_is_nothing_up(up: LocalStackInstance, tmp_path: Path) -> None:
    Path(".taskguard").mkdir()
    Path(".taskguard", "up.json").write_text(json.dumps(document_of(up) | {"later": 1}))
    assert RunningStack.load(Places.of()) is None


def test_down_ends_the_engine_and_removes_its_folder(
    taskguard: Command, up: LocalStackInstance, engine: subprocess.Popen[bytes]
) -> None:
    stack_of(up).save(Places.of())
    Path(up.scratch).mkdir()
    result = taskguard("down")
    assert (result.status, result.out) == (0, "Stopped.\n")
    engine.wait(20)
    assert not Path(up.scratch).exists()
    assert RunningStack.load(Places.of()) is None


def test_down_removes_what_up_wrote_and_leaves_other_processes_alone(
    taskguard: Command, ended: LocalStackInstance, stranger: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    stack_of(ended).save(Places.of())
    result = taskguard("down")
    assert (result.status, result.err) == (0, "")
    assert stranger.poll() is None
    assert not Path(".env").exists()
    assert not Path(".taskguard", "up.json").exists()


def test_down_leaves_the_user_s_own_env_file(taskguard: Command, ended: LocalStackInstance, tmp_path: Path) -> None:
    stack_of(ended).save(Places.of())
    Path(".env").write_text("MINE=1\n")
    assert taskguard("down").status == 0
    assert Path(".env").read_text() == "MINE=1\n"


def test_down_with_nothing_up_says_so_and_succeeds(taskguard: Command) -> None:
    result = taskguard("down")
    assert (result.status, result.out) == (0, "Nothing was up.\n")


def test_up_with_a_stack_up_says_so_and_starts_nothing(taskguard: Command, up: LocalStackInstance) -> None:
    stack_of(up).save(Places.of())
    result = taskguard("up")
    assert result.status == 3
    assert "stage qa at http://127.0.0.1:4599" in result.err
    assert "taskguard down" in result.err


def test_an_instance_survives_its_own_file(up: LocalStackInstance) -> None:
    assert instance_from_json(up.to_json()) == up
    assert json.loads(up.to_json())["port"] == 4599
