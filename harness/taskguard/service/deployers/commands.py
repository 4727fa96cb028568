"""Runs the programs that deploy a service: one at a time, with their words in a log, and ended with all they started when the deploy is
abandoned or takes too long. It must not know which programs these are."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from taskguard.errors import DeploymentError
from taskguard.service.building import Command, View, building_at
from taskguard.service.deployers.base import DEADLINE_VARIABLE, Job, scratch_of
from taskguard.support.folders import naming

_TAIL_LINES = 25
_LOOKS_EVERY_SECONDS = 0.1
"""How often it is seen whether a program was abandoned, or takes too long."""
_TOO_LATE = -1000
"""In place of the status of a program that had to be ended: no signal has this number."""
_CHUNK_BYTES = 65536
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
"""Some programs colour what they say though nobody can see it (NO_COLOR)."""
_NOTHING_MORE = View()
_IN_A_SANDBOX = (
    "In its sandbox it has no network but the engine, and finds node, python3, git and the programs below /usr. If it needs more, and you trust "
    "the service, use --no-sandbox."
)


def run(
    job: Job,
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    what: str,
    *,
    view: View = _NOTHING_MORE,
    installs: bool = False,
    of_the_users: bool = False,
) -> None:
    """Run a program in ``folder``; errors call it ``what``. Where the endpoint's services are kept in a sandbox, it sees and may change
    what is in ``view``, and ``folder`` where that names nothing to change. Of the network it then reaches the engine alone, or with
    ``installs`` all of it. What a command needs that is ``of_the_users`` nobody knows here; an error says what it has.

    Raises:
        SandboxError: it cannot be kept in one.
        DeploymentError: it failed, it took too long, or the job is abandoned.
    """
    what = f"{what} at {job.endpoint.place}"
    if job.abandoned.is_set():
        raise DeploymentError(f"{what} was not begun: the run was interrupted.")
    asked = Command(words=tuple(command), folder=folder, environment=environment)
    # What lies beside a copy is of the same deploy: what it is a part of, and what is made of it.
    view = replace(view, writes=tuple(dict.fromkeys(map(scratch_of, view.writes or (folder,)))))
    with building_at(job.endpoint, sandboxed=job.endpoint.sandboxed) as building:
        status, output = _ended(job, (building.installing if installs else building.building)(asked, view))
    if status:
        why = "failed"
        if status == _TOO_LATE:
            why = f"had not ended after {job.within_seconds:g} s, so it was ended ({DEADLINE_VARIABLE} allows for more)"
        raise DeploymentError(
            f"{what} {why}. The end of what it said:\n{_tail(output)}{where_to_go_on(job, of_the_users=of_the_users)}"
        )


def where_to_go_on(job: Job, *, of_the_users: bool) -> str:
    """The end of an error of a program: where all is that it said, and, as for :func:`run`, what it has."""
    kept = f"\nAll of it is in {job.log}." if job.log else ""
    hint = f"\n{_IN_A_SANDBOX}" if of_the_users and job.endpoint.sandboxed else ""
    return kept + hint


def _ended(job: Job, command: Command) -> tuple[int, str]:
    """The program's status and output, which the log receives as it comes. An interrupt, that it is abandoned, or its deadline ends
    the program and what it started."""
    deadline, said, late = time.monotonic() + job.within_seconds, bytearray(), False
    with _open_log(job.log) as log, _started(command) as (process, output):
        while not (job.abandoned.is_set() or late):
            if select.select([output], [], [], _LOOKS_EVERY_SECONDS)[0]:
                chunk = os.read(output, _CHUNK_BYTES)
                if not chunk:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(max(0.0, deadline - time.monotonic()))
                    break
                said += chunk
                log(chunk)
            elif process.poll() is not None:
                # Something that it started says nothing, and does not end.
                break
            late = time.monotonic() > deadline
    # Whatever the machine's own encoding, and whatever a service says.
    return _TOO_LATE if late else process.returncode, said.decode("utf-8", errors="replace")


@contextmanager
def _open_log(log: Path | None) -> Iterator[Callable[[bytes], object]]:
    if log is None:
        yield lambda _: None
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with naming(log), log.open("ab", buffering=0) as file:
        yield file.write


@contextmanager
def _started(command: Command) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The program, in a session of its own, and the file descriptor of what it says; when this is left it has ended, and what it
    started too."""
    output, its_end = os.pipe()
    try:
        process = subprocess.Popen(
            command.words,
            cwd=command.folder,
            env=command.environment,
            stdin=subprocess.DEVNULL,
            stdout=its_end,
            stderr=its_end,
            start_new_session=True,
        )
        os.close(its_end)
        try:
            yield process, output
        finally:
            if process.poll() is None:
                _kill(process)
                process.wait()
    finally:
        os.close(output)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _tail(output: str) -> str:
    lines = [line for line in _COLOURS.sub("", output).splitlines() if line.strip()][-_TAIL_LINES:]
    return "\n".join(f"  {line}" for line in lines)
