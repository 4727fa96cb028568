"""The engine is closed to the outside: it listens on this machine alone, and nothing of its user's reaches it or its functions."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack

from tests.engine.conftest import Create, create_function, is_running
from tests.places import PLACES

pytestmark = pytest.mark.heavy

# In each value, so that it is found wherever it comes out.
MARK = "of-the-user-alone"


@dataclass(frozen=True)
class Closed:
    """An engine, and its process."""

    endpoint: Endpoint
    pid: int

    def processes(self) -> list[psutil.Process]:
        engine = psutil.Process(self.pid)
        return [engine, *engine.children(recursive=True)]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    """An engine, started from a shell that is full of what is the user's alone."""
    home = tmp_path_factory.mktemp("home")
    for name, text in {
        ".aws/credentials": f"[default]\naws_access_key_id = {MARK}\naws_secret_access_key = {MARK}\n",
        ".aws/config": f"[default]\nregion = {MARK}\nendpoint_url = http://127.0.0.1:9\n",
        ".localstack/default.env": f"DEBUG=1\nMINE={MARK}\n",
        ".netrc": f"machine 127.0.0.1 login {MARK} password {MARK}\n",
    }.items():
        file = home / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    with pytest.MonkeyPatch.context() as shell, (home / "open").open("w") as mine, socket.socket() as listening:
        # Where the interpreters are is no secret, and they are looked for before the engine starts.
        shell.setenv("PYENV_ROOT", os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")))
        shell.setenv("HOME", str(home))
        for name in (
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_PROFILE",
            "GITHUB_TOKEN",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "PYTHONPATH",
            "SSH_AUTH_SOCK",
            "TASKGUARD_SECRET",
        ):
            shell.setenv(name, f"/{MARK}/{name}")
        shell.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / ".aws" / "credentials"))
        os.set_inheritable(mine.fileno(), True)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.set_inheritable(True)
        with LocalStack(tmp_path_factory.mktemp("engine"), cache=PLACES.cache) as engine:
            yield Closed(engine.start(), engine.running.pid)


@pytest.fixture
def function(closed: Closed) -> Create:
    """Make a function on that engine, which goes with it."""
    return lambda source, **options: create_function(closed.endpoint, source, **options)


def test_while_functions_run_all_that_listens_or_talks_does_so_on_this_machine_alone(
    closed: Closed, function: Create, tmp_path: Path
) -> None:
    waiter = function(
        """
        |import pathlib, time
        |def handler(event, context):
        |    folder = pathlib.Path(event["folder"])
        |    (folder / event["name"]).touch()
        |    while not (folder / "go on").exists():
        |        time.sleep(0.01)
        |    return event["name"]
        """,
        timeout=60,
    )
    names = ["one", "two"]
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(waiter.invoke, folder=str(tmp_path), name=name) for name in names]
        try:
            wait_for(lambda: all((tmp_path / name).exists() for name in names), seconds=30)
            looked_at = closed.processes()
            found = [each for process in looked_at for each in process.net_connections(kind="inet")]
        finally:
            (tmp_path / "go on").touch()
        assert sorted(answer.result().payload for answer in answers) == names
    # The engine and at least the two functions.
    assert len(looked_at) >= 3
    listening = {each.laddr for each in found if each.status == psutil.CONN_LISTEN}
    # Its own port, and one for each function's runtime.
    assert len(listening) >= 3
    assert {address.ip for address in listening} == {"127.0.0.1"}
    # Bound for datagrams, or connected.
    assert {each.laddr.ip for each in found if each.laddr} == {"127.0.0.1"}
    assert {each.raddr.ip for each in found if each.raddr} == {"127.0.0.1"}


