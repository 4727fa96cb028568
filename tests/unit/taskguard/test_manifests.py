"""What a run's manifest says of what was run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from taskguard import __version__
from taskguard.history import Manifest
from taskguard.run.manifests import digests_of_service, manifest_of
from taskguard.run.running import Run
from taskguard.targets.base import Endpoint

from tests.terms import our_terms
from tests.unit.taskguard.recorder_lines import STACK, function

FILES = {
    "serverless.yml": "service: TaskGuard  # ${param:failureRate}",
    "serverless/package.cjs": "module.exports = {}",
    "handlers/process_task.py": "pass",
    "handlers/deep/inside.py": "pass",
    "data/serverless/package-lock.json": "{}",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service of a few files, and the CLI's."""
    ours = tuple(tmp_path / "data" / "serverless" / name for name in ("package.json", "package-lock.json"))
    monkeypatch.setattr("taskguard.service.deployers.serverless.deployer.PACKAGE_FILES", ours)
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


class Functions:
    """GetFunctionConfiguration of functions with and without variables."""

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        return {"work": {"Environment": {"Variables": {"RATE": "0.5", "DELAY": "5"}}}, "dead": {}}[FunctionName]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed(Endpoint):
    """An endpoint with these functions."""

    def functions(self) -> Any:
        return Functions()


def manifest(*functions: str, seed: str | None = None) -> Manifest:
    endpoint = Deployed(
        target="localstack", url="http://x", region="eu-central-1", versions=(("localstack", "4.13.1"),)
    )
    expected = our_terms(seed=seed, rate=0.5)
    run = Run(endpoint=endpoint, stack=replace(STACK, functions=tuple(map(function, functions))), terms=expected)
    return manifest_of(run, 7, {"handlers": "0f"})


def test_it_tells_what_functions_ran_on_and_which_on_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "nodejs20.x": {"runs_on": "Node.js 20.20.2", "own": True},
        "nodejs16.x": {"runs_on": "Node.js 20.20.2", "own": False},
    }
    monkeypatch.setattr("taskguard.run.runtimes.answered", lambda _, __: told)
    endpoint = Deployed(target="localstack", url="http://x", region="eu-central-1", recording=Path("recording"))
    functions = (replace(function("work"), runtime="nodejs16.x"), replace(function("dead"), runtime="nodejs20.x"))
    run = Run(endpoint=endpoint, stack=replace(STACK, functions=functions), terms=our_terms(seed=None, rate=0.5))
    written = manifest_of(run, 7, {})
    assert (written.versions["nodejs16.x"], written.versions["nodejs20.x"]) == ("Node.js 20.20.2", "Node.js 20.20.2")
    assert list(map(str, written.stand_ins)) == ["Node.js 20.20.2 in place of nodejs16.x (work)"]


def changed(project: Path, before: Mapping[str, str]) -> set[str]:
    now = digests_of_service(project)
    return {name for name in now if now[name] != before[name]}


def test_it_tells_the_run(tmp_path: Path) -> None:
    told = manifest(seed="a seed")
    assert (told.taskguard_version, told.seed, told.rate, told.tasks) == (__version__, "a seed", 0.5, 7)
    assert (told.target, told.stage, told.region) == ("localstack", "dev", "eu-central-1")
    assert told.versions["localstack"] == "4.13.1"
    assert {"python", "boto3"} <= told.versions.keys()
    assert told.digests == {"handlers": "0f"}
    told.write(tmp_path / "manifest.json")
    assert Manifest.read(tmp_path / "manifest.json") == told


def test_it_tells_what_the_deployed_functions_were_told() -> None:
    told = manifest("work", "dead")
    assert told.settings == {"work": {"DELAY": "5", "RATE": "0.5"}, "dead": {}}
    assert manifest().settings == {}


def test_the_same_files_have_the_same_digests(project: Path) -> None:
    assert digests_of_service(project) == digests_of_service(project)
    assert digests_of_service(project).keys() == {"serverless.yml", "serverless", "handlers", "package-lock.json"}
    assert len(set(digests_of_service(project).values())) == 4


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_changes_its_digest_alone(project: Path, name: str) -> None:
    before = digests_of_service(project)
    (project / name).write_text("changed  # ${param:failureRate}")
    assert changed(project, before) == {name.split("/")[-1 if name.startswith("data/") else 0]}


def test_a_new_a_renamed_and_a_removed_file_change_the_digest(project: Path) -> None:
    before = digests_of_service(project)
    new = project / "handlers" / "new.py"
    new.touch()
    assert changed(project, before) == {"handlers"}
    with_new = digests_of_service(project)
    new.rename(project / "handlers" / "newer.py")
    assert changed(project, with_new) == {"handlers"}
    (project / "handlers" / "newer.py").unlink()
    assert changed(project, before) == set()


def test_bytes_moved_from_one_file_to_the_next_change_the_digest(project: Path) -> None:
    (project / "handlers" / "a.py").write_text("onetwo")
    (project / "handlers" / "b.py").write_text("")
    before = digests_of_service(project)
    (project / "handlers" / "a.py").write_text("one")
    (project / "handlers" / "b.py").write_text("two")
    assert changed(project, before) == {"handlers"}


def test_what_python_leaves_behind_does_not_change_it(project: Path) -> None:
    before = digests_of_service(project)
    for folder in ("handlers/__pycache__", "handlers/deep/__pycache__"):
        (project / folder).mkdir()
        (project / folder / "process_task.cpython-311.pyc").write_bytes(b"\0")
    assert changed(project, before) == set()
