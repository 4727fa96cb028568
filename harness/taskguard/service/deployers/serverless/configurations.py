"""The configuration files of the Serverless Framework: which one a folder has, and whether it always makes the same package."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from taskguard.service.deployers.locks import lock_in
from taskguard.service.deployers.templates import document_of
from taskguard.service.files import deployed_files, files_of

NAMES = tuple(f"serverless.{ending}" for ending in ("yml", "yaml", "json", "js", "mjs", "cjs", "ts"))
"""In the order in which the Serverless CLI looks for them."""
_ASKS_AWS = re.compile(rb"\$\{\s*(ssm|cf|s3|aws|git)[:(.]|\$\{[^}]*,\s*(ssm|cf|s3|git)[:(]")
"""Variables that are read from where it is deployed, or from a repository."""
_COLLECTS_PYTHON = b"serverless-python-requirements"
_PINNED = re.compile(r"^(#.*|-.*|\s*|[^=]+==.+)$")
_DATA = (".yml", ".yaml", ".json")
_REFERENCE = re.compile(
    r"\$\{\s*(?:opt:region\s*,\s*)?(?:self:(?P<path>[\w.-]+)|(?P<quote>['\"])(?P<literal>[\w-]+)(?P=quote))\s*\}"
)
"""What is certain before the CLI resolves it: a default where no --region is given, and another place of the same file."""
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_MOST_STEPS = 5
_LARGEST_BYTES = 1_000_000


def configuration_in(folder: Path) -> str | None:
    """The file in this folder that the CLI would read."""
    return next((name for name in NAMES if (folder / name).is_file()), None)


def region_in(folder: Path) -> str | None:
    """The region that the configuration in this folder names, as far as that is in the file itself: one that is a program, or reads it from
    elsewhere, is not run for it."""
    name = configuration_in(folder)
    if name is None or not name.endswith(_DATA):
        return None
    document = document_of((folder / name).read_text(encoding="utf-8-sig", errors="replace"))
    named = _at(document, "provider.region")
    for _ in range(_MOST_STEPS):
        if not isinstance(named, str) or "${" not in named:
            break
        found = _REFERENCE.fullmatch(named.strip())
        if found is None:
            return None
        named = found["literal"] or _at(document, found["path"])
    return named if isinstance(named, str) and _REGION.fullmatch(named) else None


def _at(document: object, path: str) -> object:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def makes_the_same_again(service: Path) -> bool:
    """Whether the service's files decide what its package is: the versions of packages are locked, and no variable asks elsewhere."""
    files = [file for name in deployed_files(service) for file in files_of(service / name)]
    texts = [file.read_bytes() for file in files if file.stat().st_size < _LARGEST_BYTES]
    if any(_ASKS_AWS.search(text) for text in texts):
        return False
    if any(_COLLECTS_PYTHON in text for text in texts) and not all(map(_is_pinned, _named(files, "requirements.txt"))):
        return False
    return all(map(_is_locked, _named(files, "package.json")))


def _named(files: list[Path], name: str) -> Iterator[Path]:
    return (file for file in files if file.name == name)


def _is_locked(manifest: Path) -> bool:
    try:
        told = json.loads(manifest.read_text(encoding="utf-8-sig"))
        depends = any(told.get(each) for each in ("dependencies", "devDependencies", "optionalDependencies"))
    except (ValueError, AttributeError):
        return False
    return not depends or lock_in(manifest.parent) is not None


def _is_pinned(requirements: Path) -> bool:
    lines = requirements.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return all(_PINNED.match(line) for line in lines)
