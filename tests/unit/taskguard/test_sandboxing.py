"""When the programs of a service run in a sandbox, and what is said where they cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskguard.errors import ConfigurationError, SandboxError
from taskguard.service import sandboxing
from taskguard.service.sandboxing import is_sandboxed
from taskguard.support.sandbox.availability import Availability
from taskguard.targets.names import TargetName

from tests.unit.taskguard.cli_support import Command

OURS = "custom: ${param:failureRate, 0.3}\n"


@pytest.fixture(autouse=True)
def nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(sandboxing.VARIABLE, raising=False)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandboxing, "sandbox_here", lambda: Availability(version="bubblewrap 0.8.0"))


@pytest.fixture
def not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    none = Availability(missing="bwrap is not on PATH", to_do="Install it.")
    monkeypatch.setattr(sandboxing, "sandbox_here", lambda: none)


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "serverless.yml").write_text(OURS)
    return tmp_path / "ours"


@pytest.mark.usefixtures("there")
def test_a_service_runs_in_a_sandbox_unless_its_user_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_sandboxed(tmp_path, None, TargetName.LOCALSTACK)
    assert not is_sandboxed(tmp_path, False, TargetName.LOCALSTACK)
    monkeypatch.setenv(sandboxing.VARIABLE, "off")
    assert not is_sandboxed(tmp_path, None, TargetName.LOCALSTACK)
    assert is_sandboxed(tmp_path, True, TargetName.LOCALSTACK)


@pytest.mark.usefixtures("there")
def test_our_own_service_runs_without_one_in_its_own_folder_alone(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Anybody can write what makes it look like ours.
    assert is_sandboxed(ours, None, TargetName.LOCALSTACK)
    monkeypatch.chdir(ours)
    assert not is_sandboxed(ours, None, TargetName.LOCALSTACK)
    assert is_sandboxed(ours, True, TargetName.LOCALSTACK)


@pytest.mark.usefixtures("not_there")
def test_where_there_is_none_nothing_of_another_service_runs_until_its_user_has_said_so(tmp_path: Path) -> None:
    with pytest.raises(SandboxError) as refused:
        is_sandboxed(tmp_path, None, TargetName.LOCALSTACK)
    assert str(refused.value) == (
        f"running the programs of {tmp_path}: there is no sandbox here: bwrap is not on PATH. Install it. "
        "Or give --no-sandbox, if you trust what the service runs on this machine."
    )
    assert not is_sandboxed(tmp_path, False, TargetName.LOCALSTACK)
    with pytest.raises(SandboxError, match=r"Install it\.$"):
        is_sandboxed(tmp_path, True, TargetName.LOCALSTACK)


@pytest.mark.usefixtures("not_there")
def test_a_container_keeps_functions_where_there_is_no_sandbox(tmp_path: Path) -> None:
    assert not is_sandboxed(tmp_path, None, TargetName.DOCKER)
    with pytest.raises(SandboxError):
        is_sandboxed(tmp_path, True, TargetName.DOCKER)


@pytest.mark.usefixtures("there")
def test_what_is_neither_on_nor_off_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sandboxing.VARIABLE, "no")
    with pytest.raises(ConfigurationError, match="'no' is neither on nor off"):
        is_sandboxed(tmp_path, None, TargetName.LOCALSTACK)


@pytest.mark.usefixtures("not_there")
@pytest.mark.parametrize("command", ["grade", "up"])
def test_a_command_says_so_at_once(
    taskguard: Command, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskguard.service.deployers.serverless.deployer.serverless_cli", lambda _: None)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "serverless.yml").write_text("service: theirs\n")
    ended = taskguard(command, tmp_path / "theirs")
    assert (ended.status, ended.says.count("\n")) == (64, 0)
    assert "there is no sandbox here: bwrap is not on PATH. Install it. Or give --no-sandbox" in ended.says
    assert not Path("runs").exists()
