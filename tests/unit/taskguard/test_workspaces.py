"""Which packages of a workspace a service needs, by its files alone; and what is left to ask a registry for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from taskguard.errors import DeploymentError
from taskguard.places import Places
from taskguard.service.deployers.base import Job, copied_in, scratch_copy, scratch_of
from taskguard.service.deployers.workspaces import (
    members_beside,
    members_named,
    patterns_in,
    with_those_of_root,
    without_catalogs,
    without_members,
)
from taskguard.targets.base import Endpoint

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


def job(service: Path) -> Job:
    return Job(
        endpoint=Endpoint(target="t", url="http://127.0.0.1:1", region="r"), stage=None, places=Places.of(service)
    )


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


def test_what_the_root_needs_is_there_too_in_the_packages_own_versions_first(root: Path) -> None:
    told = {
        "workspaces": [],
        "devDependencies": {"esbuild": "^0.1.0", "serverless-esbuild": "^1.0.0"},
        "dependencies": {"uuid": "*"},
    }
    (root / "package.json").write_text(json.dumps(told))
    both = with_those_of_root(SERVICE, root)
    assert both["dependencies"] == SERVICE["dependencies"]
    assert both["devDependencies"] == {**SERVICE["devDependencies"], "serverless-esbuild": "^1.0.0"}


def test_a_service_that_names_what_lies_outside_is_copied_with_its_workspace(root: Path) -> None:
    declare(root, "npm")
    files = {
        "libs/respond.ts": "",
        "packages/service/src/api.ts": "import { respond } from '../../../libs/respond';",
        "packages/service/src/runs/one.ts": "",
        "packages/service/runs/graded.json": "",
        "packages/service/node_modules/made/index.js": "",
        ".git/config": "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with scratch_copy(job(root / "packages" / "service")) as copy:
        whole = copied_in(scratch_of(copy))
        assert copy == whole / "packages" / "service"
        found = {file.relative_to(whole).as_posix() for file in whole.rglob("*") if file.is_file()}
    assert {"libs/respond.ts", "packages/shared/package.json", "packages/service/src/runs/one.ts"} <= found
    assert not {
        each for each in found if each.startswith((".git/", "packages/service/runs/")) or "node_modules" in each
    }


def test_a_service_that_names_nothing_outside_is_copied_alone(root: Path) -> None:
    declare(root, "npm")
    (root / "packages" / "service" / "api.ts").write_text("import { a } from './src/../a'; // ...")
    with scratch_copy(job(root / "packages" / "service")) as copy:
        assert [file.name for file in sorted(copy.iterdir())] == ["api.ts", "package.json"]
        assert copy == copied_in(scratch_of(copy))


def test_without_a_workspace_a_deploy_that_fails_for_what_lies_outside_says_how_to_have_it(root: Path) -> None:
    service = root / "apart"
    (service / "serverless.yml").write_text("custom: ${file(../common/settings.yml)}")
    with (
        pytest.raises(DeploymentError, match=r"(?s)it failed.*serverless.yml names ../common/settings.yml.*workspaces"),
        scratch_copy(job(service)),
    ):
        raise DeploymentError("it failed: cannot read settings.yml")
    with pytest.raises(DeploymentError, match=r"^another reason$"), scratch_copy(job(service)):
        raise DeploymentError("another reason")


@pytest.mark.parametrize("strange", ["", "/packages/*", "**x", "a**/b", "{a,b}/*", "[", ".."])
def test_a_pattern_that_is_strange_hides_no_package_that_another_finds(root: Path, strange: str) -> None:
    (root / "package.json").write_text(json.dumps({"workspaces": [strange, "packages/*"]}))
    assert {"@acme/shared", "@acme/words"} <= members_beside(root / "packages" / "service").keys()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "pnpm-workspace.yaml",
            "packages: [any]\ncatalog: { zod: ^3.0.0 }\ncatalogs: { old: { uuid: ^8.0.0 }, odd: 3 }\n",
        ),
        (
            "package.json",
            '{"workspaces": {"packages": ["any"], "catalog": {"zod": "^3.0.0"}, "catalogs": {"old": {"uuid": "^8.0.0"}}}}',
        ),
        (
            "package.json",
            '{"workspaces": ["any"], "catalog": {"zod": "^3.0.0"}, "catalogs": {"old": {"uuid": "^8.0.0"}}}',
        ),
    ],
)
def test_versions_come_from_the_root_s_catalogs_and_what_stands_in_none_is_left(
    tmp_path: Path, file: str, text: str
) -> None:
    (tmp_path / file).write_text(text)
    manifest = {
        "dependencies": {"zod": "catalog:", "uuid": "catalog:old", "left": "catalog:odd", "pad": "^1.0.0"},
        "devDependencies": {"zod": "catalog:default", "none": "catalog:"},
        "optionalDependencies": "no table",
    }
    assert without_catalogs(manifest, tmp_path) == {
        "dependencies": {"zod": "^3.0.0", "uuid": "^8.0.0", "left": "catalog:odd", "pad": "^1.0.0"},
        "devDependencies": {"zod": "^3.0.0", "none": "catalog:"},
        "optionalDependencies": "no table",
    }
    assert without_catalogs(manifest, tmp_path / "none") == manifest
