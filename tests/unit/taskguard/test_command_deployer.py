"""A service that a command of its own deploys, and what is found to have come of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from taskguard.errors import DeploymentError
from taskguard.places import Places
from taskguard.service.config import DeployerName
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.choosing import chosen
from taskguard.service.deployers.command import Command
from taskguard.service.resources import NO_STACK
from taskguard.targets.base import Endpoint


class Stacks(Endpoint):
    """An engine whose stacks are what the folder ``stacks`` beside the service says: each file is one, and its text when it changed."""

    def cloudformation(self) -> Any:
        pages = [{"Stacks": [self._told(each) for each in Path(self.region).iterdir()]}]
        paginator = type("Paginator", (), {"paginate": staticmethod(lambda: pages)})
        return type("Client", (), {"get_paginator": staticmethod(lambda _: paginator)})

    def _told(self, file: Path) -> dict[str, str]:
        nested = {"ParentId": "arn:parent"} if file.name == "nested" else {}
        when = {"LastUpdatedTime": text} if (text := file.read_text()) else {}
        return {"StackName": file.name, "StackId": f"id-{file.name}", "StackStatus": "CREATE_COMPLETE"} | when | nested


@pytest.fixture
def job(tmp_path: Path) -> Job:
    for name in ("service", "stacks"):
        (tmp_path / name).mkdir()
    (tmp_path / "stacks" / "old").touch()
    (tmp_path / "stacks" / "changed").touch()
    endpoint = Stacks(target="localstack", url="http://127.0.0.1:1", region=str(tmp_path / "stacks"))
    places = Places(
        service=tmp_path / "service", cache=tmp_path / "cache", state=tmp_path / "state", runs=tmp_path / "runs"
    )
    return Job(endpoint=endpoint, stage="qa", places=places, log=tmp_path / "log")


def says(job: Job, command: str) -> None:
    (job.places.service / "taskguard.toml").write_text(f"[service]\ndeploy = '''{command}'''\n")


def test_the_stacks_that_it_made_or_changed_are_the_service(job: Job) -> None:
    says(job, 'cd "$AWS_REGION" && touch new nested && echo 2 > changed')
    assert chosen(job.places.service).name is DeployerName.COMMAND
    assert sorted(Command().deploy(job).stack_name.split(", ")) == ["changed", "new"]


def test_without_a_stack_what_no_stack_has_is_the_service(job: Job) -> None:
    says(job, "true")
    assert Command().deploy(job).stack_name == NO_STACK


def test_it_runs_in_a_copy_with_the_engine_in_its_environment_and_nothing_of_the_users(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    says(job, "env > made-here; cat made-here")
    Command().deploy(job)
    assert [each.name for each in job.places.service.iterdir()] == ["taskguard.toml"]
    assert job.log is not None
    told = dict(line.split("=", 1) for line in job.log.read_text().splitlines() if line.startswith(("AWS_", "TASKG")))
    assert told.pop("TASKGUARD_STAGE") == "qa"
    assert (told["AWS_ENDPOINT_URL"], told["AWS_ACCESS_KEY_ID"], told["AWS_CONFIG_FILE"]) == (
        "http://127.0.0.1:1",
        "test",
        os.devnull,
    )
    assert "AWS_PROFILE" not in told


def test_what_fails_says_its_end_and_where_all_of_it_is(job: Job) -> None:
    says(job, "echo cannot find it >&2; exit 3")
    with pytest.raises(DeploymentError, match=r"(?s)`echo cannot.*failed.*  cannot find it\nAll of it is in .*log"):
        Command().deploy(job)


def test_what_fails_is_shown_without_colours(job: Job) -> None:
    says(job, "printf '\\033[31m\\033[1mno\\033[0m provider\\n'; exit 1")
    with pytest.raises(DeploymentError, match=r"\n  no provider\n"):
        Command().deploy(job)


def test_what_a_command_did_cannot_be_undone_here(job: Job) -> None:
    for undo in (Command().name_of, Command().remove):
        with pytest.raises(DeploymentError, match=r"Use an engine of TaskGuard's own|Remove it as you made it"):
            undo(job)
