"""The command `taskguard redrive`: what it takes, says and ends with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from taskguard.cli import redrive
from taskguard.errors import DeploymentError, RedriveError
from taskguard.operating.redriving import Outcome, Result
from taskguard.targets.base import Endpoint

from tests.unit.taskguard.cli_support import Command
from tests.unit.taskguard.recorder_lines import STACK

ENDPOINT = Endpoint(target="endpoint", url="http://127.0.0.1:1", region="eu-central-1")


@dataclass
class Redriver:
    """Stands in for the redriver of a stack: these are its outcomes, none of an unknown task."""

    outcomes: tuple[Outcome, ...]

    def redrive(self, task_id: str) -> Outcome:
        for outcome in self.outcomes:
            if outcome.task_id == task_id:
                return outcome
        raise RedriveError(f"redriving task {task_id}: there is no such task")

    def redrive_all(self) -> Iterator[Outcome]:
        yield from self.outcomes


def outcome(task_id: str, result: Result = Result.REDRIVEN, detail: str = "") -> Outcome:
    return Outcome(task_id=task_id, result=result, at_ms=1.0, detail=detail)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack with two dead tasks, of which one cannot be redriven, and without simulated failures."""
    redriver = Redriver((outcome("good"), outcome("[bad]", Result.REFUSED, "it has no payload")))
    monkeypatch.setattr(redrive, "from_env", lambda _: (ENDPOINT, STACK))
    monkeypatch.setattr(redrive, "Redriver", lambda *_: redriver)
    monkeypatch.setattr(redrive, "failure_settings", lambda *_: (None, 0.3))


@pytest.mark.parametrize("arguments", [(), ("a", "--all")])
def test_it_wants_one_task_or_all(taskguard: Command, arguments: tuple[str, ...]) -> None:
    ended = taskguard("redrive", *arguments)
    assert ended.status == 64
    assert "name one task, or say --all" in ended.says


def test_without_a_stack_it_says_how_to_get_one(taskguard: Command) -> None:
    ended = taskguard("redrive", "a")
    assert ended.status == 3
    assert "taskguard up" in ended.says


@pytest.mark.usefixtures("stack")
def test_one_task_is_put_back(taskguard: Command) -> None:
    ended = taskguard("redrive", "good")
    assert (ended.status, ended.out) == (0, "Task good: back at work.\n")


@pytest.mark.usefixtures("stack")
def test_a_task_that_is_refused_ends_with_4(taskguard: Command) -> None:
    ended = taskguard("redrive", "other")
    assert ended.status == 3
    assert "there is no such task" in ended.says


@pytest.mark.usefixtures("stack")
def test_all_goes_on_after_a_failure_and_ends_with_4(taskguard: Command) -> None:
    ended = taskguard("redrive", "--all")
    assert ended.status == 3
    assert "good" in ended.out
    assert "[bad]" in ended.out
    assert "it has no payload" in ended.out
    assert "1 of 2 failed" in ended.err


def test_all_of_nothing_is_fine(taskguard: Command, stack: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redrive, "Redriver", lambda *_: Redriver(()))
    ended = taskguard("redrive", "--all")
    assert (ended.status, ended.out) == (0, "No task of stage dev is dead-lettered.\n")


def test_a_seed_is_spoken_of(taskguard: Command, stack: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redrive, "failure_settings", lambda *_: ("a seed", 0.3))
    assert 'seed "a seed"' in taskguard("redrive", "good").says


def test_settings_that_cannot_be_read_do_not_matter(
    taskguard: Command, stack: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> None:
        raise DeploymentError("reading the settings: not allowed")

    monkeypatch.setattr(redrive, "failure_settings", unreadable)
    assert taskguard("redrive", "good").status == 0
