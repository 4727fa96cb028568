"""MiniStack listens on the loopback address alone, is recognised as one's own, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from taskguard.errors import TargetError
from taskguard.support.waiting import wait_for
from taskguard.targets.ministack import MiniStack, MiniStackInstance
from taskguard.targets.registry import instance_from_json

from tests.engine.conftest import HEEDING_INTERRUPTS, is_running
from tests.ministack.support import create
from tests.places import PLACES

pytestmark = pytest.mark.heavy

OWNER = """
import sys
from pathlib import Path
from taskguard.targets.ministack import MiniStack
from taskguard.places import cache_folder

with MiniStack(Path(sys.argv[1]), cache=cache_folder()) as engine:
    engine.start()
    print(engine.running.to_json().replace("\\n", " "), flush=True)
    sys.stdin.read()
"""

# Busy for longer than any test, as is the process that it starts in a session of its own.
BUSY = """
    |import subprocess, sys, time
    |def handler(event, context):
    |    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    |    time.sleep(600)
"""


def test_it_listens_on_the_loopback_address_only(tmp_path: Path) -> None:
    with MiniStack(tmp_path, cache=PLACES.cache) as engine:
        endpoint = engine.start()
        keep_busy(engine.running)
        connections = [c for p in processes_of(engine.running) for c in p.net_connections(kind="inet")]
        listening = {c.laddr for c in connections if c.status == psutil.CONN_LISTEN}
    assert {(address.ip, f"http://127.0.0.1:{address.port}") for address in listening} == {("127.0.0.1", endpoint.url)}
    assert engine.instance is None


def test_a_taken_port_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            MiniStack(tmp_path, cache=PLACES.cache, port=port) as engine,
            pytest.raises(TargetError, match=f"MiniStack.*{port}.*--port"),
        ):
            engine.start()


def test_an_engine_that_cannot_start_is_reported_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = tmp_path / "launcher.py"
    launcher.write_text("import sys; print('no engine today'); sys.exit(7)\n")
    monkeypatch.setattr("taskguard.targets.ministack._LAUNCHER", launcher)
    with MiniStack(tmp_path / "run", cache=PLACES.cache) as engine, pytest.raises(TargetError) as refusal:
        engine.start()
    assert "ended with status 7" in str(refusal.value)
    assert "no engine today" in str(refusal.value)
    assert str(tmp_path / "run" / "engine.log") in str(refusal.value)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_engines_owner(tmp_path: Path, death: signal.Signals) -> None:
    owner, instance = start_owner(tmp_path)
    processes = keep_busy(instance)
    os.kill(owner.pid, death)
    owner.communicate()
    wait_until_gone(instance, processes)


def test_an_engine_that_may_stay_is_ended_by_its_note(tmp_path: Path) -> None:
    owner, instance = start_owner(tmp_path)
    try:
        instance.stay()
        wait_for(lambda: not guardians(instance), seconds=20)
        os.kill(owner.pid, signal.SIGKILL)
        owner.communicate()
        assert instance.answers()
        processes = [process.pid for process in processes_of(instance)]
    finally:
        again = instance_from_json(instance.to_json())
        again.end()
        again.end()
    wait_until_gone(instance, processes)


def test_functions_of_a_killed_engine_are_found_and_ended(tmp_path: Path) -> None:
    with MiniStack(tmp_path, cache=PLACES.cache) as engine:
        engine.start()
        instance = engine.running
        processes = keep_busy(instance)
        os.kill(instance.pid, signal.SIGKILL)
    wait_until_gone(instance, processes)


def test_another_answer_on_the_port_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    with MiniStack(tmp_path, cache=PLACES.cache) as engine:
        engine.start()
        stranger = started(engine.running.to_json().replace(engine.running.token, "0" * 32))
        assert engine.running.answers()
        assert not stranger.answers()
        # The number of its process is another's, which must not be ended for it.
        assert not stranger.is_running()
        stranger.end()
        assert engine.running.answers()


def start_owner(folder: Path) -> tuple["subprocess.Popen[str]", MiniStackInstance]:
    owner = subprocess.Popen(
        [*HEEDING_INTERRUPTS, sys.executable, "-c", OWNER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert owner.stdout is not None
    return owner, started(owner.stdout.readline())


def keep_busy(instance: MiniStackInstance) -> list[int]:
    """Let a function run there; the engine, the function and what it started, by process id."""
    function = create(instance.endpoint(), BUSY, timeout=900)
    instance.endpoint().functions().invoke(FunctionName=function.name, InvocationType="Event")
    wait_for(lambda: len(processes_of(instance)) == 3, seconds=60)
    return [process.pid for process in processes_of(instance)]


def processes_of(instance: MiniStackInstance) -> list[psutil.Process]:
    """All whose files are in the instance's folder: what an engine leaves behind is recognised by that."""
    return [process for process in psutil.process_iter() if instance.scratch in temporary_folder(process)]


def temporary_folder(process: psutil.Process) -> str:
    with suppress(psutil.Error, OSError):
        if is_running(process.pid):
            return process.environ().get("TMPDIR", "")
    return ""


def guardians(instance: MiniStackInstance) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if any(instance.token in argument for argument in process.cmdline()) and is_running(process.pid):
                found.append(process)
    return found


def wait_until_gone(instance: MiniStackInstance, processes: list[int]) -> None:
    wait_for(lambda: not any(is_running(pid) for pid in processes), seconds=20)
    wait_for(lambda: not Path(instance.scratch).exists(), seconds=20)
    wait_for(lambda: not guardians(instance), seconds=20)


def started(text: str) -> MiniStackInstance:
    instance = instance_from_json(text)
    assert isinstance(instance, MiniStackInstance)
    return instance
