"""A function's process: real ones, running a module of these tests in place of the runtime interface client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest
from taskguard.engine.functions.launch import Folders, Function, Launch
from taskguard.engine.functions.process import FunctionProcess, stop_all
from taskguard.engine.functions.runtimes import launch_of
from taskguard.engine.settings import FunctionRuntime
from taskguard.support.waiting import wait_for

from tests.places import PROJECT
from tests.programs.lambda_libraries import write_libraries

SOON = 20.0
WAITS = "print(os.getpid(), flush=True)\nthreading.Event().wait()"


class Start(Protocol):
    """Starts a process that runs ``code``, which ``os``, ``sys``, ``json``, ``threading`` and ``subprocess`` serve."""

    def __call__(self, code: str, **environment: str) -> FunctionProcess: ...


@pytest.fixture(autouse=True)
def _homes_in_a_folder_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def exits() -> list[int]:
    """One entry for each call of ``on_exit``."""
    return []


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests: what forks their processes loads it once, but for the client's code."""
    return tmp_path_factory.mktemp("library")


@pytest.fixture
def start(tmp_path: Path, library: Path, exits: list[int]) -> Iterator[Start]:
    started: list[FunctionProcess] = []
    task_root = tmp_path / "package"
    task_root.mkdir()

    def start_process(code: str, **environment: str) -> FunctionProcess:
        write_client(library, code)
        runtime = FunctionRuntime(sys.executable, (str(library),), "3")
        on_exit: Callable[[], None] = lambda: exits.append(1)  # noqa: E731
        process = FunctionProcess(launch(runtime, task_root, environment), on_exit)
        started.append(process)
        return process

    yield start_process
    for process in started:
        process.kill()


def launch(runtime: FunctionRuntime, task_root: Path, environment: Mapping[str, str]) -> Launch:
    function = Function(runtime=runtime, handler="app.handler", variables=environment)
    return launch_of(function, Folders(task_root=task_root, home=Path(tempfile.mkdtemp())))


def write_client(library: Path, code: str) -> None:
    imports = "import json, os, signal, subprocess, sys, threading\n"
    write_libraries(library, imports + textwrap.dedent(code))


def output_of(process: FunctionProcess) -> str:
    """All that a process wrote, once it has ended."""
    assert process.ended.wait(SOON)
    return process.take_output()


