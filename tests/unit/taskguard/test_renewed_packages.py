"""Packages of changed code that are made from one of before: only where archives hold just what changed, as it is."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from taskguard.service.deployers.serverless.packages import Packages
from taskguard.service.deployers.serverless.renewing import FRAMES, Frame

OLD = {"handlers/work.py": b"work = 1", "handlers/rest.py": b"rest = 1"}
LIBRARY = {"library/__init__.py": b"library"}
TEMPLATE = "cloudformation-template-update-stack.json"


class Cli:
    """Packages as the CLI does, and counts; the template has these ``kinds`` of resources."""

    def __init__(self, contents: Mapping[str, bytes], *kinds: str) -> None:
        self.contents, self.calls, self._kinds = {**LIBRARY, **contents}, 0, kinds

    def __call__(self, place: Path) -> None:
        self.calls += 1
        with zipfile.ZipFile(place / "Service.zip", "w") as archive:
            for name, content in self.contents.items():
                archive.writestr(name, content)
        (place / TEMPLATE).write_text(json.dumps({"Resources": {kind: {"Type": kind} for kind in self._kinds}}))
        (place / "serverless-state.json").write_text("{}")


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path / "packages")


def held(packages: Packages, tmp_path: Path, cli: Cli, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """What the archive holds that is got for a service of these contents."""
    key = "-".join(content.decode().replace(" ", "") for content in contents.values())
    place = tmp_path / f"place-{cli.calls}-{key}"
    place.mkdir()
    packages.get(key, cli, place, Frame("frame", contents))
    with zipfile.ZipFile(place / "Service.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_what_changed_is_exchanged_without_the_cli(packages: Packages, tmp_path: Path) -> None:
    cli, new = Cli(OLD), {**OLD, "handlers/work.py": b"work = 2"}
    assert held(packages, tmp_path, cli, OLD) == {**LIBRARY, **OLD}
    assert held(packages, tmp_path, cli, new) == {**LIBRARY, **new}
    # And from that one the next, and back again.
    newer = {**new, "handlers/rest.py": b"rest = 2"}
    assert held(packages, tmp_path, cli, newer) == {**LIBRARY, **newer}
    assert held(packages, tmp_path, cli, OLD) == {**LIBRARY, **OLD}
    assert cli.calls == 1


@pytest.mark.parametrize(
    ("packaged", "kinds"),
    [
        ({"handlers/rest.py": b"rest = 1"}, ()),
        ({**OLD, "handlers/work.py": b"bundled"}, ()),
        ({**OLD, "handlers/rest.py": b"bundled"}, ()),
        (OLD, ("AWS::Lambda::Version",)),
    ],
    ids=["left out", "made into something else", "another file is", "its version is called by its code"],
)
def test_what_an_archive_holds_otherwise_is_packaged_by_the_cli(
    packages: Packages, tmp_path: Path, packaged: Mapping[str, bytes], kinds: tuple[str, ...]
) -> None:
    cli = Cli(packaged, *kinds)
    held(packages, tmp_path, cli, OLD)
    held(packages, tmp_path, cli, {**OLD, "handlers/work.py": b"work = 2"})
    assert cli.calls == 2


def test_files_that_change_while_they_are_packaged_make_no_package_that_is_kept(
    packages: Packages, tmp_path: Path
) -> None:
    cli, keys = Cli(OLD), iter(["another", "a"])
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir()
    packages.get("a", cli, tmp_path / "first", Frame("frame", OLD), lambda: next(keys))
    assert not list((tmp_path / "packages").glob(FRAMES))
    packages.get("a", cli, tmp_path / "second", Frame("frame", OLD), lambda: next(keys))
    packages.get("a", cli, tmp_path / "third", Frame("frame", OLD), lambda: next(keys))
    assert cli.calls == 2


def test_a_note_that_cannot_be_read_is_none(packages: Packages, tmp_path: Path) -> None:
    cli = Cli(OLD)
    held(packages, tmp_path, cli, OLD)
    [note] = (tmp_path / "packages").glob(FRAMES)
    note.write_text("{")
    held(packages, tmp_path, cli, {**OLD, "handlers/work.py": b"work = 2"})
    assert cli.calls == 2
