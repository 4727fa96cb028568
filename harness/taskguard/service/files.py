"""The files of a service that are deployed: which they are, their digest, and a copy of them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from taskguard.service.ours import is_ours

OUR_FILES = ("serverless.yml", "package.json", "serverless", "handlers")
"""What a deploy sends of our own service's folder, which holds much besides."""

NEVER_SENT = (".aws-sam", ".git", ".serverless", ".taskguard", ".venv", "cdk.out", "node_modules", "runs", "venv")
"""What a deploy sends of no service: it is made from the others, or is no part of it. The CLI's own packages take the place of
``node_modules``."""

_DEEPEST = 4
_LARGEST_BYTES = 500_000
"""A template may have 1 MB: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html."""
_OF_PACKAGES = frozenset({"package.json", "package-lock.json", "tsconfig.json", "npm-shrinkwrap.json"})

_NAMING = frozenset({".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".json", ".yml", ".yaml"})
"""The files of a service of Node.js in which others are named by relative paths."""

_CACHES = ("__pycache__",)
_LEFT_OUT = shutil.ignore_patterns(*_CACHES, "*.pyc")


def files_of(path: Path) -> Iterator[Path]:
    """The file itself, or all files of a folder in the order of their names; none when there is nothing."""
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from sorted(f for f in path.rglob("*") if f.is_file() and not set(_CACHES) & set(f.parts))


def digest_of(path: Path) -> str:
    """SHA-256 over a file, or over all files of a folder with their names; hexadecimal."""
    digest = hashlib.sha256()
    for file in files_of(path):
        digest.update(f"{file.relative_to(path.parent).as_posix()}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def deployed_files(service: Path) -> tuple[str, ...]:
    """The files and folders that a deploy sends, of a service's folder."""
    if is_ours(service):
        return OUR_FILES
    return tuple(sorted(each.name for each in service.iterdir() if each.name not in (*NEVER_SENT, *_CACHES)))


def configuration_files(service: Path, endings: Collection[str]) -> Iterator[Path]:
    """The files with these ``endings`` that may say how the service is deployed: of what is sent, in folders at most so deep that such a file
    lies there. None is large, a package manager's, or a link to what is not the service's."""
    for name in deployed_files(service):
        if (service / name).is_file():
            yield from _if_configuration(service / name, service, endings)
        for folder, folders, files in os.walk(service / name):
            here = Path(folder)
            if len(here.relative_to(service).parts) >= _DEEPEST:
                folders.clear()
            folders[:] = sorted(each for each in folders if each != "node_modules")
            for each in sorted(files):
                yield from _if_configuration(here / each, service, endings)


def _if_configuration(file: Path, service: Path, endings: Collection[str]) -> Iterator[Path]:
    if (
        file.suffix in endings
        and file.name not in _OF_PACKAGES
        and file.is_file()
        and not leads_out(file, service)
        and file.stat().st_size <= _LARGEST_BYTES
    ):
        yield file


def copy_of(service: Path, folder: Path, *, of_others: bool = False) -> None:
    """Copy what is deployed of ``service`` into ``folder``, which is there already. Links are followed; where it is ``of_others``, only those
    that lead to its own files: else it would take along whatever it names of its user's."""

    def left_out(place: str, names: list[str]) -> set[str]:
        leading_out = {name for name in names if of_others and leads_out(Path(place, name), service)}
        return leading_out | set(_LEFT_OUT(place, names))

    for name in deployed_files(service):
        source = service / name
        if of_others and leads_out(source, service):
            continue
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=left_out, ignore_dangling_symlinks=True)
        elif source.exists():
            shutil.copy2(source, folder / name)


def copy_of_workspace(root: Path, folder: Path) -> None:
    """Copy the workspace below ``root``, without what a deploy sends of no service, wherever that lies, into ``folder``, which is there
    already. Of links those are followed that lead to its own files."""

    def left_out(place: str, names: list[str]) -> set[str]:
        # Deeper in a package these names may be its own.
        never = NEVER_SENT if "package.json" in names else ("node_modules", ".git")
        leading_out = {name for name in names if leads_out(Path(place, name), root)}
        return leading_out | ({*never} & {*names}) | {*_LEFT_OUT(place, names)}

    shutil.copytree(root, folder, ignore=left_out, ignore_dangling_symlinks=True, dirs_exist_ok=True)


def named_outside(service: Path) -> Iterator[tuple[str, str]]:
    """Each file of the service that names by a relative path what lies outside of the service's folder, and the first that it names."""
    for name in deployed_files(service):
        for file in files_of(service / name):
            if file.suffix in _NAMING and "node_modules" not in file.parts and file.stat().st_size <= _LARGEST_BYTES:
                below = file.relative_to(service)
                text = file.read_text(encoding="utf-8", errors="replace")
                if found := re.search(rf"(?<![\w./])(?:\./)?(?:\.\./){{{len(below.parts)},}}[\w./@-]+", text):
                    yield below.as_posix(), found[0]


def leads_out(path: Path, folder: Path) -> bool:
    """Whether what this is, once links are followed, lies outside of ``folder``."""
    return not path.resolve().is_relative_to(folder.resolve())
