"""What of a service is copied for a deploy: of a stranger's nothing that its links name elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskguard.service.files import copy_of


@pytest.fixture
def service(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "credentials").write_text("of-the-user-alone")
    folder = tmp_path / "service"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "app.py").touch()
    (folder / "own").symlink_to("src")
    (folder / "src" / "stolen").symlink_to(tmp_path / "home" / "credentials")
    (folder / "stolen").symlink_to(tmp_path / "home")
    return folder


def copied(service: Path, folder: Path, *, of_others: bool) -> list[str]:
    folder.mkdir()
    copy_of(service, folder, of_others=of_others)
    return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())


def test_links_of_others_are_followed_within_the_service_alone(service: Path, tmp_path: Path) -> None:
    assert copied(service, tmp_path / "a", of_others=True) == ["own/app.py", "src/app.py"]
    assert "stolen/credentials" in copied(service, tmp_path / "b", of_others=False)
