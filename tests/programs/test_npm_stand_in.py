"""What plugins get that call npm while a service is packaged: the packages that are installed, without a registry."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from taskguard.places import DATA

FILES = DATA / "serverless" / "theirs"


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A copy of a service with packages, and a folder of a plugin's below it that asks for one of them."""
    folder = tmp_path / "service"
    packages = {"a": {"dependencies": {"b": "1"}}, "b": {}, "c": {}, "a/node_modules/d": {}}
    for name, manifest in packages.items():
        (folder / "node_modules" / name).mkdir(parents=True)
        (folder / "node_modules" / name / "package.json").write_text(json.dumps({"name": name, **manifest}))
    for name in ("taskguard.npm.cjs", "taskguard.bundle.cjs"):
        (folder / name).write_bytes((FILES / name).read_bytes())
    asks(folder / ".webpack", "a")
    return folder


def asks(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text(json.dumps({"dependencies": dict.fromkeys(names, "*")}))


def called(service: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The program called in ``folder``; npm itself says what it was asked for."""
    programs, npms = service.parent / "programs", service.parent / "npms"
    for each, text in ((programs, f'exec node {service}/taskguard.npm.cjs "$@"'), (npms, 'echo "npm $*"; exit 7')):
        each.mkdir(exist_ok=True)
        (each / "npm").write_text(f"#!/bin/sh\n{text}\n")
        (each / "npm").chmod(0o755)
    environment = {
        "PATH": os.pathsep.join([str(programs), str(npms), os.environ["PATH"]]),
        "TASKGUARD_PROGRAMS": str(programs),
        "TASKGUARD_WRAPPER": json.dumps({"cli": str(service)}),
    }
    return subprocess.run(["npm", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def packages_in(folder: Path) -> list[str]:
    modules = folder / "node_modules"
    return sorted(file.parent.relative_to(modules).as_posix() for file in modules.rglob("package.json"))


def test_what_is_installed_below_a_service_is_what_is_asked_for_and_what_that_needs(service: Path) -> None:
    assert called(service, service / ".webpack", "install", "--ignore-scripts").returncode == 0
    assert packages_in(service / ".webpack") == ["a", "a/node_modules/d", "b"]
    asks(service / ".webpack", "b")
    assert called(service, service / ".webpack", "prune").returncode == 0
    assert packages_in(service / ".webpack") == ["b"]


@pytest.mark.parametrize("words", [["ls", "--json"], ["install", "another"], []])
def test_anything_else_is_for_npm_itself(service: Path, words: list[str]) -> None:
    done = called(service, service / ".webpack", *words)
    assert (done.returncode, done.stdout.split()) == (7, ["npm", *words])


def test_what_is_not_there_is_for_npm_itself_too(service: Path) -> None:
    asks(service / ".webpack", "a", "missing")
    assert called(service, service / ".webpack", "install").returncode == 7
    assert called(service, service, "install").returncode == 7, "the service's own packages are not touched"
