"""The digests by which an edit of a run's files is noticed: SHA-256 of the history, and of the manifest that holds them both.

They show that a file is not the one that was written, not who changed it: whoever wants to deceive can make new ones. It must not
know what either file says.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from taskguard.support.json_values import canonical

DIGESTS = "sha256"
"""Where a manifest has them: hexadecimal, by the name of the file."""


def with_digests(manifest: Mapping[str, Any], name: str, history: Path | None) -> dict[str, Any]:
    """The manifest with the digest of the ``history``, if there is such a file, and its own under its file's ``name``."""
    of_history = {history.name: digest_of(history)} if history is not None and history.is_file() else {}
    document = {**manifest, DIGESTS: of_history}
    return {**document, DIGESTS: {**of_history, name: own_digest(document, name)}}


def told_digests(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The digests that a manifest has, by the names of the files; nothing where it has none."""
    found = manifest.get(DIGESTS)
    return found if isinstance(found, dict) else {}


def own_digest(manifest: Mapping[str, Any], name: str) -> str:
    """The digest of a manifest whose file has this ``name``: of the one text that stands for it without this digest, so that spaces
    and the order of keys do not count."""
    others = {each: digest for each, digest in told_digests(manifest).items() if each != name}
    return sha256(canonical({**manifest, DIGESTS: others}).encode()).hexdigest()


def digest_of(file: Path) -> str:
    """The digest of a file, byte for byte."""
    return sha256(file.read_bytes()).hexdigest()
