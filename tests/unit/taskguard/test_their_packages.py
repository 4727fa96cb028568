"""What a service of somebody else's was packaged into is handed on, whatever its plugins leave beside it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from taskguard.service.deployers.serverless import publishing

PUT: list[str] = []


class Bucket:
    """Keeps the names of what is put into it."""

    def __init__(self, _endpoint: Any) -> None:
        PUT.clear()

    def make(self) -> None:
        """It is there."""

    def put(self, key: str, _body: bytes) -> None:
        PUT.append(key)


def test_a_folder_that_a_plugin_left_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "Bucket", Bucket)
    monkeypatch.setattr(publishing, "deploy_template", lambda *_, **__: None)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "jobs.zip").write_bytes(b"")
    (tmp_path / "cloudformation-template-update-stack.json").write_text("{}")
    package = publishing.Package(
        folder=tmp_path, stack_name="jobs-dev", stage="dev", keys_below="jobs", parameters={}, set_aside=()
    )
    job: Any = SimpleNamespace(endpoint=None, within_seconds=1.0, abandoned=None, code_alone=False)
    publishing.publish(job, package)
    assert {key.rpartition("/")[2] for key in PUT} == {"cloudformation-template-update-stack.json", "jobs.zip"}
