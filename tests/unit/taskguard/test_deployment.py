"""Deploying with a Serverless CLI that is a script of these tests, and reading the stack back."""

from __future__ import annotations

import json
import os
import shlex
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError
from taskguard.errors import DeploymentError, SetupError
from taskguard.places import Places
from taskguard.service.building import View
from taskguard.service.deployers.serverless import deployer
from taskguard.service.deployment import deploy, get_ready, name_of, read_stack, remove
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for

from tests.unit.taskguard.fake_platform import ours
from tests.unit.taskguard.fake_serverless import STATE, Cli


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    folder = tmp_path / "node_modules" / ".bin"
    folder.mkdir(parents=True)
    cli = Cli(folder)
    monkeypatch.setattr(deployer, "publish", lambda _, package: cli.published.append(package))
    for module in ("calls", "ours", "theirs"):
        monkeypatch.setattr(f"taskguard.service.deployers.serverless.{module}.serverless_cli", lambda _: cli.path)
    # Otherwise each test would install pip into a cache of its own.
    monkeypatch.setattr("taskguard.service.deployers.serverless.calls.python_with_pip", lambda cache: cache / "python")
    monkeypatch.setattr("taskguard.service.deployers.serverless.calls.view_of_pip", lambda _: View())
    return cli


@pytest.fixture
def places(service: Path, tmp_path: Path) -> Places:
    return Places(service=service, cache=tmp_path / "cache", state=tmp_path / "state", runs=tmp_path / "runs")


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A service's folder, with what a deploy needs and what it must not take along."""
    service = tmp_path / "service"
    for name in (
        "serverless.yml",
        "package.json",
        "handlers/submit_task.py",
        "handlers/__pycache__/submit_task.cpython-311.pyc",
        "handlers/old.pyc",
        "serverless/package.cjs",
        "node_modules/heavy/index.js",
        ".env",
        "tests/test_all.py",
    ):
        file = service / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (service / "serverless.yml").write_text("rate: ${param:failureRate, '0.3'}")
    return service


def test_a_stack_that_is_not_there_is_named_with_what_to_do() -> None:
    with pytest.raises(DeploymentError) as failure:
        read_stack(ours(), "dev")
    assert "TaskGuard-dev" in str(failure.value)
    assert "http://127.0.0.1:1" in str(failure.value)
    assert "taskguard up" in str(failure.value)


def test_an_engine_that_is_gone_is_an_error_of_the_deployment() -> None:
    with pytest.raises(DeploymentError, match="Could not connect"):
        read_stack(ours(error=EndpointConnectionError(endpoint_url="http://127.0.0.1:1")), "qa")


@pytest.mark.parametrize(
    ("url", "called", "seed"),
    [("http://127.0.0.1:1", "package", "seed-of-the-failures"), (None, "deploy", "a b")],
    ids=["engine", "AWS"],
)
def test_a_deploy_hands_over_stage_region_and_parameters(
    cli: Cli, places: Places, url: str | None, called: str, seed: str
) -> None:
    stack = deploy(ours(url=url), "qa", places=places, parameters={"failureSeed": "a b", "failureRate": "0.5"})
    assert stack == read_stack(ours(url=url), "qa")
    parameters = [f"--param=failureSeed={seed}", "--param=failureRate=0.5"]
    command, package, folder, *rest = cli.heard()["arguments"]
    assert (command, package) == (called, "--package")
    assert [each.stack_name for each in cli.published] == (["TaskGuard-qa"] if url else []), "an engine needs no CLI"
    assert not Path(folder).exists()
    assert rest == [*parameters, "--stage", "qa", "--region", "eu-west-1"]
    assert cli.heard()["input"] == ""


