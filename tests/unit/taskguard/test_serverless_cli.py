"""Which Node.js the Serverless CLI is installed with."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskguard.errors import SetupError
from taskguard.service.deployers.serverless.cli import serverless_cli


def test_without_node_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=r"Node\.js: not on the path. Install Node\.js 20\.19 or later"):
        serverless_cli(tmp_path)


@pytest.mark.parametrize("version", ["v18.20.4", "v20.18.3", "none"])
def test_a_node_that_is_too_old_is_not_tried(version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho {version}\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=r"Node\.js 20\.19 or later"):
        serverless_cli(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