PRINT_ALL = """
    |import boto3, fcntl, glob, os, pathlib, socket, stat, struct, sys
    |def handler(event, context):
    |    session = boto3.session.Session()
    |    home = pathlib.Path.home()
    |    return {
    |        "environment": dict(os.environ),
    |        "home": str(home),
    |        "in home": [str(path) for path in home.rglob("*")],
    |        "arguments": sys.orig_argv,
    |        "path": sys.path,
    |        "descriptors": {number: told(number) for number in range(256) if is_open(number)},
    |        "profiles": session.available_profiles,
    |        "access key": session.get_credentials().access_key,
    |        "parent": environment_of(os.getppid()),
    |    }
    |def is_open(number):
    |    try:
    |        os.fstat(number)
    |    except OSError:
    |        return False
    |    return True
    |def told(number):
    |    kind = os.fstat(number).st_mode
    |    if stat.S_ISFIFO(kind):
    |        return "pipe"
    |    if stat.S_ISCHR(kind):
    |        return "device"
    |    if not stat.S_ISSOCK(kind):
    |        may_write = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    |        clocks = [path for path in sys.orig_argv if pathlib.Path(path).name == "clock"]
    |        is_clock = any(os.path.samestat(os.fstat(number), os.stat(path)) for path in clocks)
    |        return "clock, to be read" if is_clock and not may_write else "file"
    |    with socket.socket(fileno=os.dup(number)) as copy:
    |        if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
    |            return "listening"
    |        if copy.family != socket.AF_UNIX:
    |            return "connection to " + copy.getpeername()[0]
    |        if not hasattr(socket, "SO_PEERCRED"):
    |            return "own pair"
    |        peer = struct.unpack("3i", copy.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    |        return "own pair" if peer == os.getpid() else f"pair with {peer}"
    |def environment_of(pid):
    |    try:
    |        return pathlib.Path(f"/proc/{pid}/environ").read_text()
    |    except OSError:
    |        return ""
"""


@pytest.fixture(scope="module")
def printed(closed: Closed) -> dict[str, Any]:
    """What a function sees of where it runs."""
    outcome = create_function(closed.endpoint, PRINT_ALL, GREETING="hello").invoke()
    assert outcome.error is None, outcome.payload
    told: dict[str, Any] = outcome.payload
    return told


def test_a_function_sees_nothing_that_is_the_users_alone(printed: dict[str, Any]) -> None:
    assert MARK not in json.dumps(printed)


def test_a_functions_environment_has_what_lambda_gives_it_and_its_own_settings(printed: dict[str, Any]) -> None:
    environment = printed["environment"]
    assert environment.pop("GREETING") == "hello"
    strangers = {name for name in environment if not name.startswith(("AWS_", "LAMBDA_", "_LAMBDA_", "_X_AMZN_"))}
    # Python adds LC_CTYPE where the machine lacks LANG's locale.
    assert strangers - {"LC_CTYPE"} == {"HOME", "LANG", "PATH", "PYTHONPATH", "TMPDIR", "TZ", "_HANDLER"}
    assert not {"AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"} & environment.keys()


def test_a_functions_home_is_its_own_and_empty(printed: dict[str, Any]) -> None:
    assert Path(printed["home"]) != Path.home()
    assert printed["in home"] == []
    assert printed["profiles"] == []


def test_a_function_signs_as_itself(printed: dict[str, Any]) -> None:
    assert printed["access key"] == printed["environment"]["AWS_ACCESS_KEY_ID"]
    assert printed["access key"] not in ("", "test")


def test_a_function_has_no_file_or_socket_of_others_open(printed: dict[str, Any]) -> None:
    kinds = list(printed["descriptors"].values())
    assert set(kinds) <= {"pipe", "device", "own pair", "connection to 127.0.0.1", "clock, to be read"}
    # Input, output, errors.
    assert kinds[:3] == ["device", "pipe", "pipe"]


def test_the_engine_itself_knows_nothing_of_its_user(closed: Closed) -> None:
    engine = psutil.Process(closed.pid)
    environment = engine.environ()
    assert MARK not in json.dumps(environment)
    assert not [name for name in environment if name.startswith("AWS_")]
    assert is_running(closed.pid)
    assert Path(environment["HOME"]) != Path.home()
    # ~/.localstack/default.env would have made it talk more.
    assert closed.endpoint.log is not None
    assert " DEBUG " not in closed.endpoint.log.read_text()
