"""`make scan` finds a secret in what is, or could be, committed, and does not say what it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.places import PROJECT

# Put together, so that it is in no file: AWS's own example of an access key.
KEY_ID = "AKIA" + "IOSFODNN7" + "EXAMPLE"
KEY = "wJalrXUtnFEMI/" + "K7MDENG/bPxRfiCY" + "EXAMPLEKEY"
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of its own, with this project's Makefile and what it calls."""
    shutil.copy2(PROJECT / "Makefile", tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def scan(folder: Path) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="taskguard-scan-") as place:
        # What `make setup` would make is there, by a name that a shell takes as it is, wherever this checkout lies.
        programs = Path(place, "bin")
        programs.symlink_to(Path(sys.executable).parent, target_is_directory=True)
        return subprocess.run(
            ["make", "--no-print-directory", "scan", f"BIN={programs}", "-o", "setup"],
            cwd=folder,
            env=os.environ | {"MAKEFLAGS": ""},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.mark.parametrize("text", [f"key = '{KEY_ID}'", f"aws_secret_access_key = '{KEY}'", PEM])
@pytest.mark.parametrize("committed", [True, False])
def test_a_planted_secret_is_found_and_not_printed(checkout: Path, text: str, committed: bool) -> None:
    (checkout / "settings.py").write_text(f"first = 1\n{text}\n")
    if committed:
        subprocess.run(["git", "add", "settings.py"], cwd=checkout, check=True)
    found = scan(checkout)
    assert found.returncode != 0
    assert re.search(r"Location: +settings\.py:2", found.stdout)
    assert not any(secret in found.stdout + found.stderr for secret in (KEY_ID, KEY))
    assert "revoke it where it was valid" in found.stderr


def test_it_does_not_matter_where_the_programs_lie(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a b`c"
    elsewhere.symlink_to(Path(sys.executable).parent, target_is_directory=True)
    monkeypatch.setattr(sys, "executable", str(elsewhere / "python"))
    found = scan(checkout)
    assert (found.returncode, found.stdout) == (0, "make scan: no secret in any file\n"), found.stderr


def test_what_is_left_out_of_commits_is_not_looked_at(checkout: Path) -> None:
    (checkout / ".gitignore").write_text(".env\n")
    (checkout / ".env").write_text(f"AWS_ACCESS_KEY_ID={KEY_ID}\n")
    assert scan(checkout).returncode == 0


def test_a_line_that_is_marked_is_left_alone(checkout: Path) -> None:
    (checkout / "settings.py").write_text(f"key = '{KEY_ID}'  # pragma: allowlist secret\n")
    found = scan(checkout)
    assert (found.returncode, found.stdout) == (0, "make scan: no secret in any file\n"), found.stderr


def test_without_a_repository_it_is_no_pass(tmp_path: Path) -> None:
    shutil.copy2(PROJECT / "Makefile", tmp_path)
    found = scan(tmp_path)
    assert found.returncode != 0
    assert "make scan: could not be judged" in found.stderr


@pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="this is no checkout")
def test_this_project_has_none() -> None:
    found = scan(PROJECT)
    assert found.returncode == 0, found.stdout + found.stderr
