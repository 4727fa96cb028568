"""An instance ends with its owner, however that one dies; real processes, and an idle one in the engine's place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from taskguard.engine.ownership import is_alive
from taskguard.support.waiting import wait_for
from taskguard.targets.localstack import LocalStackInstance

# By its arguments it is an engine; it writes a line when it is up.
IDLE_ENGINE = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "taskguard.engine"]
OWNER = """
import os, signal, sys
from pathlib import Path
# What runs in the background of a shell ignores interrupts.
signal.signal(signal.SIGINT, signal.SIG_DFL)
from taskguard.targets.guardian import guard
from taskguard.targets.registry import instance_from_json

guard(instance_from_json(sys.argv[1]), os.getpid(), Path(sys.argv[2]))
print(flush=True)
sys.stdin.read()
"""


class Scene:
    """An idle engine, its owner, and the guardian that the owner set over it."""

    def __init__(self, folder: Path) -> None:
        self.scratch, self.file = folder / "scratch", folder / "guarded"
        self.scratch.mkdir()
        self.engine = _started(IDLE_ENGINE)
        self.instance = _instance(self.engine, self.scratch)
        self.owner = _started([sys.executable, "-c", OWNER, self.instance.to_json(), str(self.file)])
        [self.guardian] = psutil.Process(self.owner.pid).children()
        wait_for(lambda: "taskguard.targets.guardian" in self.guardian.cmdline(), seconds=30)

    def wait_for_the_end(self) -> None:
        assert self.engine.wait(timeout=60) is not None
        wait_for(lambda: not self.scratch.exists() and not self.file.exists(), seconds=30)
        wait_for(lambda: not is_alive(self.guardian), seconds=30)

    def close(self) -> None:
        self.file.unlink(missing_ok=True)
        for process in (self.owner, self.engine):
            process.kill()
            process.communicate()
        wait_for(lambda: not is_alive(self.guardian), seconds=30)


def _instance(engine: subprocess.Popen[bytes], scratch: Path) -> LocalStackInstance:
    return LocalStackInstance(
        pid=engine.pid,
        token="t",  # noqa: S106  # no secret
        port=1,
        scratch=str(scratch),
        folder=str(scratch),
        region="eu-central-1",
        runtime="Python",
    )


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"\n"
    return process


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.close()


def test_an_engine_ends_with_an_owner_that_was_killed(scene: Scene) -> None:
    assert scene.instance.is_running()
    # Dead and not buried: nobody has waited for it, so its number is still there.
    scene.owner.kill()
    scene.wait_for_the_end()


def test_an_interrupt_in_the_terminal_ends_the_owner_and_its_guardian_ends_the_engine(scene: Scene) -> None:
    os.killpg(scene.owner.pid, signal.SIGINT)
    scene.owner.wait(timeout=30)
    scene.wait_for_the_end()


def test_a_guardian_that_was_dismissed_leaves_the_engine_alone(scene: Scene) -> None:
    scene.file.unlink()
    wait_for(lambda: not is_alive(scene.guardian), seconds=30)
    scene.owner.kill()
    scene.owner.wait(timeout=30)
    assert scene.instance.is_running()
    assert scene.scratch.exists()


def test_an_owner_that_was_gone_before_the_guardian_looked_is_gone(tmp_path: Path) -> None:
    gone = _started(IDLE_ENGINE)
    gone.kill()
    gone.communicate()
    engine, file = _started(IDLE_ENGINE), tmp_path / "guarded"
    file.touch()
    instance = _instance(engine, tmp_path / "scratch").to_json()
    guardian = subprocess.Popen(
        [sys.executable, "-m", "taskguard.targets.guardian", str(gone.pid), instance, str(file)]
    )
    try:
        assert engine.wait(timeout=60) is not None
        assert guardian.wait(timeout=60) == 0
    finally:
        for process in (guardian, engine):
            process.kill()
            process.communicate()
    assert not file.exists()
