"""The original Serverless CLI's last v3 release takes the same serverless.yml, and makes the same of it.

It is installed by name and version, into a folder that is kept between runs. It has known vulnerabilities, which is why it
packages here and deploys nowhere.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from tests.packaging.conftest import PACKAGINGS
from tests.packaging.support import Package, Packaging, read_package, try_to_package, without_network
from tests.packaging.test_archive import without_time
from tests.places import PROJECT, STATE

VERSION = "3.40.0"


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """The CLI and the plugin, installed."""
    plugin = json.loads((PROJECT / "package.json").read_text())["dependencies"]["serverless-python-requirements"]
    folder = STATE / f"serverless-{VERSION}-{plugin}"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / ".ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            (folder / "package.json").write_text("{}")
            packages = (f"serverless@{VERSION}", f"serverless-python-requirements@{plugin}")
            quietly = ("--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
            result = subprocess.run(
                ["npm", "install", *quietly, *packages], cwd=folder, capture_output=True, text=True, check=False
            )
            if result.returncode:
                without_network(f"serverless@{VERSION}", result.stderr)
            (folder / ".ready").touch()
    return folder / "node_modules"


@pytest.fixture(scope="module")
def by_v3(node_modules: Path, packages: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Package, str]:
    """What the original CLI packaged, and what it said. Nobody is logged in."""
    folder = tmp_path_factory.mktemp("v3") / "service"
    result = try_to_package(folder, Packaging(node_modules=node_modules))
    assert result.returncode == 0, result.stdout
    return read_package(folder), result.stdout


def test_original_cli_is_the_one_that_packages(node_modules: Path) -> None:
    installed = json.loads((node_modules / "serverless" / "package.json").read_text())
    assert (installed["name"], installed["version"]) == ("serverless", VERSION)


def test_template_is_the_same(by_v3: tuple[Package, str], default: Package) -> None:
    assert json.loads(without_time(by_v3[0])) == json.loads(without_time(default))


def test_template_of_a_stage_that_wants_a_key_is_the_same(
    node_modules: Path, other_stage: Package, tmp_path: Path
) -> None:
    ours = PACKAGINGS["t1"]
    result = try_to_package(tmp_path / "service", replace(ours, node_modules=node_modules))
    assert result.returncode == 0, result.stdout
    theirs = json.loads(without_time(read_package(tmp_path / "service")))
    assert theirs == json.loads(without_time(other_stage))
    assert theirs["Outputs"]["ApiAuth"]["Value"] == "apiKey"


def test_it_does_not_go_to_an_engine_so_that_its_stages_want_a_key(node_modules: Path, tmp_path: Path) -> None:
    engine = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    options = replace(PACKAGINGS["t1"], environment=engine, node_modules=node_modules)
    result = try_to_package(tmp_path / "service", options)
    assert result.returncode == 0, result.stdout
    assert read_package(tmp_path / "service").template["Outputs"]["ApiAuth"]["Value"] == "apiKey"


def test_archive_holds_the_same_files(by_v3: tuple[Package, str], default: Package) -> None:
    theirs, ours = ({(e.filename, e.CRC, e.external_attr) for e in p.entries} for p in (by_v3[0], default))
    assert theirs == ours


def test_nothing_but_the_runtime_is_new_to_it(by_v3: tuple[Package, str]) -> None:
    # Python 3.13 came after its last release: it says so, and passes the name on.
    warnings = re.findall(r"^  at '(.+?)'", by_v3[1], re.MULTILINE)
    assert warnings == ["provider.runtime"]
