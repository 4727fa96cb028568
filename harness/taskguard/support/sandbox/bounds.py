"""Bounds how many processes a command in a sandbox may have at once, where the kernel does not see to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from taskguard.support.sandbox.processes import new_group, where_groups_are_made
from taskguard.support.waiting import WaitedInVain, wait_for

_ENDS_WITHIN_SECONDS = 5.0


@contextmanager
def bounded() -> Iterator[tuple[str, ...]]:
    """What stands before a command, so that it and what it starts are no more processes than :data:`taskguard.support.sandbox.processes.MOST_PROCESSES`: nothing where the
    kernel sees to that. All of them must have been ended when this is left."""
    folder = where_groups_are_made()
    if folder is None:
        yield ()
        return
    group = new_group(folder)
    try:
        yield ("sh", "-c", 'echo 0 >"$0" && exec "$@"', str(group / "cgroup.procs"))
    finally:
        with suppress(WaitedInVain):
            wait_for(lambda: _is_removed(group), seconds=_ENDS_WITHIN_SECONDS)


def _is_removed(group: Path) -> bool:
    # The last of them may still be on its way out.
    with suppress(OSError):
        group.rmdir()
    return not group.exists()
