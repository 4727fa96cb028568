"""What is told of a machine, of other machines than this one."""

from __future__ import annotations

import resource
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from taskguard.engine.settings import FunctionRuntime
from taskguard.errors import SetupError, TargetError
from taskguard.service import installed
from taskguard.support.sandbox.availability import Availability
from taskguard.targets import docker_daemon, machine
from taskguard.targets.environments import Python
from taskguard.targets.machine import Answer, Found, State


def saying(**answers: str) -> machine.Ask:
    """A machine on which these programs answer, and no others."""

    def asked(command: Sequence[str]) -> Answer:
        text = answers.get(command[0])
        return Answer(reason="not on the path") if text is None else Answer(text=text)

    return asked


def test_what_is_missing_is_refused_in_one_line() -> None:
    def there() -> Found:
        return Found(name="a", state=State.OK, what="there")

    def absent() -> Found:
        return Found(name="b", state=State.ABSENT, what="not there", to_do="Get it.")

    def missing() -> Found:
        return Found(name="c", state=State.MISSING, what="not there", to_do="Do something.")

    machine.require(there, absent)
    with pytest.raises(SetupError, match=r"^looking at this machine: c: not there\. Do something\.$"):
        machine.require(there, missing)


def test_the_engine_needs_a_python_that_localstack_runs_on() -> None:
    there = machine.python_of_the_engine(lambda: Python("/usr/bin/python3.12", "3.12.1"))
    assert (there.state, there.what, there.to_do) == (State.OK, "3.12.1 (/usr/bin/python3.12)", "")

    def nowhere() -> Python:
        raise SetupError("LocalStack needs 3.11, 3.12 or 3.13")

    missing = machine.python_of_the_engine(nowhere)
    assert (missing.state, missing.to_do) == (State.MISSING, "LocalStack needs 3.11, 3.12 or 3.13")


def test_functions_run_on_lambdas_python_or_on_the_engine_s() -> None:
    there = machine.python_of_functions(lambda _: Python("/usr/bin/python3.13", "3.13.1"))
    assert (there.state, there.what, there.to_do) == (State.OK, "3.13.1 (/usr/bin/python3.13)", "")
    absent = machine.python_of_functions(lambda _: None)
    assert (absent.state, absent.what) == (State.ABSENT, "no Python 3.13")
    assert "the engine's" in absent.to_do


def test_runtimes_without_their_own_version_are_told_with_what_stands_in() -> None:
    def find(name: str) -> FunctionRuntime | None:
        return FunctionRuntime("/usr/bin/node", (), "20.20.2", language="node", name=name)

    assert machine.runtimes("nodejs", find).what == (
        "nodejs20.x: 20.20.2; on Node.js 20.20.2: nodejs16.x, nodejs18.x, nodejs22.x, nodejs24.x"
    )
    nothing = machine.runtimes("nodejs", lambda _: None)
    assert nothing.what.startswith("none has its own version; not at all: nodejs16.x")


@pytest.mark.parametrize(
    ("said", "state"),
    [("v20.19.0", "ok"), ("v22.1.0", "ok"), ("v20.18.3", "missing"), ("v18.20.1", "missing"), ("", "missing")],
)
def test_node_must_be_new_enough(said: str, state: str) -> None:
    found = machine.node(saying(node=said))
    assert found.state == state
    assert found.what == said.removeprefix("v")
    assert ("20.19" in found.to_do) is (state == "missing")


def test_what_is_not_installed_is_missing_and_said_why() -> None:
    nothing = saying()
    assert (machine.node(nothing).state, machine.node(nothing).what) == (State.MISSING, "not on the path")
    assert (machine.npm(nothing).state, machine.npm(nothing).what) == (State.MISSING, "not on the path")
    assert machine.npm(saying(npm="10.8.2")) == Found(name="npm", state=State.OK, what="10.8.2")


def test_a_program_is_asked_and_tells_what_is_wrong() -> None:
    assert machine.ask((sys.executable, "-c", "print('hé')")) == Answer(text="hé")
    assert machine.ask(("no-such-program",)) == Answer(reason="not on the path")
    assert machine.ask((sys.executable, "-c", "raise SystemExit('broken\\nby hand')")) == Answer(reason="by hand")
    assert machine.ask((sys.executable, "-c", "raise SystemExit(3)")) == Answer(reason="it ended with status 3")


def test_a_program_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_ANSWER_SECONDS", 0.01)
    assert machine.ask((sys.executable, "-c", "import time; time.sleep(9)")).reason == "no answer within 0.01 s"


def test_a_machine_that_cannot_talk_to_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.loopback().state is State.OK

    def refuse(*_: object, **__: object) -> socket.socket:
        raise OSError(99, "Cannot assign requested address")

    monkeypatch.setattr(socket, "create_server", refuse)
    found = machine.loopback()
    assert (found.state, found.what) == (State.MISSING, "127.0.0.1: cannot assign requested address")


