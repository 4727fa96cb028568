"""Targets by name, and instances found again from what they wrote of themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from taskguard.targets.localstack import LocalStack, LocalStackInstance
from taskguard.targets.names import HELP, TargetName
from taskguard.targets.registry import TargetOptions, instance_from_json, make

INSTANCE = LocalStackInstance(
    pid=1,
    token="t",  # noqa: S106  # no secret
    port=4566,
    scratch="/scratch",
    folder="/folder",
    region="eu-central-1",
    runtime="Python 3.13",
)


def test_an_instance_is_found_again_by_what_it_wrote() -> None:
    assert instance_from_json(INSTANCE.to_json()) == INSTANCE
    assert json.loads(INSTANCE.to_json())["kind"] == "localstack"


def test_what_a_later_version_adds_does_no_harm() -> None:
    assert instance_from_json(json.dumps({**json.loads(INSTANCE.to_json()), "colour": "red"})) == INSTANCE


def _without(*names: str, **changed: Any) -> str:
    written = {**json.loads(INSTANCE.to_json()), **changed}
    return json.dumps({name: value for name, value in written.items() if name not in names})


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "7", '"localstack"', "{}", _without("kind"), _without("pid"), _without(kind="other")],
)
def test_what_is_no_instance_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        instance_from_json(text)


def test_the_default_target_is_made_with_what_was_asked_for(tmp_path: Path) -> None:
    assert isinstance(make(TargetName.LOCALSTACK, TargetOptions(folder=tmp_path, cache=tmp_path)), LocalStack)


def test_what_is_running_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="running already"):
        make(TargetName.RUNNING, TargetOptions(folder=tmp_path, cache=tmp_path))


def test_each_target_says_what_it_is() -> None:
    assert set(HELP) == set(TargetName)
    assert all(HELP.values())