def test_a_package_is_made_anew_when_a_variable_that_the_service_reads_has_changed(
    cli: Cli, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = places.service.parent / "calls"
    cli.does(f'echo "$1" >>"{calls}"; printf %s "$STATE" >"$3/serverless-state.json"')
    (places.service / "serverless.yml").write_text("rate: ${param:failureRate}\nlimit: ${env:LIMIT, '1'}")
    for port, limit, other in ((1, "1", "a"), (2, "1", "b"), (2, "2", "b")):
        monkeypatch.setenv("LIMIT", limit)
        monkeypatch.setenv("OTHER", other)
        deploy(ours(url=f"http://127.0.0.1:{port}"), "qa", places=places)
    assert calls.read_text().split() == ["package", "package"]
    assert len(cli.published) == 3


def test_a_package_serves_each_seed(cli: Cli, places: Places) -> None:
    calls = places.service.parent / "calls"
    cli.does(f'echo "$1" >>"{calls}"; printf %s "$STATE" >"$3/serverless-state.json"')
    for seed, rate in (("a", "0.5"), ("b", "0.5"), ("b", "0.25")):
        parameters = {"failureSeed": seed, "failureRate": rate}
        deploy(ours(url="http://127.0.0.1:1"), "qa", places=places, parameters=parameters)
    assert calls.read_text().split() == ["package", "package"]
    assert len(cli.published) == 3


def test_an_abandoned_deploy_is_not_begun(cli: Cli, places: Places) -> None:
    abandoned = threading.Event()
    abandoned.set()
    with pytest.raises(DeploymentError, match="was not begun: the run was interrupted"):
        deploy(ours(), "qa", places=places, abandoned=abandoned)
    assert not cli.was_called


def test_a_deploy_that_is_abandoned_while_its_cli_starts_is_ended(cli: Cli, places: Places) -> None:
    class Late(threading.Event):
        """Set between the first look and the next one."""

        def is_set(self) -> bool:
            was = super().is_set()
            self.set()
            return was

    cli.path.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(DeploymentError, match="failed"):
        deploy(ours(), "qa", places=places, abandoned=Late())


def test_a_cli_that_does_not_end_is_ended_at_its_deadline_and_its_log_is_written_as_it_comes(
    cli: Cli, places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "logs" / "deploy.log"
    # It goes on as soon as it has seen its own words in the log.
    cli.path.write_text(
        f'#!/bin/sh\necho looking\nuntil grep -q looking "{log}"; do sleep 0.01; done\necho found\nexec sleep 600\n'
    )

    class Clock:
        """Stands in for the module ``time``: the deadline has passed once the log has its last words."""

        @staticmethod
        def monotonic() -> float:
            return 1002.6 if log.exists() and "found" in log.read_text() else 1000.0

    monkeypatch.setattr("taskguard.service.deployers.commands.time", Clock)
    monkeypatch.setenv("TASKGUARD_DEPLOY_SECONDS", "2.5")
    with pytest.raises(DeploymentError, match=r"had not ended after 2\.5 s") as late:
        deploy(ours(), "qa", places=places, log=log)
    assert "TASKGUARD_DEPLOY_SECONDS" in str(late.value)
    assert "found" in str(late.value)
    assert log.read_text() == "looking\nfound\n"


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_deadline_that_is_none_is_refused(places: Places, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TASKGUARD_DEPLOY_SECONDS", text)
    with pytest.raises(SetupError, match=f"TASKGUARD_DEPLOY_SECONDS: '{text}'"):
        deploy(ours(), "qa", places=places)


def test_what_the_cli_leaves_behind_does_not_hold_up_its_end(cli: Cli, places: Places) -> None:
    cli.does('sleep 600 & printf %s "$STATE" >"$3/serverless-state.json"')
    began = time.monotonic()
    deploy(ours(), "qa", places=places)
    assert time.monotonic() - began < 60


def test_whatever_the_locale_what_the_cli_says_is_read(cli: Cli, places: Places, tmp_path: Path) -> None:
    cli.path.write_text("#!/bin/sh\nprintf 'd\\303\\251ploy\\377\\n'\nexit 1\n")
    with pytest.raises(DeploymentError, match="déploy\ufffd"):
        deploy(ours(), "qa", places=places)


def test_a_disk_without_room_for_the_log_is_named(cli: Cli, places: Places, tmp_path: Path) -> None:
    log = tmp_path / "deploy.log"
    log.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as full:
        deploy(ours(), "qa", places=places, log=log)
    assert full.value.filename == str(log)


def test_only_the_deploy_that_is_abandoned_is_ended(cli: Cli, places: Places, tmp_path: Path) -> None:
    begun, go_on = tmp_path / "begun", tmp_path / "go-on"
    begun.mkdir()
    cli.does(
        f'[ $1 = deploy ] || {{ printf %s "$STATE" >"$3/serverless-state.json"; exit 0; }}\n'
        f': >"{begun}/$$"\nuntil [ -e "{go_on}" ]; do sleep 0.05; done'
    )
    abandoned = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        mine = pool.submit(deploy, ours(url=None), "qa", places=places, abandoned=abandoned)
        another = pool.submit(deploy, ours(url=None), "qa", places=places)
        try:
            wait_for(lambda: len(list(begun.iterdir())) == 2, seconds=10)
            abandoned.set()
            with pytest.raises(DeploymentError, match="failed"):
                mine.result(10)
        finally:
            go_on.touch()
        assert another.result(10).stage == "qa"


def test_a_removal_reads_nothing_back(cli: Cli, places: Places) -> None:
    remove(ours(url=None), "gone", places=places)
    assert cli.heard()["arguments"] == ["remove", "--stage", "gone", "--region", "eu-west-1"]


def test_the_cli_sees_none_of_the_user_s_aws_settings(
    cli: Cli, places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profiles = tmp_path / "profiles"
    profiles.write_text("[default]\naws_access_key_id = AKIAUSER\n")
    for name, value in {
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "AKIAUSER",
        "AWS_SECRET_ACCESS_KEY": "secret",  # pragma: allowlist secret
        "AWS_SESSION_TOKEN": "token",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_SQS": "https://elsewhere",
        "AWS_CONFIG_FILE": str(profiles),
        "AWS_SHARED_CREDENTIALS_FILE": str(profiles),
        "SLS_AWS_MONITORING_FREQUENCY": "9",
        "SLS_DEBUG": "*",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SOMETHING_ELSE", "stays")
    deploy(ours(), "qa", places=places)

    environment = cli.heard()["environment"]
    profile_files = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    aws = {n: v for n, v in environment.items() if n.startswith("AWS_") and n not in profile_files}
    assert aws == ours().environment()
    assert aws["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert cli.heard()["profiles"] == ["", ""]
    assert "SLS_DEBUG" not in environment
    assert environment["SLS_AWS_MONITORING_FREQUENCY"] != "9"
    assert (environment["SOMETHING_ELSE"], environment["PATH"]) == ("stays", os.environ["PATH"])


def test_the_cli_runs_in_a_copy_that_is_gone_afterwards(cli: Cli, places: Places) -> None:
    deploy(ours(), "qa", places=places)
    heard = cli.heard()
    assert heard["files"] == ["handlers/submit_task.py", "package.json", "serverless.yml", "serverless/package.cjs"]
    assert heard["node_modules"] == str(cli.path.parents[1]), "a link, not a copy"
    assert not Path(heard["folder"]).is_relative_to(places.service)
    assert not Path(heard["folder"]).exists()


def test_a_service_without_some_of_the_files_is_deployed_as_it_is(cli: Cli, places: Places, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "serverless.yml").write_text("rate: ${param:failureRate}")
    deploy(ours(), "qa", places=replace(places, service=bare))
    assert cli.heard()["files"] == ["serverless.yml"]


def test_a_failing_cli_is_an_error_with_the_end_of_what_it_said_and_where_the_rest_is(
    cli: Cli, places: Places, tmp_path: Path
) -> None:
    cli.ends_with(3, says="\n\n".join(f"line {number}" for number in range(100)))
    log = tmp_path / "logs" / "deploy.log"
    with pytest.raises(DeploymentError) as failure:
        deploy(ours(), "qa", places=places, log=log)
    message = str(failure.value)
    assert "`serverless package --stage qa` at http://127.0.0.1:1 failed" in message
    assert "line 99\n" in message
    assert "line 10\n" not in message
    assert "what went wrong" in message
    assert str(log) in message
    assert "line 0\n" in log.read_text()


def test_without_a_log_none_is_named(cli: Cli, places: Places) -> None:
    cli.ends_with(1)
    with pytest.raises(DeploymentError) as failure:
        deploy(ours(), "qa", places=places)
    assert "All of it is in" not in str(failure.value)
    assert not Path(cli.heard()["folder"]).exists()


def test_the_log_of_a_good_deploy_is_kept_and_added_to(cli: Cli, places: Places, tmp_path: Path) -> None:
    log = tmp_path / "deploy.log"
    for says in ("first", "second"):
        cli.ends_with(0, says=says)
        deploy(ours(url=None), "qa", places=places, log=log)
    told = [line for line in log.read_text().splitlines() if line in ("first", "second")]
    assert told == ["first", "first", "second"], "it was packaged once"


def test_a_folder_without_a_service_is_told_apart_from_a_service(places: Places, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"there is no serverless\.yml"):
        get_ready(replace(places, service=tmp_path))


def test_a_service_that_is_not_ours_is_packaged_with_all_its_files_but_what_is_made_of_them(
    cli: Cli, places: Places
) -> None:
    for name, text in {
        "serverless.yml": "service: theirs",
        "package.json": "{}",
        ".git/config": "",
        ".venv/lib.py": "",
        "runs/1/history.jsonl": "",
        "src/app.py": "",
    }.items():
        file = places.service / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    note = {
        "stackName": "TaskGuard-qa",
        "stage": "qa",
        "atDeploy": [],
        "keysBelow": "below",
        "parameters": {},
        "setAside": ["a", "b"],
    }
    cli.notes(note)
    assert deploy(ours(), None, places=places).set_aside == ("a", "b")
    assert [(package.stack_name, package.keys_below) for package in cli.published] == [("TaskGuard-qa", "below")]
    heard = cli.heard()
    assert heard["files"] == [
        ".env",
        "handlers/submit_task.py",
        "package.json",
        "serverless.taskguard.cjs",
        "serverless.yml",
        "serverless/package.cjs",
        "src/app.py",
        "taskguard.bundle.cjs",
        "taskguard.npm.cjs",
        "taskguard.plugin.cjs",
        "taskguard.sdk.cjs",
        "tests/test_all.py",
    ]
    assert heard["arguments"][0] == "package"
    assert heard["arguments"][3:5] == ["--config", "serverless.taskguard.cjs"]
    assert "--stage" not in heard["arguments"], "none was named: it is the service's own"


def test_variables_for_the_cli_are_taken_from_the_services_file_but_none_that_leads_elsewhere(
    cli: Cli, places: Places
) -> None:
    text = '[service.environment]\nRATE = "0.4"\nAWS_ENDPOINT_URL = "https://elsewhere"\n'
    (places.service / "taskguard.toml").write_text(text)
    deploy(ours(), "qa", places=places)
    environment = cli.heard()["environment"]
    assert (environment["RATE"], environment["AWS_ENDPOINT_URL"]) == ("0.4", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ({"stage": "qa"}, "theirs-qa"),
        ({"stage": "other"}, "theirs-other"),
        ({"stage": "qa", "stackName": "their-own"}, "their-own"),
        ({}, "theirs-qa"),
    ],
)
def test_a_stack_is_called_as_it_was_packaged(
    cli: Cli, places: Places, monkeypatch: pytest.MonkeyPatch, provider: dict[str, str], name: str
) -> None:
    state = json.dumps(json.loads(STATE) | {"service": {"service": "theirs", "provider": provider}})
    cli.does(f'printf %s {shlex.quote(state)} >"$3/serverless-state.json"')
    read: list[str] = []
    stack = read_stack(ours(), "qa")

    def discover(_: object, found: str, **_choices: object) -> Stack:
        read.append(found)
        return stack

    monkeypatch.setattr("taskguard.service.deployment.discover", discover)
    deploy(ours(), "qa", places=places)
    assert [*read, name_of(ours(), "qa", places=places)] == [name, name]
