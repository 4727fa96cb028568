"""Packages of functions lie in memory until they have become too large for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskguard.engine.functions import packages
from taskguard.engine.settings import EngineSettings
from taskguard.support import folders


@pytest.mark.parametrize(("held_bytes", "in_memory"), [(packages._MOST_BYTES - 1, True), (packages._MOST_BYTES, False)])
def test_when_they_have_become_too_large_the_next_lies_on_the_disk(
    held_bytes: int, in_memory: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "engine").mkdir()
    monkeypatch.setattr(folders, "_MEMORY", tmp_path / "memory")
    monkeypatch.setattr(folders, "_ROOM_BYTES", 1)
    folders.make_part_in_memory(tmp_path / "engine")
    settings = EngineSettings(scratch=str(tmp_path / "engine"))
    monkeypatch.setattr(EngineSettings, "from_environment", lambda: settings)
    held = frozenset({("task.py", 1, held_bytes, 0, 0)})
    monkeypatch.setattr(packages, "_packages", {"python/one": (tmp_path, held)})
    place = packages._place()
    assert place.is_relative_to(tmp_path / ("memory" if in_memory else "engine"))
