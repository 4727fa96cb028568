"""What is said of LocalStack's container in several places is the same in each."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from localstack.utils.container_utils.container_client import Util
from taskguard.engine import container
from taskguard.engine.settings import ENGINE_VARIABLES, LOCALSTACK_VARIABLES
from taskguard.places import DATA
from taskguard.targets.docker import PUBLIC_IMAGE, functions_flags

from tests.places import PROJECT

COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["localstack"]


def with_defaults(text: str) -> str:
    """As compose reads it in an empty environment."""
    return re.sub(r"\$\{\w+:-([^}]*)}", r"\1", text)


def test_compose_starts_the_release_and_settings_that_the_target_starts() -> None:
    assert with_defaults(COMPOSE["image"]) == PUBLIC_IMAGE
    settings = {name: with_defaults(value) for name, value in COMPOSE["environment"].items()}
    assert settings == {**LOCALSTACK_VARIABLES, "LOCALSTACK_HOST": "127.0.0.1:4566"}


def test_it_is_the_release_that_runs_as_a_process_too() -> None:
    version = metadata.version("localstack-core")
    assert PUBLIC_IMAGE.endswith(f":{version}")
    assert f"localstack-core=={version} " in (DATA / "engine.txt").read_text()
    assert f"IMAGE=taskguard/localstack-stand-in:{version}\n" in (PROJECT / "image" / "build-stand-in.sh").read_text()


def test_compose_publishes_to_the_loopback_address_alone() -> None:
    assert [with_defaults(port) for port in COMPOSE["ports"]] == ["127.0.0.1:4566:4566"]


def test_localstack_labels_the_functions_containers_as_told() -> None:
    labels = Util.parse_additional_flags(functions_flags("taskguard-1")).labels
    assert labels == {"taskguard.instance": "taskguard-1"}


def test_the_stand_ins_engine_heeds_the_containers_settings_and_stays_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    become: list[tuple[Sequence[str], Mapping[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda _, command, environment: become.append((command, environment)))
    monkeypatch.setenv("SQS_ENDPOINT_STRATEGY", "standard")
    monkeypatch.setenv("GATEWAY_SERVER", "hypercorn")
    # Any port that is free.
    monkeypatch.setattr(container, "_PORT", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    container.main()
    ((command, environment),) = become
    assert command[1:] == ["-m", "taskguard.engine"]
    assert environment["SQS_ENDPOINT_STRATEGY"] == "standard"
    assert environment.items() >= ENGINE_VARIABLES.items()
    settings: Any = json.loads(environment["TASKGUARD_ENGINE"])
    assert (settings["owner_pid"], settings["recording"]) == (0, None)
    assert list(settings["runtimes"]) == ["python3.13"]
    assert settings["listener"] >= 0
