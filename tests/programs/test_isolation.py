"""Functions that are forked in one sandbox, and what they find of one another, of what they are forked from, and of their own rights."""

from __future__ import annotations

import ctypes
import os
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from taskguard.engine.functions import sandbox
from taskguard.engine.functions.process import FunctionProcess
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.support.sandbox.network import Network
from taskguard.support.waiting import wait_for

from tests.programs.forked_environments import MEMORY_BYTES, SOON, TEMPORARY_BYTES, Environments

FORKED: dict[str, str] = {}
STARTED = {"PYTHONUNBUFFERED": "1"}
"""Variables with which a function is forked as it is, and with which it is started anew."""
PERMITTED, NO_SUCH_PROCESS, READ_ONLY, INVALID, NO_SPACE = 1, 3, 30, 22, 28

pytestmark = pytest.mark.skipif(not sandbox_here(), reason=f"this machine has no sandbox: {sandbox_here().missing}")

Start = Callable[[str], FunctionProcess]
Tell = Callable[..., Any]
Beside = Callable[[str], tuple[FunctionProcess, Any]]


@pytest.fixture(scope="module", autouse=True)
def _network() -> Iterator[None]:
    """That of an engine ends with it."""
    with Network() as network, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox, "network", lambda: network)
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tmp_path_factory.mktemp("packages"), tmp_path_factory.mktemp("library")


@pytest.fixture
def environments(folders: tuple[Path, Path], tmp_path: Path) -> Iterator[Environments]:
    made = Environments(*folders, tmp_path)
    yield made
    made.end()


@pytest.fixture
def start(environments: Environments) -> Start:
    return environments.start


@pytest.fixture
def told(environments: Environments) -> Tell:
    return environments.told


@pytest.fixture
def beside(environments: Environments) -> Beside:
    return environments.beside


ways = pytest.mark.parametrize("way", [FORKED, STARTED], ids=["forked", "started anew"])


@ways
def test_it_is_forked_where_it_is_the_same(told: Tell, way: dict[str, str]) -> None:
    assert told("tell('loaded_by_the_sdk' in sys.modules)", way) is (way == FORKED)


@pytest.mark.parametrize(("text", "forked"), [("VALUE = 1\n", True), ("VALUE = 2\n", False)])
def test_a_module_of_its_own_is_the_one_that_it_has(
    environments: Environments, told: Tell, text: str, *, forked: bool
) -> None:
    environments.package = environments.shared / "code" / f"own-{forked}"
    environments.package.mkdir()
    (environments.package / "loaded_by_the_sdk.py").write_text(text)
    code = """
    import loaded_by_the_sdk
    tell([loaded_by_the_sdk.VALUE, loaded_by_the_sdk.__file__.startswith("/var/runtime")])
    """
    assert told(code) == [int(text[-2]), forked]


def test_its_layers_are_seen_and_no_others(environments: Environments, told: Tell) -> None:
    environments.opt = environments.shared / "opt" / "layers"
    (environments.opt / "python").mkdir(parents=True)
    (environments.opt / "python" / "of_a_layer.py").write_text("VALUE = 3\n")
    assert told("import of_a_layer\ntell([of_a_layer.VALUE, of_a_layer.__file__])") == [3, "/opt/python/of_a_layer.py"]
    environments.opt = None
    assert told("tell(os.listdir('/opt'))") == []


@ways
def test_it_has_no_rights_and_gains_none(told: Tell, way: dict[str, str]) -> None:
    code = """
    fields = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
    first = dict(line.split(":\\t") for line in open("/proc/1/status").read().splitlines() if ":\\t" in line)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[1 << 21] * 6)
    tell({
        "rights": sorted({each[name] for each in (fields, first) for name in each if name.startswith("Cap")}),
        "no more": [fields["NoNewPrivs"], first["NoNewPrivs"]],
        "capset": called("capset", header, sets),
        "administrator": tried(os.setuid, 0),
        "user": [os.getuid(), os.geteuid(), os.getgid()],
        "programs of others": os.statvfs("/usr").f_flag & os.ST_NOSUID != 0,
        "namespaces": sorted({called("unshare", flag) for flag in (1 << 17, 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30)}),
        "entered": [called("setns", os.open(f"/proc/self/ns/{name}", 0), 0) for name in ("mnt", "pid", "net")],
        "name": tried(socket.sethostname, "other"),
    })
    """
    assert told(code, way) == {
        "rights": ["0000000000000000"],
        "no more": ["1", "1"],
        "capset": PERMITTED,
        "administrator": INVALID,
        "user": [993, 993, 990],
        "programs of others": True,
        # No rights to make any; and of users there can be no more.
        "namespaces": [PERMITTED, NO_SPACE],
        "entered": [PERMITTED] * 3,
        "name": PERMITTED,
    }


