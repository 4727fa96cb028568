"""Which lock file the packages of Node.js are installed by, and what is told of one that has no say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from taskguard.errors import SetupError
from taskguard.places import Places
from taskguard.service.deployers import dependencies
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.dependencies import Modules, node_modules
from taskguard.service.deployers.locks import Lock, lock_in
from taskguard.service.deployers.package_managers import PACKAGES, Manager, manager_for, prepare
from taskguard.targets.base import Endpoint

BERRY = '__metadata:\n  version: 8\n  cacheKey: 10c0\n\n"ms@npm:^2.0.0":\n  version: 2.1.1\n'
CLASSIC = "# yarn lockfile v1\n\n\nms@^2.0.0:\n  version 2.1.1\n"
TWO_DOCUMENTS = "---\nlockfileVersion: '6.0'\n---\nlockfileVersion: '9.0'\npnpmfileChecksum: abc\nimporters: {}\n"


def write(folder: Path, **files: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text('{"dependencies": {"ms": "^2.0.0"}}')
    for name, text in files.items():
        (folder / name.replace("__", "-").replace("_", ".")).write_text(text)


@pytest.mark.parametrize(
    ("files", "manager", "version"),
    [
        ({"package__lock_json": "{}"}, "npm", ""),
        ({"pnpm__lock_yaml": "lockfileVersion: '9.0'\n"}, "pnpm", "9"),
        ({"pnpm__lock_yaml": "lockfileVersion: 5.4\n"}, "pnpm", "5"),
        ({"pnpm__lock_yaml": TWO_DOCUMENTS}, "pnpm", "9"),
        ({"yarn_lock": CLASSIC}, "yarn", "1"),
        ({"yarn_lock": BERRY}, "yarn", "8"),
        ({"bun_lock": "{}", "yarn_lock": CLASSIC}, "bun", ""),
        ({"bun_lockb": "#!/usr/bin/env bun"}, "bun", ""),
        ({"package__lock_json": "{}", "yarn_lock": CLASSIC}, "npm", ""),
        (
            {"package__lock_json": "{}", "yarn_lock": BERRY, "package_json": '{"packageManager": "yarn@4.5.0+sha1.a"}'},
            "yarn",
            "8",
        ),
    ],
)
def test_whose_lock_it_is(tmp_path: Path, files: dict[str, str], manager: str, version: str) -> None:
    write(tmp_path, **files)
    lock = lock_in(tmp_path)
    assert lock is not None
    assert (lock.manager, lock.version) == (manager, version)


def test_each_manager_is_known_with_a_digest() -> None:
    known = json.loads(PACKAGES.read_text())
    assert known.keys() == {"pnpm", "yarn", "yarn-classic", "bun"}
    for each in known.values():
        assert all(package["integrity"].startswith("sha512-") for package in each["packages"].values())


def test_a_form_that_nobody_here_reads_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no pnpm is known here that reads a pnpm-lock\.yaml of version 99"):
        manager_for(Lock(tmp_path / "pnpm-lock.yaml", "pnpm", "99"), tmp_path)


def test_nothing_of_the_service_is_run_by_a_manager(tmp_path: Path) -> None:
    write(tmp_path, pnpm__lock_yaml=TWO_DOCUMENTS, _yarnrc_yml="nodeLinker: pnp\nyarnPath: y.cjs\nplugins: [p.cjs]\n")
    manifest = {"dependencies": {"ms": "^2.0.0"}, "scripts": {"prepare": "x"}, "engines": {"pnpm": "6"}}
    (tmp_path / "package.json").write_text(json.dumps(manifest | {"packageManager": "pnpm@6.0.0"}))
    for kind in ("pnpm", "yarn"):
        prepare(tmp_path, Manager(kind, (), tmp_path, kind))
    assert json.loads((tmp_path / "package.json").read_text()) == {"dependencies": {"ms": "^2.0.0"}}
    assert (tmp_path / "pnpm-lock.yaml").read_text() == "\nlockfileVersion: '9.0'\nimporters: {}\n"
    assert (tmp_path / ".yarnrc.yml").read_text() == "nodeLinker: pnp\n"


class Installing:
    """Installs without a package manager, and keeps the commands."""

    def __init__(self, folder: Path) -> None:
        places = Places(service=folder, cache=folder / "cache", state=folder / "state", runs=folder / "runs")
        endpoint = Endpoint(target="t", url="http://127.0.0.1:1", region="r")
        self.job = Job(endpoint=endpoint, stage="s", places=places)
        self.commands: list[list[str]] = []

    def run(self, _job: Job, command: Sequence[str], _folder: Path, *_: object, **__: object) -> None:
        self.commands.append(list(command))

    def installed(self, folder: Path, **files: str) -> Modules:
        write(folder, **files)
        return node_modules(self.job, folder / "package.json")


@pytest.fixture
def installing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installing:
    here = Installing(tmp_path)
    monkeypatch.setattr(dependencies, "run", here.run)
    monkeypatch.setattr(
        "taskguard.service.deployers.locks.tempfile", SimpleNamespace(gettempdir=lambda: tmp_path.parent)
    )
    monkeypatch.setattr(dependencies, "manager_for", manager)
    return here


def manager(lock: Lock, cache: Path) -> Manager:
    if lock.version == "99":
        raise SetupError("no pnpm reads it")
    return Manager("pnpm 10", ("node", "pnpm.cjs"), cache / "pnpm-10", "pnpm")


def test_a_lock_is_followed_by_the_manager_that_wrote_it(tmp_path: Path, installing: Installing) -> None:
    modules = installing.installed(tmp_path / "app", pnpm__lock_yaml="lockfileVersion: '9.0'\n")
    assert modules.set_aside == ()
    [words] = installing.commands
    assert words[:2] == ["node", "pnpm.cjs"]
    assert {"--frozen-lockfile", "--ignore-scripts", "--prod"} <= set(words)


def test_with_another_lock_it_is_another_install(tmp_path: Path, installing: Installing) -> None:
    texts = ("lockfileVersion: '9.0'\n", "lockfileVersion: '9.0'\n# other versions\n", "lockfileVersion: '9.0'\n")
    found = [installing.installed(tmp_path / "app", pnpm__lock_yaml=text).folder for text in texts]
    assert found[0] == found[2] != found[1]
    assert len(installing.commands) == 2


def test_a_lock_that_cannot_be_followed_is_told_with_what_was_done_instead(
    tmp_path: Path, installing: Installing
) -> None:
    modules = installing.installed(tmp_path / "app", pnpm__lock_yaml="lockfileVersion: '99'\n")
    assert modules.set_aside == (
        "app/pnpm-lock.yaml was not followed: no pnpm reads it; npm installed the newest versions that package.json allows",
    )
    assert installing.commands[0][:2] == ["npm", "install"]


def test_a_second_lock_is_told(tmp_path: Path, installing: Installing) -> None:
    modules = installing.installed(tmp_path / "app", package__lock_json="{}", yarn_lock=CLASSIC)
    assert modules.set_aside == ("app/yarn.lock has no say: packages were installed by package-lock.json beside it",)
    assert installing.commands[0][:2] == ["npm", "ci"]


def test_a_lock_of_a_workspace_above_is_told(tmp_path: Path, installing: Installing) -> None:
    write(tmp_path / "shop", yarn_lock=BERRY, package_json='{"workspaces": ["*"]}')
    modules = installing.installed(tmp_path / "shop" / "orders")
    assert modules.set_aside == (
        "orders/package.json has no lock file of its own, and yarn.lock above it has no say: npm installed the newest versions that "
        "package.json allows",
    )
    assert installing.installed(tmp_path / "app").set_aside == ()


def test_a_package_of_the_workspace_is_taken_from_there_anew_when_it_changes(
    tmp_path: Path, installing: Installing
) -> None:
    shop = tmp_path / "shop"
    write(shop, package_json='{"workspaces": ["*"]}')
    write(shop / "words", package_json='{"name": "words", "dependencies": {"ms": "^2.0.0"}}')
    (shop / "words" / "index.js").write_text("one")
    installing.job = replace(installing.job, places=replace(installing.job.places, service=shop / "orders"))

    def installed() -> Path:
        modules = installing.installed(
            shop / "orders", package_json='{"name": "orders", "dependencies": {"words": "*"}}'
        )
        assert modules.set_aside == ("words was taken from words, which lies beside the service in its workspace",)
        return modules.folder

    before = installed()
    assert (before / "words" / "index.js").read_text() == "one"
    assert json.loads((before.parent / "package.json").read_text())["dependencies"] == {"ms": "^2.0.0"}
    (shop / "words" / "index.js").write_text("two")
    assert (installed() / "words" / "index.js").read_text() == "two"
    assert [words[:2] for words in installing.commands] == [["npm", "install"]] * 2
