"""An engine listens on the loopback address alone, is recognised as one's own, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from taskguard.errors import TargetError
from taskguard.support.folders import part_in_memory
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.environments import Python, engine_environment
from taskguard.targets.localstack import LocalStack, LocalStackInstance
from taskguard.targets.registry import instance_from_json

from tests.engine.conftest import HEEDING_INTERRUPTS, create_function, is_running
from tests.places import PLACES

pytestmark = pytest.mark.heavy

OWNER = """
import sys
from pathlib import Path
from taskguard.targets.localstack import LocalStack
from taskguard.places import cache_folder

with LocalStack(Path(sys.argv[1]), cache=cache_folder()) as engine:
    engine.start()
    print(engine.running.to_json().replace("\\n", " "), flush=True)
    sys.stdin.read()
"""


def test_it_listens_on_the_loopback_address_only(tmp_path: Path) -> None:
    with LocalStack(tmp_path, cache=PLACES.cache) as engine:
        engine.start()
        connections = psutil.Process(engine.running.pid).net_connections(kind="inet")
        listening = {c.laddr for c in connections if c.status == psutil.CONN_LISTEN}
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert engine.instance is None


def test_a_taken_port_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            LocalStack(tmp_path, cache=PLACES.cache, port=port) as engine,
            pytest.raises(TargetError, match=f"port {port}.*--port"),
        ):
            engine.start()


def test_an_engine_that_cannot_start_is_reported_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    broken = tmp_path / "bin" / "python"
    broken.write_text("#!/bin/sh\necho no engine today\nexit 7\n")
    broken.chmod(0o755)
    environment = replace(engine_environment(PLACES.cache), python=Python(str(broken), "3.13.0"))
    monkeypatch.setattr("taskguard.targets.localstack.engine_environment", lambda _: environment)
    with LocalStack(tmp_path / "run", cache=PLACES.cache) as engine, pytest.raises(TargetError) as refusal:
        engine.start()
    assert "ended with status 7" in str(refusal.value)
    assert "no engine today" in str(refusal.value)
    assert str(tmp_path / "run" / "engine.log") in str(refusal.value)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_engines_owner(tmp_path: Path, death: signal.Signals) -> None:
    owner = subprocess.Popen(
        [*HEEDING_INTERRUPTS, sys.executable, "-c", OWNER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert owner.stdout is not None
    instance = started(owner.stdout.readline())
    endpoint = instance.endpoint()
    function_pid = _start_a_function(endpoint)
    assert is_running(function_pid)
    in_memory = part_in_memory(instance.scratch)
    assert in_memory.is_dir()
    os.kill(owner.pid, death)
    owner.communicate()
    wait_for(lambda: not instance.is_running(), seconds=20)
    wait_for(lambda: not is_running(function_pid), seconds=20)
    wait_for(lambda: not Path(instance.scratch).exists(), seconds=20)
    assert not in_memory.exists()


def test_functions_do_not_outlive_a_killed_engine(tmp_path: Path) -> None:
    with LocalStack(tmp_path, cache=PLACES.cache) as engine:
        endpoint = engine.start()
        pids = [_start_a_function(endpoint), *_start_a_function_that_is_busy(endpoint)]
        assert all(is_running(pid) for pid in pids)
        os.kill(engine.running.pid, signal.SIGKILL)
        wait_for(lambda: not any(is_running(pid) for pid in pids), seconds=20)


def test_another_answer_on_the_port_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    with LocalStack(tmp_path, cache=PLACES.cache) as engine:
        engine.start()
        stranger = started(engine.running.to_json().replace(engine.running.token, "0" * 32))
        assert engine.running.answers()
        assert not stranger.answers()


def _start_a_function(endpoint: Endpoint) -> int:
    source = "import os\ndef handler(event, context):\n    return os.getpid()\n"
    return int(create_function(endpoint, source).invoke().payload)


def _start_a_function_that_is_busy(endpoint: Endpoint) -> list[int]:
    """In Node.js, which does nothing but what it is at; with a process that it has started."""
    source = """
        |const { spawn } = require('child_process');
        |exports.handler = async () => {
        |  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
        |  setTimeout(() => { for (;;); }, 50);
        |  return [process.pid, child.pid];
        |};
    """
    busy = create_function(endpoint, source, runtime="nodejs20.x", file="task.js", timeout=600)
    pids = busy.invoke().payload
    endpoint.functions().invoke(FunctionName=busy.name, InvocationType="Event")
    return list(pids)


def started(text: str) -> LocalStackInstance:
    instance = instance_from_json(text)
    assert isinstance(instance, LocalStackInstance)
    return instance