@ways
def test_it_mounts_nothing_and_uncovers_nothing(told: Tell, way: dict[str, str]) -> None:
    code = """
    places = [line.split()[4].encode() for line in open("/proc/self/mountinfo")]
    writable = [line.split()[4] for line in open("/proc/self/mountinfo") if line.split()[5].startswith("rw")]
    tell({
        "twice": [place.decode() for place in places if places.count(place) > 1],
        "mounted": called("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None),
        "bound": called("mount", b"/tmp", b"/var/task", None, 4096, None),
        "made writable": sorted({called("mount", b"none", place, None, 32 | 4096, None) for place in places}),
        "unmounted": sorted({called("umount2", place, 2) for place in places}),
        "another root": tried(os.chroot, "/tmp"),
        "made a device": tried(os.mknod, f"{TEMPORARY}/disk", 0o60600, os.makedev(8, 0)),
        "writable": sorted(writable),
        "machine": [name for name in ("sys/kernel/core_pattern", "sys/user/max_user_namespaces", "irq/default_smp_affinity") if tried(os.open, f"/proc/{name}", os.O_WRONLY) == "done"],
        "devices": [tried(os.chmod, f"/dev/{name}", 0o666) for name in ("null", "zero", "full", "random", "urandom", "tty")],
        "of outside": tried(os.fchmod, 0, 0o666),
        "null": tried(lambda: open("/dev/null", "w").write("still")),
    })
    """
    assert told(code, way) == {
        "twice": [],
        "mounted": PERMITTED,
        "bound": PERMITTED,
        "made writable": [PERMITTED],
        "unmounted": [PERMITTED],
        "another root": PERMITTED,
        "made a device": PERMITTED,
        "writable": ["/dev/pts", "/proc", "/tmp"],
        "machine": [],
        "devices": [READ_ONLY] * 6,
        "of outside": READ_ONLY,
        "null": "done",
    }


@ways
def test_it_has_its_bounds(told: Tell, way: dict[str, str]) -> None:
    code = """
    room = os.statvfs("/tmp")
    tell([resource.getrlimit(what)[1] for what in (resource.RLIMIT_NPROC, resource.RLIMIT_CORE, resource.RLIMIT_DATA)]
        + [room.f_blocks * room.f_frsize])
    """
    assert told(code, way) == [1024, 0, MEMORY_BYTES + 1024**3, TEMPORARY_BYTES]


@ways
def test_it_finds_what_is_its_own_and_nothing_open(told: Tell, way: dict[str, str], environments: Environments) -> None:
    (environments.package / "own.py").write_text("")
    code = """
    opened = {each: os.readlink(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{each}")}
    more = [each for each in opened if each not in ("0", "1", "2")]
    tell({
        "package": os.listdir("/var/task"), "var": sorted(os.listdir("/var")), "tmp": os.listdir("/tmp"), "opt": os.listdir("/opt"),
        "folder": os.getcwd(), "opened": [opened[each].partition(":")[0] for each in ("0", "1", "2")],
        "more": more,
        "home": [name for name in ("/root/.ssh", "/home", "/mnt", "/sys", "/run") if os.path.exists(name)],
        "written": [tried(open, f"{folder}/left", "w") for folder in ("/", "/usr", "/etc", "/var", "/var/task", "/var/runtime", "/opt", "/dev", "/dev/shm")],
    })
    """
    assert told(code, way) == {
        "package": ["own.py"],
        "var": ["runtime", "task"],
        "tmp": [],
        "opt": [],
        "folder": "/var/task",
        "opened": ["/dev/null", "pipe", "pipe"],
        "more": [],
        "home": [],
        "written": [READ_ONLY] * 9,
    }


def test_environments_share_no_files_no_terminals_and_no_memory(told: Tell, beside: Beside) -> None:
    beside("""
    open(f"{TEMPORARY}/secret", "w").write("mine")
    master, slave = os.openpty()
    libc.shmget(4242, 4096, 0o1666)
    tell([os.ttyname(slave), called("shmget", 4242, 4096, 0o666) != 2])
    """)
    code = """
    tell({
        "files": os.listdir("/tmp"), "terminals": os.listdir("/dev/pts"), "memory": called("shmget", 4242, 4096, 0o666),
    })
    """
    for _ in range(2):
        assert told(code) == {"files": [], "terminals": ["ptmx"], "memory": 2}


def test_an_environment_sees_and_reaches_no_process_but_its_own(told: Tell, beside: Beside) -> None:
    neighbour, pids = beside(
        "tell([os.getpid(), os.getppid(), len([each for each in os.listdir('/proc') if each.isdigit()])])"
    )
    # Itself, and the first process of its namespace.
    assert pids == [2, 1, 2]
    # What keeps the neighbour, what that is forked from, and this process; by the numbers that they have outside.
    own = wait_for(neighbour.own_pids, seconds=SOON, every=0.01)
    outside = [neighbour.pid, *own, psutil.Process(neighbour.pid).ppid(), psutil.Process().pid]
    assert len(outside) == 6
    code = f"""
    outside, held = {outside}, ctypes.create_string_buffer(8)
    part = (ctypes.c_ulong * 2)(ctypes.addressof(held), 8)
    tell({{
        "seen": sorted(each for each in os.listdir("/proc") if each.isdigit()),
        "signals": sorted({{tried(os.kill, pid, 0) for pid in outside}}),
        "groups": sorted({{tried(os.killpg, pid, 0) for pid in outside}}),
        "traced": sorted({{called("ptrace", 16, pid, None, None) for pid in outside}}),
        "memory": sorted({{called("process_vm_readv", pid, part, ctypes.c_ulong(1), part, ctypes.c_ulong(1), 0) for pid in outside}}),
        "all": tried(os.kill, -1, signal.SIGKILL),
        "group": os.getpgrp(),
    }})
    """
    assert told(code) == {
        "seen": ["1", "2"],
        "signals": [NO_SUCH_PROCESS],
        "groups": [NO_SUCH_PROCESS],
        "traced": [NO_SUCH_PROCESS],
        "memory": [NO_SUCH_PROCESS],
        # There is nobody else.
        "all": NO_SUCH_PROCESS,
        "group": 1,
    }
    assert not neighbour.ended.is_set()


def test_an_environment_finds_no_key_of_who_started_the_engine(
    environments: Environments, told: Tell, tmp_path: Path
) -> None:
    # add_key and keyctl, by their numbers.
    numbers = {"x86_64": (248, 250), "aarch64": (217, 219)}.get(os.uname().machine)
    session, search, own = -3, 10, 1
    libc = ctypes.CDLL(None)
    if numbers is None or libc.syscall(numbers[1], own, None) < 0:
        pytest.skip("there are no keys here")
    assert libc.syscall(numbers[0], b"user", b"taskguard-test", b"secret", 6, session) > 0
    assert libc.syscall(numbers[1], search, session, b"user", b"taskguard-test", 0) > 0
    environments.shared, environments.package = tmp_path, tmp_path / "package"
    environments.package.mkdir()
    # No such key.
    assert told(f"tell(called('syscall', {numbers[1]}, {search}, {session}, b'user', b'taskguard-test', 0))") == 126


def test_the_namespaces_of_environments_are_others_but_for_the_network(told: Tell, beside: Beside) -> None:
    names = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
    code = f"tell([os.readlink('/proc/self/ns/' + name) for name in {names}])"
    _, own = beside(code)
    # Two interpreters take turns.
    for others in (told(code), told(code)):
        assert [name for name, one, other in zip(names, own, others, strict=True) if one == other] == ["net"]


def test_what_ends_all_of_an_environment_cannot_be_reached_from_inside(told: Tell) -> None:
    code = """
    signals = [tried(os.kill, 1, number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)]
    tell([signals, called("ptrace", 16, 1, None, None), tried(os.readlink, "/proc/1/cwd"), tried(open, "/proc/1/mem")])
    """
    assert told(code) == [["done"] * 4, PERMITTED, 13, 13]


def test_who_kills_its_group_kills_its_own_environment_alone(start: Start, beside: Beside) -> None:
    neighbour, _ = beside("tell(1)")
    process = start("os.kill(0, signal.SIGKILL)")
    assert process.ended.wait(SOON)
    assert process.exit_reason() == "Runtime exited with error: signal: killed"
    assert not neighbour.ended.is_set()


def test_an_environment_changes_nothing_of_what_later_ones_are_forked_from(told: Tell) -> None:
    spoils = """
    import boto3, loaded_by_the_sdk
    boto3.spoilt = loaded_by_the_sdk.spoilt = True
    sys.path.append("/tmp")
    os.environ["SPOILT"] = "1"
    open(f"{TEMPORARY}/spoilt.py", "w").close()
    resource.setrlimit(resource.RLIMIT_NPROC, (10, 10))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tell(tried(open, loaded_by_the_sdk.__file__, "r+b"))
    """
    looks = """
    import boto3, loaded_by_the_sdk
    tell([hasattr(boto3, "spoilt"), hasattr(loaded_by_the_sdk, "spoilt"), "/tmp" in sys.path, "SPOILT" in os.environ,
        os.listdir("/tmp"), resource.getrlimit(resource.RLIMIT_NPROC)[1], signal.getsignal(signal.SIGTERM) == signal.SIG_DFL])
    """
    # Two interpreters take turns.
    for _ in range(2):
        assert told(spoils) == READ_ONLY
    for _ in range(2):
        assert told(looks) == [False, False, False, False, [], 1024, True]


LEAVES = """
    import subprocess
    for leaves in range(2):
        subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(600)"], start_new_session=True)
"""


@pytest.mark.parametrize("end", ["function", "first", "monitor", "keeper"])
def test_all_that_it_started_ends_with_any_of_those_that_keep_it(start: Start, beside: Beside, end: str) -> None:
    process, _ = beside(f"{textwrap.dedent(LEAVES)}\ntell(1)")
    below = psutil.Process(process.pid).children(recursive=True)
    # What waits for the first of its namespace, that one, the function, and what it left.
    assert len(below) == 5
    monitor, first, function = process.own_pids()
    psutil.Process({"function": function, "first": first, "monitor": monitor, "keeper": process.pid}[end]).kill()
    assert process.ended.wait(SOON)
    assert process.exit_reason() == "Runtime exited with error: signal: killed"
    assert not psutil.wait_procs(below, timeout=SOON)[1]


def test_it_ends_when_it_is_ended(beside: Beside) -> None:
    process, _ = beside(f"{textwrap.dedent(LEAVES)}\ntell(1)")
    below = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    assert not psutil.wait_procs(below, timeout=SOON)[1]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("raise ValueError", "Runtime exited with error: exit status 1"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_how_it_ended_is_told(start: Start, code: str, reason: str) -> None:
    process = start(code)
    assert process.ended.wait(SOON)
    assert process.exit_reason() == reason


def test_nothing_of_a_function_runs_that_could_not_be_set_apart(environments: Environments) -> None:
    launch = environments.launch("tell('ran')")
    assert launch.isolation is not None
    elsewhere = replace(launch.isolation, task_root=f"{launch.isolation.task_root}-gone")
    process = environments.run(replace(launch, isolation=elsewhere))
    assert process.ended.wait(SOON)
    assert process.exit_reason() == "Runtime exited with error: exit status 1"
    assert "isolating a function: mount: No such file or directory" in (output := process.take_output())
    assert "ran" not in output


def test_where_it_cannot_be_set_apart_bubblewrap_makes_a_sandbox_for_each(
    environments: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_can_isolate", lambda _: False)
    environments.shared = tmp_path
    environments.package = tmp_path / "package"
    launch = environments.launch("")
    assert (launch.fork_server, launch.isolation) == (None, None)
    assert launch.argv[0].endswith("bwrap")


def test_a_package_that_lies_elsewhere_gets_a_sandbox_of_its_own(environments: Environments, tmp_path: Path) -> None:
    environments.package = tmp_path
    launch = environments.launch("")
    assert (launch.fork_server, launch.isolation) == (None, None)
    assert launch.argv[0].endswith("bwrap")