def first_line(process: FunctionProcess) -> str:
    """What a running process said first."""
    heard: list[str] = []

    def look() -> bool:
        heard.append(process.take_output())
        return "\n" in "".join(heard)

    wait_for(look, seconds=SOON, every=0.01)
    return "".join(heard).splitlines()[0]


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_it_sees_its_own_environment_and_nothing_of_ours(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, library: Path
) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "HTTP_PROXY", "VIRTUAL_ENV", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "the user's")
    process = start("print(json.dumps(dict(os.environ)))", FAILURE_RATE="0.3", HOME="/root", TMPDIR="/elsewhere")
    seen: dict[str, str] = json.loads(output_of(process))
    assert "the user's" not in seen.values()
    assert seen["FAILURE_RATE"] == "0.3"
    assert seen["PYTHONPATH"] == f"{tmp_path / 'package'}{os.pathsep}{library}"
    assert seen["HOME"] == seen["TMPDIR"] not in ("/root", "/elsewhere", os.environ["HOME"])
    given = {"PATH", "LANG", "FAILURE_RATE", "PYTHONPATH", "HOME", "TMPDIR", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"}
    # LC_CTYPE is set by Python itself, where the locale is not there.
    assert seen.keys() - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"} == given


def test_it_imports_its_package_first_and_nothing_of_our_site_packages(
    start: Start, tmp_path: Path, library: Path
) -> None:
    process = start("print(json.dumps([sys.path, os.getcwd(), sys.argv]))", PYTHONPATH="/layer")
    path, folder, argv = json.loads(output_of(process))
    assert path[:3] == [str(tmp_path / "package"), "/layer", str(library)]
    assert not any("site-packages" in entry for entry in path)
    assert str(PROJECT) not in path
    assert folder == str(tmp_path / "package")
    assert argv[1:] == ["app.handler"]


def test_its_lifeline_and_our_pipes_are_not_handed_on_to_what_it_starts(start: Start) -> None:
    code = """
    listing = "import os; print([d for d in range(3, 64) if os.path.exists(f'/dev/fd/{d}')])"
    print(subprocess.run([sys.executable, "-IS", "-c", listing], capture_output=True, text=True, close_fds=False).stdout)
    """
    assert output_of(start(code)).strip() == "[]"


def test_more_output_than_a_pipe_holds_is_collected_while_nobody_takes_it(start: Start) -> None:
    process = start("print('x' * 400_000)\nprint('the end', file=sys.stderr)")
    output = output_of(process)
    assert output.count("x") == 400_000
    assert "the end\n" in output


def test_output_is_taken_once(start: Start) -> None:
    process = start("sys.stdout.buffer.write('Zoë 東京\\n'.encode() + b'\\xff')")
    assert output_of(process) == "Zoë 東京\n�"
    assert process.take_output() == ""


def test_a_character_taken_in_two_parts_arrives_whole(start: Start, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    os.mkfifo(go_on)
    process = start(f"os.write(1, b'1\\n\\xe6\\x9d')\nopen({str(go_on)!r}).read()\nos.write(1, b'\\xb1')")
    assert first_line(process) == "1"
    go_on.write_text("")
    assert output_of(process) == "東"


def test_a_process_that_ends_takes_along_what_it_started(start: Start) -> None:
    process = start("""
    child = subprocess.Popen([sys.executable, "-IS", "-c", "import threading; threading.Event().wait()"])
    print(child.pid, flush=True)
    os._exit(3)
    """)
    grandchild = int(output_of(process))
    wait_for(lambda: is_gone(grandchild), seconds=SOON, every=0.01)
    assert process.exit_reason() == "Runtime exited with error: exit status 3"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("pass", "Runtime exited without providing a reason"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("raise ValueError", "Runtime exited with error: exit status 1"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "Runtime exited with error: signal: segmentation fault"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "Runtime exited with error: signal: terminated"),
        ("os.kill(os.getpid(), signal.SIGALRM)", "Runtime exited with error: signal: 14"),
    ],
)
def test_how_it_ended_is_told_in_lambda_s_words(start: Start, code: str, reason: str) -> None:
    process = start(code)
    assert process.ended.wait(SOON)
    assert process.exit_reason() == reason


def test_its_exit_is_told_once(start: Start, exits: list[int]) -> None:
    process = start("pass")
    telling = [thread for thread in threading.enumerate() if thread.name == f"function-exit-{process.pid}"]
    assert process.ended.wait(SOON)
    for thread in telling:
        thread.join(SOON)
    process.kill()
    process.kill()
    assert exits == [1]


@pytest.mark.parametrize("was_heard_of", [True, False])
def test_killing_ends_what_it_started_as_well(
    start: Start, monkeypatch: pytest.MonkeyPatch, *, was_heard_of: bool
) -> None:
    killing, wait, begin_to_end = threading.Event(), FunctionProcess._wait, FunctionProcess.begin_to_end
    if not was_heard_of:
        # The engine is busy, and has not read which process its keeper has started.
        monkeypatch.setattr(FunctionProcess, "_wait", lambda self: killing.wait(SOON) and wait(self))

        def kill_first(self: FunctionProcess) -> None:
            begin_to_end(self)
            killing.set()

        monkeypatch.setattr(FunctionProcess, "begin_to_end", kill_first)
    code = """
    child = subprocess.Popen([sys.executable, "-IS", "-c", "import threading; threading.Event().wait()"])
    print(child.pid, flush=True)
    threading.Event().wait()
    """
    process = start(code)
    grandchild = int(first_line(process))
    assert not is_gone(grandchild)
    process.kill()
    assert process.ended.wait(SOON)
    assert is_gone(process.pid)
    wait_for(lambda: is_gone(grandchild), seconds=SOON, every=0.01)
    assert process.exit_reason() == "Runtime exited with error: signal: killed"


def test_killing_leaves_no_folder_of_its_own(start: Start) -> None:
    process = start("print(os.environ['HOME'], flush=True)\nopen(os.environ['HOME'] + '/file', 'w')\n" + WAITS)
    home = Path(first_line(process))
    assert home.is_dir()
    process.kill()
    assert not home.exists()
    process.kill()


def test_last_words_are_kept_when_it_is_killed(start: Start, tmp_path: Path) -> None:
    said = tmp_path / "said"
    process = start(f"print('last words', flush=True)\nopen({str(said)!r}, 'w')\nthreading.Event().wait()")
    wait_for(said.exists, seconds=SOON, every=0.01)
    process.kill()
    assert process.take_output() == "last words\n"


def test_its_memory_is_told_while_it_runs(start: Start) -> None:
    process = start(WAITS)
    first_line(process)
    assert process.memory_mb() >= 1
    process.kill()
    assert process.memory_mb() == 0


def test_stopping_all_ends_each_of_them(start: Start) -> None:
    processes = [start(WAITS) for _ in range(2)]
    stop_all()
    assert all(process.ended.wait(SOON) for process in processes)


def test_an_interpreter_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    runtime = FunctionRuntime(str(tmp_path / "no-python"), ("/none",), "3")
    before = threading.active_count()
    with pytest.raises(FileNotFoundError):
        FunctionProcess(launch(runtime, tmp_path, {}), lambda: None)
    assert list(tmp_path.iterdir()) == [], "its home is gone"
    assert threading.active_count() <= before


def test_a_function_does_not_outlive_an_engine_that_was_killed(library: Path, tmp_path: Path) -> None:
    write_client(library, WAITS)
    engine = f"""
import os, pathlib, signal, tempfile, threading
from taskguard.engine.functions.launch import Folders, Function
from taskguard.engine.functions.process import FunctionProcess
from taskguard.engine.functions.runtimes import launch_of
from taskguard.engine.settings import FunctionRuntime
runtime = FunctionRuntime({sys.executable!r}, ({str(library)!r},), "3")
function = Function(runtime=runtime, handler="app.handler", variables={{}})
folders = Folders(task_root=pathlib.Path({str(tmp_path)!r}), home=pathlib.Path(tempfile.mkdtemp()))
process = FunctionProcess(launch_of(function, folders), lambda: None)
while not process.take_output():
    threading.Event().wait(0.01)
print(process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment: dict[str, Any] = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", engine], env=environment, capture_output=True, text=True, timeout=SOON, check=False
    )
    assert done.returncode < 0, done.stderr
    wait_for(lambda: is_gone(int(done.stdout)), seconds=SOON, every=0.01)


def test_what_a_keeper_starts_ends_with_it(start: Start) -> None:
    process = start(WAITS)
    function = int(first_line(process))
    psutil.Process(process.pid).kill()
    assert process.ended.wait(SOON)
    assert process.exit_reason() == "Runtime exited with error: signal: killed"
    wait_for(lambda: is_gone(function), seconds=SOON, every=0.01)


def test_a_function_starts_after_somebody_ended_all_keepers(start: Start) -> None:
    kept = psutil.Process(start(WAITS).pid).parent()
    assert kept is not None
    kept.kill()
    wait_for(lambda: is_gone(kept.pid), seconds=SOON, every=0.01)
    assert [output_of(start("print('started')")) for _ in range(2)] == ["started\n"] * 2
