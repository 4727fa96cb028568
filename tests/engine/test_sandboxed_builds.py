"""A service's own programs that try to get out while it is built: they find its copy, and of the network the engine."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from taskguard.errors import DeploymentError
from taskguard.places import Places
from taskguard.service.building import View
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.commands import run
from taskguard.service.deployers.environment import environment_of
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not sandbox_here(), reason=f"this machine has no sandbox: {sandbox_here().missing}"),
]

TRIES = """
import json, os, socket, subprocess, sys, tempfile
home, engine, other, marker = sys.argv[1:]
def tried(what, *arguments):
    try:
        what(*arguments)
    except OSError as error:
        return error.errno
    return "done"
def connect(host, port):
    return tried(lambda: socket.create_connection((host, int(port)), timeout=5).close())
def fill():
    with tempfile.TemporaryFile() as file:
        os.posix_fallocate(file.fileno(), 0, 4 * 1024**3)
told = {
    "read": [tried(open, path) for path in (home + "/.aws/credentials", "/etc/shadow")],
    "written": [path for path in (home, "/", "/usr", "/etc", "/var", "/dev", ".") if tried(open, path + "/left", "w") == "done"],
    "reached": [connect("127.0.0.1", engine), connect("127.0.0.1", other), connect("192.0.2.1", 80), connect("169.254.169.254", 80)],
    "variables": [name for name in os.environ if "SECRET" in name],
    "full": tried(fill),
}
sleep = [sys.executable, "-IS", "-c", "import time; time.sleep(600) # " + marker]
subprocess.Popen(sleep, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
forked = 0
try:
    while forked < 5000:
        if os.fork() == 0:
            os.execv(sleep[0], sleep)
        forked += 1
except OSError as error:
    told["forked"] = [forked, error.errno]
with open("told.json", "w") as file:
    json.dump(told, file)
"""


@pytest.fixture
def engine() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def job(tmp_path: Path, engine: socket.socket) -> Job:
    places = Places(service=tmp_path, cache=tmp_path / "cache", state=tmp_path / "state", runs=tmp_path / "runs")
    url = f"http://127.0.0.1:{engine.getsockname()[1]}"
    return Job(endpoint=Endpoint(target="t", url=url, region="eu-west-1", sandboxed=True), stage="s", places=places)


def test_a_build_sees_its_copy_and_the_engine_and_leaves_nothing_that_runs(
    job: Job, engine: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, copy, marker = tmp_path / "home", tmp_path / "copy", f"left-by-a-build-{tmp_path.name}"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text("of-the-user-alone")
    copy.mkdir()
    (copy / "tries.py").write_text(TRIES)
    monkeypatch.setenv("HOME", str(home))
    for name in ("AWS_SECRET_ACCESS_KEY", "MY_SECRET"):
        monkeypatch.setenv(name, "of-the-user-alone")
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = (str(each.getsockname()[1]) for each in (engine, other))
        command = [sys.executable, "-IS", "tries.py", str(home), *ports, marker]
        view = View(writes=(copy,))
        run(job, command, copy, environment_of(job), "trying to get out", view=view)
    told: dict[str, Any] = json.loads((copy / "told.json").read_text())
    assert told["read"] == [2, 2]
    assert told["written"] == ["."]
    # Connection refused; network is unreachable.
    assert told["reached"] == ["done", 111, 101, 101]
    # The engine's own.
    assert told["variables"] == ["AWS_SECRET_ACCESS_KEY"]
    assert environment_of(job)["AWS_SECRET_ACCESS_KEY"] != "of-the-user-alone"  # pragma: allowlist secret
    # No space left on the device; and that many processes are not to be had.
    assert told["full"] == 28
    forked, error = told["forked"]
    assert (100 < forked < 1024, error) == (True, 11)
    wait_for(lambda: not _running(marker), seconds=20)
    assert not (home / "left").exists()


def test_a_build_that_does_not_end_is_ended_with_all_it_started(job: Job, tmp_path: Path) -> None:
    copy, marker = tmp_path / "copy", f"never-ends-{tmp_path.name}"
    copy.mkdir()
    script = f"setsid sh -c 'sleep 600; : {marker}' & echo begun; sleep 600; : {marker}"
    soon = Job(endpoint=job.endpoint, stage="s", places=job.places, within_seconds=3)
    with pytest.raises(DeploymentError, match="had not ended after 3 s"):
        run(soon, ["sh", "-c", script], copy, environment_of(job), "trying to stay")
    wait_for(lambda: not _running(marker), seconds=20)


def _running(words: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if words in " ".join(process.cmdline()):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
