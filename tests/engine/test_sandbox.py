"""Functions that try to get out of their sandbox, and what they find: Lambda's own folders, and of the network this engine."""

from __future__ import annotations

import os
import signal
import socket
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.support.sandbox.processes import where_groups_are_made
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack

from tests.engine.conftest import Create, create_function, is_running
from tests.engine.recorded import recorded
from tests.places import PLACES

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not sandbox_here(), reason=f"this machine has no sandbox: {sandbox_here().missing}"),
]

SECRET = "of-the-user-alone"  # pragma: allowlist secret


@dataclass(frozen=True)
class Boxed:
    """An engine whose functions are in a sandbox, its process, and a user's home beside it."""

    endpoint: Endpoint
    pid: int
    home: Path

    def running(self, words: str) -> list[int]:
        """The processes below the engine whose command has these words."""
        found = []
        for process in psutil.Process(self.pid).children(recursive=True):
            try:
                if words in " ".join(process.cmdline()) and process.name() != "bwrap":
                    found.append(process.pid)
            except psutil.NoSuchProcess:
                continue
        return found

    def most_of_one(self) -> list[int]:
        """The processes below the engine that are children of the one that has the most."""
        below: dict[int, list[int]] = defaultdict(list)
        for process in psutil.Process(self.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                below[process.ppid()].append(process.pid)
        return max(below.values(), key=len)


@pytest.fixture(scope="module")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxed]:
    home = tmp_path_factory.mktemp("home")
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text(SECRET)
    with LocalStack(tmp_path_factory.mktemp("engine"), cache=PLACES.cache, sandboxed=True) as engine:
        yield Boxed(engine.start(), engine.running.pid, home)


@pytest.fixture
def function(boxed: Boxed) -> Create:
    """Make a function on that engine, which goes with it."""
    return lambda source, **options: create_function(boxed.endpoint, source, **options)


TRIED = """
    |import os
    |def tried(what, *arguments):
    |    try:
    |        what(*arguments)
    |    except OSError as error:
    |        return error.errno
    |    return "done"
    |def write(path):
    |    open(path, "w").close()
"""


def test_a_function_sees_no_file_of_the_users_and_writes_to_tmp_alone(boxed: Boxed, function: Create) -> None:
    reader = function(
        TRIED
        + """
        |def handler(event, context):
        |    room = os.statvfs("/tmp")
        |    return {
        |        "read": [tried(open, path) for path in event["read"]],
        |        "written": [path for path in event["write"] if tried(write, path + "/left") == "done"],
        |        "package": tried(write, "/var/task/task.py"),
        |        "compiled": [os.path.exists(__cached__), tried(write, os.path.dirname(__cached__) + "/left")],
        |        "tmp": room.f_blocks * room.f_frsize,
        |        "root": os.listdir("/var") + os.listdir("/tmp"),
        |        "user": os.getuid(),
        |    }
        """
    )
    scratch = Path(psutil.Process(boxed.pid).cwd())
    told = reader.invoke(
        read=[
            str(boxed.home / ".aws" / "credentials"),
            str(scratch / "clock"),
            str(boxed.endpoint.recording),
            "/etc/shadow",
        ],
        write=[
            str(boxed.home),
            str(Path.home()),
            str(scratch),
            "/",
            "/usr",
            "/etc",
            "/var",
            "/dev",
            "/dev/shm",
            "/opt",
            "/tmp",
        ],
    ).payload
    assert told["read"] == [2, 2, 2, 2]
    assert told["written"] == ["/tmp"]
    # "Read-only file system", as on Lambda.
    assert told["package"] == 30
    assert told["compiled"] == [True, 30]
    assert told["tmp"] == 512 * 1024**2
    assert sorted(told["root"]) == ["left", "runtime", "task"]
    assert told["user"] != 0
    assert not (boxed.home / "left").exists()


def test_a_function_reaches_the_engine_and_nothing_else(boxed: Boxed, function: Create) -> None:
    caller = function(
        TRIED
        + """
        |import boto3, socket
        |def handler(event, context):
        |    account = boto3.client("sts").get_caller_identity()["Account"]
        |    addresses = [("127.0.0.1", event["port"]), ("192.0.2.1", 80), ("169.254.169.254", 80)]
        |    return account, [tried(lambda: socket.create_connection(each, timeout=5).close()) for each in addresses]
        """
    )
    with socket.create_server(("127.0.0.1", 0)) as other:
        account, refused = caller.invoke(port=other.getsockname()[1]).payload
    assert account == "000000000000"
    # Connection refused; network is unreachable.
    assert refused == [111, 101, 101]


def test_a_function_sees_no_process_and_no_variable_but_its_own(boxed: Boxed, function: Create) -> None:
    looker = function(
        """
        |import os, pathlib
        |def handler(event, context):
        |    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        |    seen = [pathlib.Path(f"/proc/{pid}/cmdline").read_text().split(chr(0))[0] for pid in pids]
        |    return {"pids": sorted(pids), "seen": seen, "parent": os.getppid(), "variables": sorted(os.environ)}
        """,
        GREETING="hello",
    )
    told = looker.invoke().payload
    assert len(told["pids"]) == 2
    assert told["parent"] == 1
    strangers = {name for name in told["variables"] if not name.startswith(("AWS_", "LAMBDA_", "_LAMBDA_", "_X_AMZN_"))}
    of_lambda = {"GREETING", "HOME", "LANG", "PATH", "PWD", "PYTHONPATH", "TMPDIR", "TZ", "_HANDLER"}
    assert strangers - {"LC_CTYPE"} == of_lambda


