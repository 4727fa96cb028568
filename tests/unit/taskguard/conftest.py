"""A clock that only moves when somebody waits, so that deadlines pass at once; and the command line, in a folder apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.taskguard.cli_support import Command


class Clock:
    """Stands in for the module ``time``, in seconds; :attr:`waited` are the pauses that were made."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waited: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of everything that waits."""
    clock = Clock()
    for module in ("tenacity", "tenacity.nap", "taskguard.run.watch", "taskguard.evidence.logs.from_logs"):
        monkeypatch.setattr(f"{module}.time", clock)
    return clock


@pytest.fixture
def taskguard(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """The ``taskguard`` command, in a folder with a service like ours of no code, with nothing up and no ``.env``."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "serverless.yml").write_text("rate: ${param:failureRate, '0.3'}")
    (work / "taskguard.toml").write_text('contract = "taskguard"\ndialect = "taskguard"\n')
    monkeypatch.chdir(work)
    monkeypatch.setenv("TASKGUARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    return Command(monkeypatch, capsys)


@pytest.fixture
def engine_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at the address of what stands in for an engine."""
    monkeypatch.setattr("taskguard.run.switching.has_ended", lambda _: False)


@pytest.fixture
def ends_are_seen_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Submissions that end at once are not waited for."""
    monkeypatch.setattr("taskguard.run.submissions.process._LOOKS_EVERY_SECONDS", 0.02)


@pytest.fixture
def our_plugin_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions within this one load the plugin by its name, without a look through all that is installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "taskguard.testing.plugin")
