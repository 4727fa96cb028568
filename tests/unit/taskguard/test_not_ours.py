"""A service that is not ours: what it is not told, what is refused for it, and what it is handed in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from taskguard.contract.contract import Payload
from taskguard.contract.draws import Draws
from taskguard.ingress.load import load_of
from taskguard.ingress.workload import tasks
from taskguard.places import Places
from taskguard.run.stages import WantedStage
from taskguard.service.ours import ApiAuth, is_ours

from tests.places import PROJECT
from tests.terms import demanding, our_terms
from tests.unit.taskguard.cli_support import Command


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "serverless.yml").write_text("service: theirs\n")
    return folder


def wanted(service: Path) -> WantedStage:
    return WantedStage(places=Places.of(service), stage=None, seed="s", rate=0.5, api_auth=ApiAuth.IAM)


def test_our_service_takes_its_parameters_and_is_judged_by_its_draws() -> None:
    assert is_ours(PROJECT)
    assert wanted(PROJECT).parameters() == {"failureSeed": "s", "failureRate": "0.5", "apiAuth": "iam"}
    assert wanted(PROJECT).terms().draws == Draws(seed="s", rate=0.5)


def test_another_gets_no_parameters_and_its_draws_are_not_known(theirs: Path) -> None:
    assert not is_ours(theirs)
    assert not is_ours(theirs / "nothing")
    assert wanted(theirs).parameters() == {}
    assert wanted(theirs).terms().draws == Draws()


@pytest.mark.parametrize(
    "given", [("--seed", "s"), ("--rate", "0.1"), ("--api-auth", "iam"), ("--seed", "s", "--rate", "1")]
)
@pytest.mark.parametrize("command", ["grade", "up"])
def test_what_only_ours_can_be_told_is_refused(
    taskguard: Command, theirs: Path, command: str, given: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskguard.service.deployers.serverless.deployer.serverless_cli", lambda _: None)
    ended = taskguard(command, theirs, *given)
    assert (ended.status, f"{given[0]}" in ended.says) == (64, True)
    assert "only TaskGuard's example service, and copies of it, can be told that" in ended.says


def test_it_is_graded_only_where_there_is_a_flight_recorder(taskguard: Command, theirs: Path) -> None:
    ended = taskguard("grade", theirs, "--target", "ministack")
    assert (ended.status, "only the example service leaves evidence there" in ended.says) == (64, True)


def test_payloads_hold_nothing_that_some_language_s_json_does_not_keep() -> None:
    portable = [task.payload for task in tasks("seed", 40, exact_numbers=False)]
    assert any(isinstance(number, float) for payload in portable for number in numbers_in(payload))
    for payload in portable:
        for number in numbers_in(payload):
            assert abs(number) < 2**53
            assert not (isinstance(number, float) and number.is_integer()), payload
        assert json.loads(json.dumps(payload)) == payload
    exact = [number for task in tasks("seed", 40) for number in numbers_in(task.payload)]
    assert any(isinstance(number, float) and number.is_integer() for number in exact)
    assert any(abs(number) > 2**53 for number in exact)


def test_the_tasks_are_the_same_ones_but_for_their_numbers() -> None:
    exact = our_terms(rate=0.0)
    portable = msgspec.structs.replace(exact, contract=demanding(payload=Payload(numbers="json")))
    load = load_of("seed", 12, portable)
    assert load.task_ids == load_of("seed", 12, exact).task_ids
    assert {task.task_id: task.payload for task in load.tasks if not task.chosen} == {
        task.task_id: task.payload for task in tasks("seed", 12, exact_numbers=False)
    }


def numbers_in(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers_in(item)]
    if isinstance(value, list):
        return [number for item in value for number in numbers_in(item)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []
