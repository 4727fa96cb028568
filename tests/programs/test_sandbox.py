"""Whether there is a sandbox, and what is seen in it: of machines that are told of, and where this one has it, of this one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from taskguard.errors import SandboxError
from taskguard.support.sandbox.availability import Availability, look, sandbox_here
from taskguard.support.sandbox.box import Bind, Box, folder_of
from taskguard.support.sandbox.network import Network

here = pytest.mark.skipif(not sandbox_here(), reason=f"this machine has no sandbox: {sandbox_here().missing}")


def on_linux(*programs: str, reason: str = "") -> Availability:
    return look(lambda: "Linux", {name: f"/usr/bin/{name}" for name in programs}.get, lambda: reason)


def test_there_is_one_where_it_was_tried_and_works() -> None:
    assert on_linux("bwrap", "nsenter", "prlimit")


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (look(lambda: "Darwin"), "bubblewrap is for Linux"),
        (on_linux("nsenter", "prlimit"), "bwrap is not on PATH"),
        (on_linux("bwrap", "prlimit"), "nsenter is not on PATH"),
        (on_linux("bwrap", "nsenter", "prlimit", reason="no permissions"), "does not work (no permissions)"),
    ],
    ids=["macOS", "no bubblewrap", "no nsenter", "not allowed"],
)
def test_where_there_is_none_it_is_said_what_is_missing_and_what_to_do(found: Availability, missing: str) -> None:
    assert not found
    assert missing in found.missing
    assert found.to_do
    with pytest.raises(SandboxError, match="grading a stranger: there is no sandbox here: "):
        found.require("grading a stranger")


def test_a_program_is_seen_with_the_folder_that_it_was_installed_in(tmp_path: Path) -> None:
    assert folder_of("/usr/bin/env")[1] == ()
    program = tmp_path / "node-22" / "bin" / "node"
    program.parent.mkdir(parents=True)
    program.touch()
    (tmp_path / "link").symlink_to(program)
    (tmp_path / "node-22" / "share").mkdir()
    assert folder_of(str(tmp_path / "link")) == (str(program), (Bind(str(program.parent)),))


def test_a_program_that_lies_among_the_users_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "node").touch()
    with pytest.raises(SandboxError, match="which has other files, too"):
        folder_of(str(tmp_path / "bin" / "node"))


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


def run_in(box: Box, network: Network, *program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        box.command(program, enter=network.enter()),
        env={"PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        timeout=60,
    )


@here
def test_a_program_sees_what_it_is_given_and_the_systems_own(tmp_path: Path, network: Network) -> None:
    (tmp_path / "given").write_text("given")
    box = Box(folder="/", binds=(Bind(str(tmp_path / "given"), "/var/task/given"),))
    done = run_in(box, network, "sh", "-c", "ls -A / /var/task /tmp; cat /var/task/given; id -u")
    assert "given" in done.stdout
    seen = done.stdout.partition("\n\n")[0].split()
    assert not {"root", "home", "mnt", "srv", "run"} & set(seen)
    assert "993\n" in done.stdout


@here
def test_a_program_writes_nowhere_but_where_it_may(tmp_path: Path, network: Network) -> None:
    (tmp_path / "seen").mkdir()
    (tmp_path / "own").mkdir()
    box = Box(
        folder="/", binds=(Bind(str(tmp_path / "seen"), "/seen"), Bind(str(tmp_path / "own"), "/own", writable=True))
    )
    done = run_in(
        box,
        network,
        "sh",
        "-c",
        "for at in / /usr /etc /dev /dev/shm /seen /own /tmp; do touch $at/written && echo $at; done",
    )
    assert done.stdout.split() == ["/own", "/tmp"]
    assert sorted(path.name for path in tmp_path.rglob("written")) == ["written"]


@here
@pytest.mark.parametrize("nested", [False, True])
def test_a_program_changes_nothing_of_the_machine_s_whoever_started_it(network: Network, *, nested: bool) -> None:
    interpreter, folders = folder_of(sys.executable)
    tried = (
        "import os\n"
        "def tried(what, *arguments):\n"
        "    try: what(*arguments); print(arguments)\n"
        "    except OSError: pass\n"
        "for name in ('kernel/core_pattern', 'vm/swappiness', 'fs/file-max'):\n"
        "    tried(os.open, '/proc/sys/' + name, os.O_WRONLY)\n"
        "tried(os.open, '/proc/irq/default_smp_affinity', os.O_WRONLY)\n"
    )
    done = run_in(Box(folder="/", binds=folders, nested=nested), network, interpreter, "-I", "-S", "-c", tried)
    assert (done.stdout, done.stderr) == ("", "")


@here
def test_its_temporary_folder_holds_no_more_than_it_may(network: Network) -> None:
    box = Box(folder="/tmp", temporary_bytes=1024**2)
    done = run_in(box, network, "sh", "-c", "head -c 3000000 /dev/zero > much; wc -c < much")
    assert "No space left" in done.stderr
    assert int(done.stdout) <= 1024**2


@here
def test_it_reaches_the_ports_that_were_opened_and_nothing_else(network: Network) -> None:
    with socket.create_server(("127.0.0.1", 0)) as passed_on, socket.create_server(("127.0.0.1", 0)) as other:
        port = passed_on.getsockname()[1]
        network.pass_on(port)
        program = (
            "import socket, sys\n"
            "for address in (('127.0.0.1', int(sys.argv[1])), ('127.0.0.1', int(sys.argv[2])), ('192.0.2.1', 80)):\n"
            "    try: socket.create_connection(address, timeout=5).sendall(b'reached'); print('reached')\n"
            "    except OSError as error: print(type(error).__name__, error.errno)\n"
        )
        interpreter, folders = folder_of(sys.executable)
        box = Box(folder="/", binds=folders)
        done = run_in(box, network, interpreter, "-I", "-c", program, str(port), str(other.getsockname()[1]))
        assert done.stdout.splitlines() == ["reached", "ConnectionRefusedError 111", "OSError 101"]
        connection, _ = passed_on.accept()
        with connection:
            assert connection.recv(100) == b"reached"


@here
def test_what_it_leaves_behind_ends_with_it(tmp_path: Path, network: Network) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    reader = os.open(told, os.O_RDONLY | os.O_NONBLOCK)
    box = Box(folder="/", binds=(Bind(str(told), "/told", writable=True),))
    run_in(box, network, "sh", "-c", "exec 3>/told; setsid sleep 600 <&- >&- 2>&- & exit 0")
    os.set_blocking(reader, True)
    # Its end: nobody has it open any more.
    assert os.read(reader, 1) == b""
    os.close(reader)


@here
def test_a_port_that_is_taken_inside_is_told_of(network: Network) -> None:
    with network.listener() as listener, pytest.raises(SandboxError, match="inside a sandbox: Address already in use"):
        network.listener(listener.getsockname()[1])
