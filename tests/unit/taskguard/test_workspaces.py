"""Which packages of a workspace a service needs, by its files alone; and what is left to ask a registry for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from taskguard.service.deployers.workspaces import members_beside, members_named, patterns_in, without_members

SERVICE: dict[str, Any] = {
    "name": "service",
    "dependencies": {"@acme/shared": "workspace:*", "uuid": "^9.0.0"},
    "devDependencies": {"@acme/tools": "*", "esbuild": "^0.25.0"},
}
PACKAGES: dict[str, dict[str, Any]] = {
    "packages/service": SERVICE,
    "packages/shared": {
        "name": "@acme/shared",
        "dependencies": {"@acme/words": "^1.0.0", "zod": "^3.0.0", "uuid": "^8.0.0"},
    },
    "packages/words": {"name": "@acme/words", "devDependencies": {"vitest": "*"}},
    "packages/old": {"name": "@acme/old"},
    "packages/shared/node_modules/zod": {"name": "zod"},
    "tools": {"name": "@acme/tools"},
    "apart": {"name": "uuid"},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, manifest in PACKAGES.items():
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "package.json").write_text(json.dumps(manifest))
    return tmp_path


def declare(root: Path, how: str) -> None:
    patterns = ["packages/*", "./tools/", "!packages/old"]
    if how == "pnpm":
        (root / "pnpm-workspace.yaml").write_text(json.dumps({"packages": patterns}))
    else:
        told = {"packages": patterns} if how == "yarn" else patterns
        (root / "package.json").write_text(json.dumps({"private": True, "workspaces": told}))


@pytest.mark.parametrize("how", ["npm", "yarn", "pnpm"])
def test_the_packages_of_a_workspace_are_those_that_its_root_declares(root: Path, how: str) -> None:
    declare(root, how)
    found = members_beside(root / "packages" / "service")
    assert {name: each.relative_to(root).as_posix() for name, each in found.items()} == {
        "service": "packages/service",
        "@acme/shared": "packages/shared",
        "@acme/words": "packages/words",
        "@acme/tools": "tools",
    }
    assert members_beside(root / "apart") == {}, "it lies there, and is none of them"


def test_where_no_root_declares_one_there_is_no_workspace(root: Path) -> None:
    assert patterns_in(root) is None
    assert members_beside(root / "packages" / "service") == {}


def test_a_link_that_leads_out_of_the_workspace_is_no_package_of_it(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    declare(root, "npm")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "package.json").write_text('{"name": "secret"}')
    (root / "packages" / "secret").symlink_to(elsewhere)
    assert "secret" not in members_beside(root / "packages" / "service")


def test_what_is_needed_is_taken_from_the_workspace_and_what_that_needs_from_registries(root: Path) -> None:
    declare(root, "npm")
    needed = members_named(SERVICE, members_beside(root / "packages" / "service"))
    assert sorted(needed) == ["@acme/shared", "@acme/tools", "@acme/words"]
    left = without_members(SERVICE, needed)
    assert left["dependencies"] == {"uuid": "^9.0.0", "zod": "^3.0.0"}
    assert left["devDependencies"] == {"esbuild": "^0.25.0"}
    assert left["name"] == "service"
