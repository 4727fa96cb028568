"""`taskguard init` writes what was learnt beside a service, and nothing over what somebody wrote."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from taskguard import session
from taskguard.contract.learning.learnt import Learnt
from taskguard.history import History
from taskguard.run.stages import Asked

from tests.places import PROJECT
from tests.unit.judging.building import FIRST_TRY, run
from tests.unit.taskguard.cli_support import Command

LEARNT = Learnt(table="message", key="id", value="letter", evidence="the task's id is there in all 3 messages")


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service of which a run would learn one word."""
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "serverless.yml").write_text("service: letters\nprovider: {name: aws}\n")

    def graded(asked: Asked, _tell: object) -> SimpleNamespace:
        assert asked.learn_log
        manifest = SimpleNamespace(learnt=(LEARNT,))
        return SimpleNamespace(saved=SimpleNamespace(manifest=manifest, history=History(run(FIRST_TRY))))

    monkeypatch.setattr(session, "grade", graded)
    monkeypatch.chdir(tmp_path)
    return folder


def test_what_was_learnt_is_written_beside_the_service(taskguard: Command, service: Path) -> None:
    ended = taskguard("init", service, "--no-sandbox")
    assert ended.status == 0, ended.says
    text = (service / "taskguard.toml").read_text(encoding="utf-8")
    assert '# id = "letter"  # the task\'s id is there in all 3 messages' in text
    assert "# accepted = [202]" in text


def test_what_somebody_wrote_stays_unless_told_otherwise(taskguard: Command, service: Path) -> None:
    file = service / "taskguard.toml"
    file.write_text("# mine\n")
    ended = taskguard("init", service, "--no-sandbox")
    assert (ended.status, file.read_text()) == (0, "# mine\n")
    assert '# id = "letter"' in ended.says
    assert "--force writes over it" in ended.says
    taskguard("init", service, "--no-sandbox", "--force")
    assert '# id = "letter"' in file.read_text(encoding="utf-8")


def test_there_is_nothing_to_learn_of_our_own_service(taskguard: Command) -> None:
    ended = taskguard("init", PROJECT)
    assert ended.status == 64
    assert "they are built in" in ended.says
