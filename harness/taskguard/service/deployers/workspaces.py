"""The packages that lie beside a service in the workspace it is part of, as npm, Yarn, pnpm and Bun know it: of those that the service
names, their files are what it means, whatever a registry has by these names.

A pure reading of files: it must not know how anything is installed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

_MANIFEST = "package.json"
_OF_OTHERS = "node_modules"
_CATALOG = "catalog:"
_KINDS = ("dependencies", "optionalDependencies")


def members_beside(service: Path) -> Mapping[str, Path]:
    """The folders of all packages in the workspace that ``service`` is a package of, by their names; none where it is of none."""
    root = workspace_of(service)
    folders = _folders(root, patterns_in(root) or ()) if root is not None else ()
    return {name: each for each in folders if (name := _read(each).get("name"))}


def workspace_of(service: Path) -> Path | None:
    """The root of the workspace that ``service`` is a package of; none where it is of none."""
    service = service.resolve()
    for root in service.parents:
        if (patterns := patterns_in(root)) is not None:
            return root if service in _folders(root, patterns) else None
    return None


def patterns_in(folder: Path) -> tuple[str, ...] | None:
    """Where the packages lie of the workspace whose root this is; none where it is no such root.
    https://docs.npmjs.com/cli/using-npm/workspaces, https://pnpm.io/pnpm-workspace_yaml."""
    if (of_pnpm := _of_pnpm(folder)) is not None:
        return _texts(of_pnpm.get("packages"))
    told = _read(folder).get("workspaces")
    # Yarn's first form has more beside them.
    return None if told is None else _texts(told.get("packages") if isinstance(told, dict) else told)


def members_named(manifest: Mapping[str, Any], members: Mapping[str, Path]) -> Mapping[str, Path]:
    """Those of the ``members`` that a package needs, and that these need in turn."""
    found: dict[str, Path] = {}
    open_ = [name for name in _named(manifest, development=True) if name in members]
    while open_:
        name = open_.pop()
        if name not in found:
            found[name] = members[name]
            open_ += [each for each in _named(_read(members[name]), development=False) if each in members]
    return found


def with_those_of_root(manifest: Mapping[str, Any], root: Path) -> Mapping[str, Any]:
    """The manifest of a package, with what the workspace's ``root`` needs beside it: managers install both into one folder."""
    of_root = _read(root)
    kinds = (*_KINDS, "devDependencies")
    own = {name for kind in kinds for name in manifest.get(kind) or {}}
    more = {kind: {name: of for name, of in (of_root.get(kind) or {}).items() if name not in own} for kind in kinds}
    return {**manifest, **{kind: {**more[kind], **(manifest.get(kind) or {})} for kind in kinds}}


def without_members(manifest: Mapping[str, Any], members: Mapping[str, Path]) -> Mapping[str, Any]:
    """The manifest of a package that needs these ``members``, with what they need of registries in place of them."""
    kept = {
        kind: {name: version for name, version in told.items() if name not in members}
        for kind in (*_KINDS, "devDependencies")
        if isinstance(told := manifest.get(kind), dict)
    }
    of_members = {
        name: version
        for each in members.values()
        for kind in _KINDS
        for name, version in (_read(each).get(kind) or {}).items()
        if name not in members
    }
    return {**manifest, **kept, "dependencies": {**of_members, **kept.get("dependencies", {})}}


def without_catalogs(manifest: Mapping[str, Any], root: Path) -> Mapping[str, Any]:
    """The manifest of a package, with the versions that the workspace's ``root`` has in its catalogs in place of their names there:
    https://pnpm.io/catalogs, https://bun.sh/docs/pm/catalogs. What stands in none is left as it is."""
    workspaces = _read(root).get("workspaces")
    told = _of_pnpm(root) or (workspaces if isinstance(workspaces, dict) else _read(root))
    catalogs = {"": told.get("catalog"), "default": told.get("catalog"), **_mapping(told.get("catalogs"))}

    def version_of(name: str, version: Any) -> Any:
        if not isinstance(version, str) or not version.startswith(_CATALOG):
            return version
        return _mapping(catalogs.get(version.removeprefix(_CATALOG))).get(name, version)

    kinds = [kind for kind in (*_KINDS, "devDependencies") if isinstance(manifest.get(kind), dict)]
    return {**manifest, **{kind: {name: version_of(name, it) for name, it in manifest[kind].items()} for kind in kinds}}


def _of_pnpm(root: Path) -> Mapping[str, Any] | None:
    with suppress(OSError, ValueError, yaml.YAMLError):
        return _mapping(yaml.safe_load((root / "pnpm-workspace.yaml").read_text(encoding="utf-8")))
    return None


def _mapping(told: object) -> Mapping[str, Any]:
    return told if isinstance(told, dict) else {}


def _named(manifest: Mapping[str, Any], *, development: bool) -> Iterator[str]:
    for kind in (*_KINDS, *(("devDependencies",) if development else ())):
        yield from manifest.get(kind) or {}


def _folders(root: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    left_out = {each for pattern in patterns if pattern.startswith("!") for each in _matching(root, pattern[1:])}
    for pattern in patterns:
        if not pattern.startswith("!"):
            yield from (each for each in _matching(root, pattern) if each not in left_out)


def _matching(root: Path, pattern: str) -> Iterator[Path]:
    # Managers know patterns that Python does not.
    with suppress(ValueError):
        for file in root.glob(f"{pattern.removeprefix('./').rstrip('/')}/{_MANIFEST}".lstrip("/")):
            folder = file.parent.resolve()
            if _OF_OTHERS not in file.relative_to(root).parts and folder.is_relative_to(root):
                yield folder


def _texts(told: object) -> tuple[str, ...]:
    return tuple(each for each in told if isinstance(each, str)) if isinstance(told, list) else ()


def _read(folder: Path) -> Mapping[str, Any]:
    with suppress(OSError, ValueError):
        told = json.loads((folder / _MANIFEST).read_text(encoding="utf-8-sig"))
        return told if isinstance(told, dict) else {}
    return {}
