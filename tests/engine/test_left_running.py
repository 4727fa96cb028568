"""What a function starts ends with its environment, whatever session it went to; and the recorder tells what it left running."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from taskguard.evidence.recorder.recording import Left
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack

from tests.engine.conftest import Create, Function, create_function, is_running
from tests.engine.recorded import recorded
from tests.places import PLACES

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="elsewhere what has left its group cannot be found"
    ),
]

SOURCE = """
import os, subprocess, sys, time

ENDLESS = [sys.executable, "-IS", "-c", "import time; time.sleep(600)"]

def daemonise(folder):
    # As a daemon does: a fork that ends, a session of its own, and one more fork, so that nobody knows its parent.
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    os.dup2(0, 2)
    with open(f"{folder}/{os.getpid()}", "w"):
        pass
    os.execve(ENDLESS[0], ENDLESS, {})

def handler(event, context):
    if event.get("quiet"):
        return os.getpid()
    folder = event["folder"]
    child = subprocess.Popen(ENDLESS, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(f"{folder}/{child.pid}", "w"):
        pass
    daemonise(folder)
    while len(os.listdir(folder)) < 2:
        time.sleep(0.01)
    if event.get("never"):
        time.sleep(600)
    if event.get("exits"):
        os._exit(3)
    return os.getpid()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Each process that is left names itself by a file in it; they end with the test at the latest."""
    named = tmp_path / "processes"
    named.mkdir()
    yield named
    for pid in filter(is_running, pids_in(named)):
        psutil.Process(pid).kill()


def pids_in(folder: Path) -> list[int]:
    return [int(file.name) for file in folder.rglob("*") if file.is_file()]


def started(folder: Path) -> list[int]:
    """Both processes, which run."""
    pids = pids_in(folder)
    assert [is_running(pid) for pid in pids] == [True, True]
    return pids


def all_end(pids: list[int]) -> None:
    wait_for(lambda: not any(map(is_running, pids)), seconds=20)


def left_by(function: Function, endpoint: Endpoint) -> list[Left]:
    return [each for each in recorded(endpoint).left if each.function == function.name]


def test_what_a_function_left_running_is_told_once_and_goes_on_until_its_environment_ends(
    endpoint: Endpoint, function: Create, folder: Path
) -> None:
    daemons = function(SOURCE, timeout=20)
    pid = daemons.invoke(folder=str(folder)).payload
    pids = started(folder)
    wait_for(lambda: bool(left_by(daemons, endpoint)), seconds=20)
    assert daemons.invoke(quiet=True).payload == pid
    # Of a later invocation more is told only if there is more.
    other = function(SOURCE, timeout=20)
    (folder / "of-another").mkdir()
    other.invoke(folder=str(folder / "of-another"))
    wait_for(lambda: bool(left_by(other, endpoint)), seconds=20)
    [left] = left_by(daemons, endpoint)
    assert left.count == 2
    assert all("time.sleep(600)" in command for command in left.commands)
    [first, _] = [each for each in recorded(endpoint).invocations.values() if each.function == daemons.name]
    assert left.request_id == first.request_id
    assert all(map(is_running, pids))
    functions = endpoint.functions()
    functions.update_function_configuration(FunctionName=daemons.name, Environment={"Variables": {"WORDS": "new"}})
    functions.get_waiter("function_updated_v2").wait(FunctionName=daemons.name, WaiterConfig={"Delay": 1})
    all_end(pids)
    assert daemons.invoke(quiet=True).payload != pid


def test_a_function_that_leaves_nothing_is_told_nothing(endpoint: Endpoint, function: Create, folder: Path) -> None:
    tidy = function(
        "import subprocess\ndef handler(event, context):\n    subprocess.run(['true'])\n    return 'done'\n"
    )
    daemons = function(SOURCE, timeout=20)
    tidy.invoke()
    daemons.invoke(folder=str(folder))
    wait_for(lambda: bool(left_by(daemons, endpoint)), seconds=20)
    assert left_by(tidy, endpoint) == []


@pytest.mark.parametrize("how", ["never", "exits"])
def test_what_it_started_ends_with_a_function_that_runs_out_of_time_or_exits(
    function: Create, folder: Path, how: str
) -> None:
    daemons = function(SOURCE, timeout=5)
    outcome = daemons.invoke(folder=str(folder), **{how: True})
    assert outcome.error == "Unhandled"
    pids = pids_in(folder)
    assert len(pids) == 2
    all_end(pids)
    assert isinstance(daemons.invoke(quiet=True).payload, int)


@pytest.mark.parametrize("death", [signal.SIGTERM, signal.SIGKILL])
def test_what_it_started_ends_with_an_engine_that_is_stopped_or_killed(
    tmp_path: Path, folder: Path, death: signal.Signals
) -> None:
    with LocalStack(tmp_path / "engine", cache=PLACES.cache) as engine:
        daemons = create_function(engine.start(), SOURCE, timeout=20)
        pid = daemons.invoke(folder=str(folder)).payload
        pids = started(folder)
        os.kill(engine.running.pid, death)
        all_end([pid, *pids])