def test_a_port_that_is_taken_concerns_up_alone() -> None:
    def taken(port: int) -> int:
        raise OSError(98, "Address already in use")

    found = machine.port_of_up(taken)
    assert (found.state, found.what) == (State.ABSENT, "address already in use")
    assert machine.port_of_up(lambda port: port).state is State.OK


ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("allowed", "most", "state", "advice"),
    [
        (64, 4096, "missing", "ulimit -n 1024"),
        (64, ENDLESS, "missing", "ulimit -n 1024"),
        (64, 64, "missing", "administrator"),
        (127, 128, "missing", "ulimit -n 128"),
        (128, 128, "ok", ""),
        (ENDLESS, ENDLESS, "ok", ""),
    ],
)
def test_too_few_files_at_once_are_told(allowed: int, most: int, state: str, advice: str) -> None:
    found = machine.open_files(lambda: (allowed, most))
    assert found.state == state
    assert advice in found.to_do
    assert bool(advice) is bool(found.to_do)


def test_a_home_that_cannot_be_written_to_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert machine.home().state is State.OK
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    found = machine.home()
    assert (found.state, found.what) == (State.MISSING, f"{tmp_path / 'nowhere'}: no such file or directory")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert machine.scratch().state is State.MISSING


def test_a_full_disk_is_told_also_of_a_folder_that_is_yet_to_be_made(tmp_path: Path) -> None:
    full = machine.disk(tmp_path / "runs" / "1", lambda _: 64 * 1024)
    assert (full.state, full.what) == (State.MISSING, f"64 kB free at {tmp_path}")
    assert machine.disk(tmp_path, lambda _: 10 * 1024**3) == Found(
        name="disk", state=State.OK, what=f"10.0 GB free at {tmp_path}"
    )


@pytest.mark.parametrize(
    ("name", "state"), [("UTF-8", "ok"), ("utf8", "ok"), ("ANSI_X3.4-1968", "missing"), ("ISO-8859-1", "missing")]
)
def test_text_must_be_read_as_utf_8(name: str, state: str) -> None:
    assert machine.encoding(lambda: name).state == (State.OK if sys.flags.utf8_mode else state)


def test_a_sandbox_is_told_of_and_never_missing() -> None:
    works = machine.sandbox(lambda: Availability(version="bubblewrap 0.8.0"))
    assert (works.state, works.to_do) == (State.OK, "")
    none = machine.sandbox(lambda: Availability(missing="bwrap is not on PATH", to_do="Install it."))
    assert (none.state, none.what) == (State.ABSENT, "bwrap is not on PATH")
    assert none.to_do == "Install it. Without it a service that is not your own is graded with --no-sandbox alone."


def test_docker_is_for_its_target_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def none_answers() -> Iterator[None]:
        raise TargetError("reaching Docker at unix:///a.sock: connection refused. Start Docker, or install it; more.")
        yield

    monkeypatch.setattr(docker_daemon, "connected", none_answers)
    found = machine.docker()
    assert (found.state, found.what) == (State.ABSENT, "Docker at unix:///a.sock: connection refused")
    assert "--target docker alone" in found.to_do

    @contextmanager
    def one_answers() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(version=lambda: {"Version": "27.3.1"})

    monkeypatch.setattr(docker_daemon, "connected", one_answers)
    assert machine.docker() == Found(name="Docker", state=State.OK, what="27.3.1 answers; for --target docker")


def test_sizes_are_for_people() -> None:
    assert [machine.size(number) for number in (0, 2048, 5 * 1024**2, 3 * 1024**3)] == [
        "0 kB",
        "2 kB",
        "5 MB",
        "3.0 GB",
    ]


def test_the_serverless_cli_is_found_or_not_there_yet(tmp_path: Path) -> None:
    assert installed.serverless_cli(tmp_path).state is State.ABSENT
    (tmp_path / "serverless").mkdir()
    package = tmp_path / "serverless" / "package.json"
    package.write_text('{"name": "osls", "version": "3.60.0"}')
    assert installed.serverless_cli(tmp_path) == Found(name="Serverless CLI", state=State.OK, what="osls 3.60.0")
    package.write_text("{")
    assert installed.serverless_cli(tmp_path).state is State.ABSENT


def test_what_is_kept_is_told_with_its_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "there" / "deep").mkdir(parents=True)
    (tmp_path / "there" / "deep" / "file").write_bytes(b"x" * 1000)
    (tmp_path / "there" / "itself").symlink_to(tmp_path / "there")
    monkeypatch.setattr(installed, "folders", lambda: {"one": tmp_path / "there", "other": tmp_path / "not there"})
    one, other = installed.kept()
    assert (one.name, one.size_bytes is not None and 1000 <= one.size_bytes < 1300) == ("one", True)
    assert (other.name, other.size_bytes) == ("other", None)
