"""A package of changed code or with another seed, made without the CLI, is the one that the CLI would make."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.serverless import ours
from taskguard.service.deployers.serverless.packages import Packages
from taskguard.service.deployers.serverless.publishing import Package, template_in
from taskguard.service.files import OUR_FILES
from taskguard.service.ours import SEED
from taskguard.targets.base import Endpoint

from tests.places import PLACES, PROJECT


def test_a_package_with_its_seed_put_in_is_what_the_cli_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint(target="localstack", url="http://127.0.0.1:1", region="eu-central-1")
    seed = 'a "seed" \\ ä'
    job = Job(endpoint=endpoint, stage="dev", places=PLACES, parameters={SEED: seed})
    monkeypatch.setattr(ours, "Packages", lambda _: Packages(tmp_path / "kept"))
    with ours.packaged(job) as package:
        put_in = _found(package)
    made = tmp_path / "made"
    made.mkdir()
    ours.with_the_cli(job, "package", made)
    assert json.dumps(seed) in put_in[0]
    assert put_in == _found(replace(package, folder=made))


def test_a_renewed_package_is_what_the_cli_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = tmp_path / "service"
    service.mkdir()
    for name in OUR_FILES:
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copyfile
        copy(PROJECT / name, service / name)
    endpoint = Endpoint(target="localstack", url="http://127.0.0.1:1", region="eu-central-1")
    job = Job(endpoint=endpoint, stage="dev", places=replace(PLACES, service=service))
    calls, with_the_cli = list[str](), ours.with_the_cli

    def counted(job: Job, doing: str, folder: Path) -> None:
        calls.append(doing)
        with_the_cli(job, doing, folder)

    def packaged(kept: str) -> tuple[str, dict[str, tuple[int, str]]]:
        monkeypatch.setattr(ours, "Packages", lambda _: Packages(tmp_path / kept))
        with ours.packaged(job) as package:
            return _found(package)

    monkeypatch.setattr(ours, "with_the_cli", counted)
    before = packaged("one")
    (service / "handlers" / "backoff.py").write_text("WAITS = [1]\n")
    renewed = packaged("one")
    assert calls == ["package"]
    assert renewed != before
    assert renewed == packaged("another")
    assert calls == ["package", "package"]


def _found(package: Package) -> tuple[str, dict[str, tuple[int, str]]]:
    """The template without the time, and of each file its mode and digest."""
    template = re.sub(r"\d+-[0-9TZ:.-]+/", "", json.dumps(template_in(package.folder), sort_keys=True))
    template = re.sub(r"(ApiGatewayDeployment)\d+", r"\1", template)
    with zipfile.ZipFile(package.folder / "TaskGuard.zip") as archive:
        files = {
            each.filename: (each.external_attr, hashlib.sha256(archive.read(each)).hexdigest())
            for each in archive.infolist()
        }
    return template, files
