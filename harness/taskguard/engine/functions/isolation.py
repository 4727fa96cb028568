"""Sets a function's process apart that was forked in a sandbox together with others: what ``box.py`` has bubblewrap do for one, done for one more.

Run as ``isolation.py <arguments>``, in JSON, it says whether the system lets it. ``keeper.py`` calls ``isolate`` before anything of the function runs. The sandbox that it is in already has no file of the user's, and cannot be
written to. Of its own a process gets here: its package, layers and ``/tmp``; namespaces of users, mounts, processes, IPC, names and control
groups, whose first process ends all others with it; terminals; bounds. Last it loses all rights, for good: those over its own
namespaces, too, and that to make others. Whatever fails, it ends: nothing of the function's runs then. It imports nothing of the harness, and
runs on each Python that Lambda has.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_LIBC = ctypes.CDLL(None, use_errno=True)
# linux/sched.h
_CLONE_NEWNS = 0x00020000
_CLONE_NEWCGROUP = 0x02000000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
# linux/mount.h, sys/mount.h
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_MOVE, _MS_REC, _MS_PRIVATE = 32, 4096, 8192, 16384, 1 << 18
_READ_ONLY = _MS_REMOUNT | _MS_BIND | _MS_RDONLY
_MNT_DETACH = 2
# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522

_TASK_ROOT, _OPT, _TEMPORARY = "/var/task", "/opt", "/tmp"  # noqa: S108  # in the sandbox
_OF_THE_MACHINE = ("sys", "sysrq-trigger", "irq", "bus")
"""What the administrator of the machine may write to in ``/proc``, whatever rights it has left; bubblewrap covers the same."""
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_SIGNALLED = 128


def isolate(
    *, task_root: str, opt: "str | None", user: int, group: int, temporary_bytes: int, memory_bytes: int, processes: int
) -> None:
    """Go on in a process of its own that is set apart, and in no other. ``task_root`` and ``opt`` are where its package and its layers lie,
    ``user`` and ``group`` whom it takes itself for; of ``memory_bytes`` each process may have as many for itself.

    Raises:
        OSError: the system does not let it.
    """
    _call("unshare", _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWIPC | _CLONE_NEWUTS | _CLONE_NEWCGROUP)
    lifeline, held = os.pipe()
    first = os.fork()
    if first:
        os.close(lifeline)
        _end_as(first)
    os.close(held)
    os.setsid()
    _mount_what_is_its_own(task_root, opt, temporary_bytes)
    _be_a_user_of_its_own(user, group)
    _bound(memory_bytes, processes)
    _lose_all_rights()
    _end_with(lifeline)
    # What ends all others is for nobody to look into, or to change.
    _prctl(_PR_SET_DUMPABLE, 0)
    # The kernel lets the others send it nothing that it does not handle itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if function := os.fork():
        _end_as(function)
    _prctl(_PR_SET_DUMPABLE, 1)


def _mount_what_is_its_own(task_root: str, opt: "str | None", temporary_bytes: int) -> None:
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    # The kernel lets it be mounted only while there is one to be seen.
    _mount("proc", _TASK_ROOT, "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    _unmount("/proc")
    _mount(_TASK_ROOT, "/proc", None, _MS_MOVE)
    _unmount("/dev/pts")
    _mount("devpts", "/dev/pts", "devpts", _MS_NOSUID | _MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    for name in _DEVICES:
        # The administrator of the machine could still change who may use them there.
        _mount("none", f"/dev/{name}", None, _READ_ONLY | _MS_NOSUID)
    for source, at in ((task_root, _TASK_ROOT), (opt, _OPT)):
        if source is not None:
            # It is read-only there already.
            _mount(source, at, None, _MS_BIND)
    # What it was started with is one of outside.
    with open("/dev/null", "rb") as null:  # noqa: PTH123
        os.dup2(null.fileno(), 0)
    # With it goes all that lies there: the packages of other functions, and what makes keepers.
    _unmount(_TEMPORARY)
    _mount("tmpfs", _TEMPORARY, "tmpfs", _MS_NOSUID | _MS_NODEV, f"mode=0755,size={temporary_bytes}")


def _be_a_user_of_its_own(user: int, group: int) -> None:
    user_here, group_here = os.getuid(), os.getgid()
    # What is mounted by now cannot be unmounted in a namespace of mounts that is another user namespace's.
    _call("unshare", _CLONE_NEWUSER | _CLONE_NEWNS)
    # Who gained rights cannot be looked at in /proc, nor look at itself.
    _prctl(_PR_SET_DUMPABLE, 1)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user_here} 1")
    _write("/proc/self/gid_map", f"{group} {group_here} 1")
    _write("/proc/sys/user/max_user_namespaces", "0")
    for name in _OF_THE_MACHINE:
        if os.path.exists(f"/proc/{name}"):  # noqa: PTH110
            _mount(f"/proc/{name}", f"/proc/{name}", None, _MS_BIND)
            _mount("none", f"/proc/{name}", None, _READ_ONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)


def _bound(memory_bytes: int, processes: int) -> None:
    bounds = (
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, memory_bytes),
    )
    for what, most in bounds:
        resource.setrlimit(what, (most, most))


def _lose_all_rights() -> None:
    capability = 0
    while _LIBC.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) >= 0:
        _prctl(_PR_CAPBSET_DROP, capability)
        capability += 1
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    # linux/capability.h: two words each of what is in effect, permitted and inheritable.
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    _call("capset", header, sets)
    if _LIBC.unshare(_CLONE_NEWUSER) == 0:
        raise PermissionError("a sandboxed function could make user namespaces")


def _end_with(lifeline: int) -> None:
    """End with the process that started this one. That holds as long as this gains no rights."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if select.select([lifeline], [], [], 0)[0]:
        os._exit(1)
    os.close(lifeline)


def _end_as(child: int) -> "NoReturn":
    """Collect all that end until the child has, and end as that did: of a signal it tells as a shell does."""
    ended, status = 0, 0
    while ended != child:
        with suppress(InterruptedError):
            ended, status = os.waitpid(-1, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(_SIGNALLED - code if code < 0 else code)


def _mount(source: str, at: str, kind: "str | None", flags: int, options: "str | None" = None) -> None:
    words = [word and word.encode() for word in (source, at, kind)]
    _call("mount", *words, ctypes.c_ulong(flags), options and options.encode())


def _unmount(at: str) -> None:
    _call("umount2", at.encode(), _MNT_DETACH)


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, *map(ctypes.c_ulong, (value, 0, 0, 0)))


def _call(name: str, *arguments: object) -> None:
    if getattr(_LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"isolating a function: {name}: {os.strerror(number)}")


def _write(file: str, text: str) -> None:
    with open(file, "w") as opened:  # noqa: PTH123
        opened.write(text)


if __name__ == "__main__":
    isolate(**json.loads(sys.argv[1]))
