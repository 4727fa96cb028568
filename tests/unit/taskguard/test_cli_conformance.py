"""``taskguard conformance``: what it shows, what it writes, how it ends, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from taskguard.cli import conformance
from taskguard.conformance import running
from taskguard.conformance.behaviour import Behaviour, Outcome, Result
from taskguard.targets.base import Endpoint, Instance, Target
from taskguard.targets.names import TargetName
from taskguard.targets.registry import TargetOptions

from tests.unit.taskguard.cli_support import Command


class Engine(Target[Instance]):
    """One that is there at once."""

    def __init__(self, name: TargetName) -> None:
        self.endpoint = Endpoint(target=name, url="http://127.0.0.1:9", region="r", versions=(("engine", "1"),))

    def start(self) -> Endpoint:
        return self.endpoint


Made = list[tuple[TargetName, TargetOptions]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """The targets that are made; on each, the behaviour `purge` is wrong and all others are right."""
    made: Made = []

    def make(name: TargetName, options: TargetOptions) -> Engine:
        made.append((name, options))
        return Engine(name)

    def try_all(behaviours: Sequence[Behaviour], _: Endpoint, tell: Callable[[Result], None]) -> list[Result]:
        results = [
            Result(id=one.id, outcome=Outcome.WRONG, seen="2 left")
            if one.id == "purge"
            else Result(id=one.id, outcome=Outcome.RIGHT)
            for one in behaviours
        ]
        for each in results:
            tell(each)
        return results

    monkeypatch.setattr(conformance, "make", make)
    monkeypatch.setattr(running, "try_all", try_all)
    return made


def test_it_shows_what_came_of_each_and_fails_when_one_is_wrong(taskguard: Command, made: Made, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    ended = taskguard("conformance", "--only", "tags", "--only", "purge", "--json", str(file))
    assert ended.status == 1
    lines = [line.split(maxsplit=2) for line in ended.out.splitlines()]
    assert ["tags", "right"] in lines
    assert ["purge", "wrong", "2 left"] in lines
    assert ended.out.endswith("localstack (engine 1): 1 right, 1 wrong.\n")
    document = json.loads(file.read_text())
    assert [each["outcome"] for each in document["behaviours"]] == ["right", "wrong"]


def test_the_default_target_runs_fast_and_others_do_not(taskguard: Command, made: Made) -> None:
    assert taskguard("conformance", "--only", "tags").status == 0
    assert taskguard("conformance", "--only", "tags", "--target", "ministack").status == 0
    assert [(name, options.clock_scale) for name, options in made] == [
        (TargetName.LOCALSTACK, 60.0),
        (TargetName.MINISTACK, 1.0),
    ]


def test_an_address_is_that_of_an_engine_that_runs(taskguard: Command, made: Made) -> None:
    assert taskguard("conformance", "--only", "tags", "--endpoint-url", "http://127.0.0.1:4566").status == 0
    ((name, options),) = made
    assert (name, options.endpoint_url) == (TargetName.ENDPOINT, "http://127.0.0.1:4566")


def test_on_aws_it_says_what_it_costs_and_wants_to_be_told(taskguard: Command, made: Made) -> None:
    ended = taskguard("conformance", "--target", "aws")
    assert ended.status == 64
    assert "requests to SQS" in ended.out
    assert "--yes" in ended.err
    assert not made
    ended = taskguard("conformance", "--target", "aws", "--yes", "--only", "tags")
    assert ended.status == 0
    assert "at list prices" in ended.out


@pytest.mark.parametrize("wrong", [["--only", "tag"], ["--target", "running"]])
def test_what_makes_no_sense_is_refused(taskguard: Command, made: Made, wrong: list[str]) -> None:
    assert taskguard("conformance", *wrong).status == 64
    assert not made
