"""What a service of somebody else's was packaged into is handed on, whatever its plugins leave beside it; and what they do at a deploy."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from taskguard.errors import DeploymentError
from taskguard.places import Places
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.serverless import publishing, theirs
from taskguard.targets.base import Endpoint

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


FAILED = "`serverless deploy` at the engine failed. The end of what it said:\n  Error:\n  no route to the wiki\n  Environment: linux"
PLUGINS = ("./plugins/queues.js (before:deploy:deploy)", "tells-the-wiki (after:deploy:deploy)")


class Cli:
    """The CLI that fails, once the stack is there or before."""

    def __init__(self, *, deploys: bool) -> None:
        self._deploys = deploys

    def call(self, _job: Any, _folder: Path, *_: str, package: Path, **__: Any) -> None:
        assert (package / "jobs.zip").exists()
        if self._deploys:
            (package / "taskguard-note.json").write_text("{}")
        raise DeploymentError(FAILED)


def deploy_with_hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, deploys: bool) -> tuple[str, ...]:
    places = Places(service=tmp_path / "theirs", cache=tmp_path, state=tmp_path, runs=tmp_path)
    places.service.mkdir()
    (places.service / "serverless.yml").write_text("service: jobs\n")
    folder = tmp_path / "package"
    folder.mkdir()
    for name in ("jobs.zip", "taskguard-note.json"):
        (folder / name).write_text("{}")
    monkeypatch.setattr(theirs, "Bucket", Bucket)
    monkeypatch.setattr(theirs, "sdk_v2", lambda _: tmp_path)
    monkeypatch.setattr(theirs, "serverless_cli", lambda _: tmp_path / "bin" / "serverless")
    monkeypatch.setattr(theirs, "environment_for", lambda _: {})
    monkeypatch.setattr(theirs, "call", Cli(deploys=deploys).call)
    job = Job(endpoint=Endpoint(target="t", url="http://127.0.0.1:1", region="r"), stage="dev", places=places)
    package = publishing.Package(folder=folder, stack_name="jobs-dev", keys_below="jobs", at_deploy=PLUGINS)
    return theirs.deploy_with_hooks(job, package)


def test_what_plugins_cannot_do_after_a_deploy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = deploy_with_hooks(tmp_path, monkeypatch, deploys=True)
    assert told == (f"what plugins do after a deploy failed ({'; '.join(PLUGINS)}): no route to the wiki",)


def test_what_plugins_cannot_do_before_a_deploy_fails_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeploymentError, match="no route to the wiki") as failed:
        deploy_with_hooks(tmp_path, monkeypatch, deploys=False)
    assert "; ".join(PLUGINS) in str(failed.value)
    assert "without_plugins" in str(failed.value)


def test_a_package_with_a_link_to_some_other_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jobs.zip").symlink_to("/etc/hostname")
    with pytest.raises(DeploymentError, match=r"jobs\.zip is a link to /etc/hostname"):
        theirs.make_sure_it_holds_files(tmp_path)
