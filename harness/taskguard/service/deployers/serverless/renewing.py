"""Makes the package of changed code from one that was made before, without the CLI: where only files changed that archives hold as they are.

The frame of a package is all that decides it but the contents of such files. Two services of one frame have archives that differ in
these contents alone, so they can be exchanged. Whatever was found otherwise in an archive (bundled, compiled, left out) is for the CLI to
package again. It must not know whose service it is.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

FRAMES = "*.frame.json"
"""How the notes are called that tell which package was made last in a frame."""
_VERSIONS = "AWS::Lambda::Version"


@dataclass(frozen=True, slots=True)
class Frame:
    """What the package of a service has in common with those of other contents: its ``key``; and the ``contents`` of the files that archives
    hold as they are, if they hold them, by their names below the service's folder."""

    key: str
    contents: Mapping[str, bytes]

    def digests(self) -> dict[str, str]:
        """SHA-256 of each file, hexadecimal."""
        return {name: _digest(content) for name, content in self.contents.items()}


def contents_of(service: Path, files: Iterable[Path]) -> dict[str, bytes]:
    """What these files hold now, by their names below the service's folder."""
    return {file.relative_to(service).as_posix(): file.read_bytes() for file in files}


@dataclass(frozen=True, slots=True)
class Made:
    """A package that was made in a frame: the key that it is kept by, and what the files were then."""

    package: str
    digests: Mapping[str, str]

    def write(self, file: Path) -> None:
        file.write_text(json.dumps({"package": self.package, "files": dict(self.digests)}), encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Made | None:
        """What the note says; none where there is none that can be read."""
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            return cls(told["package"], told["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def renewed(package: Path, before: Made, frame: Frame) -> bool:
    """Exchange in this package, which was made ``before``, the contents that changed since; whether all of them could be. If not, the
    folder is of no use any more."""
    if _has_versions(package):
        # What a version is called tells its code.
        return False
    now = frame.digests()
    changed = {name for name, digest in now.items() if digest != before.digests.get(name)}
    found: set[str] = set()
    for archive in sorted(package.glob("*.zip")):
        held = _held_by(archive, now.keys())
        # Also what did not change: whoever reads files while they are written may have noted others.
        if any(digest != before.digests.get(name) for name, digest in held.items()):
            return False
        if inside := changed & held.keys():
            found |= inside
            _exchange(archive, {name: frame.contents[name] for name in inside})
    return found == changed


def _held_by(archive: Path, names: Collection[str]) -> dict[str, str]:
    """The digests of those of these files that it holds."""
    with zipfile.ZipFile(archive) as packed:
        return {name: _digest(packed.read(name)) for name in packed.namelist() if name in names}


def _exchange(archive: Path, contents: Mapping[str, bytes]) -> None:
    new = archive.with_suffix(".new")
    with zipfile.ZipFile(archive) as packed, zipfile.ZipFile(new, "w") as made:
        for entry in packed.infolist():
            content = contents[entry.filename] if entry.filename in contents else packed.read(entry)
            # It is unpacked on this machine, right after: size matters little.
            made.writestr(entry, content, compresslevel=1)
    new.replace(archive)


def _has_versions(package: Path) -> bool:
    return any(_VERSIONS in file.read_text(encoding="utf-8") for file in package.glob("cloudformation-template-*.json"))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