LEAVES = """
    |import os, subprocess, sys
    |def handler(event, context):
    |    if event.get("leaves"):
    |        command = [sys.executable, "-IS", "-c", "import time; time.sleep(600) # " + event["leaves"]]
    |        subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    |    if "exit" in event:
    |        os._exit(event["exit"])
    |    if "signal" in event:
    |        os.kill(os.getpid(), event["signal"])
"""


def test_what_a_function_leaves_behind_is_told_and_ends_with_it(boxed: Boxed, function: Create) -> None:
    leaver = function(LEAVES)
    leaver.invoke(leaves="left-behind")
    wait_for(lambda: len(boxed.running("left-behind")) == 1, seconds=20)
    told = recorded(boxed.endpoint).left
    wait_for(lambda: any(each.function == leaver.name for each in recorded(boxed.endpoint).left), seconds=20)
    [left] = [each for each in told if each.function == leaver.name]
    assert (left.count, "left-behind" in left.commands[0]) == (1, True)
    [pid] = boxed.running("left-behind")
    assert leaver.invoke(exit=3).error == "Unhandled"
    wait_for(lambda: not is_running(pid), seconds=20)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ({"exit": 0}, "Runtime exited without providing a reason"),
        ({"exit": 3}, "Runtime exited with error: exit status 3"),
        ({"signal": signal.SIGKILL}, "Runtime exited with error: signal: killed"),
        ({"signal": signal.SIGSEGV}, "Runtime exited with error: signal: segmentation fault"),
    ],
    ids=["0", "3", "killed", "crashed"],
)
def test_how_a_function_ended_is_told_in_lambdas_words(function: Create, end: dict[str, int], reason: str) -> None:
    outcome = function(LEAVES).invoke(**end)
    assert outcome.payload["errorMessage"] == f"RequestId: {outcome.request_id} Error: {reason}"


def test_a_function_that_forks_without_end_comes_to_an_end(boxed: Boxed, function: Create) -> None:
    bomb = function(
        """
        |import os, time
        |def handler(event, context):
        |    if event.get("ends"):
        |        os._exit(1)
        |    made = []
        |    try:
        |        while len(made) < 5000:
        |            child = os.fork()
        |            if child == 0:
        |                time.sleep(600)
        |            made.append(child)
        |    except OSError:
        |        # Lambda's client starts a thread to ask for the next invocation: without room for it the function ends.
        |        for child in made[:4]:
        |            os.kill(child, 9)
        |            os.waitpid(child, 0)
        |    return len(made)
        """,
        timeout=60,
    )
    # Lambda's quota is 1,024, and the function's own processes count.
    assert 900 < bomb.invoke().payload < 1024
    made = boxed.most_of_one()
    assert len(made) > 100
    bomb.invoke(ends=True)
    assert not any(map(is_running, made))


def test_a_function_that_fills_its_disk_has_as_much_as_on_lambda(function: Create) -> None:
    filler = function(
        """
        |import os, tempfile
        |def handler(event, context):
        |    try:
        |        with tempfile.TemporaryFile() as file:
        |            os.posix_fallocate(file.fileno(), 0, 600 * 1024**2)
        |    except OSError as error:
        |        return error.errno
        """
    )
    # No space left on the device.
    assert filler.invoke().payload == 28


def test_a_function_that_takes_more_and_more_memory_is_stopped(function: Create) -> None:
    greedy = function(
        """
        |def handler(event, context):
        |    try:
        |        return len(bytearray(3 * 1024**3))
        |    except MemoryError:
        |        return "no more"
        """,
        memory=256,
    )
    assert greedy.invoke().payload == "no more"


def test_a_functions_memory_is_its_own(boxed: Boxed, function: Create) -> None:
    holder = function("held = bytearray(100_000_000)\ndef handler(event, context):\n    return len(held)\n", memory=256)
    holder.invoke()
    [report] = [line for line in holder.log("REPORT") if line.startswith("REPORT")]
    used = int(report.partition("Max Memory Used: ")[2].split()[0])
    assert 100 < used < 250


def test_functions_and_their_network_do_not_outlive_a_killed_engine(tmp_path: Path) -> None:
    with LocalStack(tmp_path, cache=PLACES.cache, sandboxed=True) as engine:
        endpoint = engine.start()
        create_function(endpoint, LEAVES).invoke(leaves="outlives")
        below = psutil.Process(engine.running.pid).children(recursive=True)
        # The broker of the network, what makes keepers, two of them, the sandbox, the function, what it left.
        assert len(below) >= 7
        os.kill(engine.running.pid, signal.SIGKILL)
        wait_for(lambda: not any(is_running(process.pid) for process in below), seconds=20)
        if (groups := where_groups_are_made()) is not None:
            assert not [group for process in below for group in groups.glob(f"taskguard-{process.pid}-*")]
