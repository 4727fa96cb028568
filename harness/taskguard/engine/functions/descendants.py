"""Which processes descend from one, on Linux: read from ``/proc``, with the standard library alone.

The engine reads it, and so does what runs beside a function, which sees nothing of the harness: it must import nothing of that.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator

_PARENT, _STARTED = 1, 19
"""Places in ``/proc/<pid>/stat`` after the command's name: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html."""
_LONGEST = 4096

_LOOKS, _BETWEEN_LOOKS_SECONDS = 10, 0.005


class Processes:
    """The processes of this moment that are no zombies: ``children`` has them by their parent, and ``started`` by process when it began, in
    seconds since the machine's start, as ``CLOCK_BOOTTIME`` counts."""

    def __init__(self) -> None:
        self.children: defaultdict[int, list[int]] = defaultdict(list)
        self.started: dict[int, float] = {}
        ticks = os.sysconf("SC_CLK_TCK")
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):  # noqa: PTH208
            try:
                # Unbuffered, so that the file is not asked what it is before it is read; and pathlib would be loaded for this alone.
                with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123
                    # The command's name may have blanks and brackets in it.
                    state, *fields = file.read(_LONGEST).rpartition(b")")[2].split()
            except OSError:
                continue
            if state not in (b"Z", b"X"):
                self.children[int(fields[_PARENT - 1])].append(pid)
                self.started[pid] = int(fields[_STARTED - 1]) / ticks

    def below(self, pid: int) -> Iterator[int]:
        """All that descend from this process, parents before their children."""
        for child in self.children[pid]:
            yield child
            yield from self.below(child)


def oldest_child(pid: int) -> int:
    """Of what this process has forked itself, what it forked first; 0 where it has nothing."""
    try:
        # To read all of /proc takes milliseconds.
        with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123
            return int((file.read().split() or ["0"])[0])
    except FileNotFoundError:
        # It has ended, or the kernel was built without that file.
        processes = Processes()
        return min(processes.children[pid], key=lambda child: (processes.started[child], child), default=0)


def commands_of(pids: Iterable[int], longest: int = 200) -> list[str]:
    """What these processes run, as far as they still do."""
    found = []
    for pid in pids:
        try:
            command = _command_of(pid, longest)
        except OSError:
            continue
        found.append(command.replace(b"\0", b" ").decode("utf-8", errors="replace"))
    return found


def _command_of(pid: int, longest: int) -> bytes:
    # A program that is just being loaded has none yet.
    for _ in range(_LOOKS):
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            if command := file.read(longest).rstrip(b"\0"):
                return command
        time.sleep(_BETWEEN_LOOKS_SECONDS)
    return b""
