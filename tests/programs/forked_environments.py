"""Environments of one function that are forked in one sandbox, for tests that have each tell what it finds."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

from taskguard.engine.functions.launch import Folders, Function, Launch
from taskguard.engine.functions.process import FunctionProcess
from taskguard.engine.functions.sandbox import launch_in_box
from taskguard.engine.settings import FunctionRuntime
from taskguard.support.waiting import wait_for

from tests.programs.lambda_libraries import write_libraries

SOON = 20.0
MEMORY_BYTES, TEMPORARY_BYTES = 256 * 1024**2, 4 * 1024**2
_TRIES = """
import ctypes, json, os, resource, signal, socket, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
TEMPORARY = "/tmp"
def tried(what, *arguments):
    try:
        what(*arguments)
    except OSError as error:
        return error.errno
    return "done"
def called(name, *arguments):
    return "done" if getattr(libc, name)(*arguments) >= 0 else ctypes.get_errno()
def tell(what):
    print(json.dumps(what), flush=True)
def stay():
    threading.Event().wait()
"""


class Environments:
    """Their code stands in the place of the runtime interface client, which ``library`` has. What they share lies below ``shared``; ``homes`` are
    of those that get a sandbox of their own."""

    def __init__(self, shared: Path, library: Path, homes: Path) -> None:
        self.shared, self.package, self.library, self._homes = shared, shared / "code" / "package", library, homes
        self.package.mkdir(parents=True, exist_ok=True)
        self.opt: Path | None = None
        self.started: list[FunctionProcess] = []

    def launch(self, code: str, variables: dict[str, str] | None = None) -> Launch:
        """What one is started with that runs this, which has ``tried``, ``called``, ``tell``, ``stay`` and Lambda's ``TEMPORARY`` folder."""
        write_libraries(self.library, _TRIES + textwrap.dedent(code))
        function = Function(
            runtime=FunctionRuntime(sys.executable, (str(self.library),), "3"),
            handler="app.handler",
            variables=variables or {},
            memory_bytes=MEMORY_BYTES,
            temporary_bytes=TEMPORARY_BYTES,
        )
        home = self._homes / f"home-{len(self.started)}"
        home.mkdir()
        return launch_in_box(function, Folders(task_root=self.package, home=home, opt=self.opt), self.shared)

    def start(self, code: str, variables: dict[str, str] | None = None) -> FunctionProcess:
        """Start one."""
        launch = self.launch(code, variables)
        assert launch.fork_server is not None, "this system does not let processes be set apart in a sandbox"
        return self.run(launch)

    def run(self, launch: Launch) -> FunctionProcess:
        self.started.append(FunctionProcess(launch, lambda: None))
        return self.started[-1]

    def told(self, code: str, variables: dict[str, str] | None = None) -> Any:
        """What one told, once it has ended."""
        process = self.start(code, variables)
        assert process.ended.wait(SOON)
        output = process.take_output()
        assert process.exit_reason() == "Runtime exited without providing a reason", output
        return json.loads(output)

    def beside(self, code: str) -> tuple[FunctionProcess, Any]:
        """One that stays, and what it told first."""
        process = self.start(f"{textwrap.dedent(code)}\nstay()")
        heard: list[str] = []

        def has_told() -> bool:
            heard.append(process.take_output())
            return "\n" in "".join(heard)

        wait_for(has_told, seconds=SOON, every=0.01)
        return process, json.loads("".join(heard))

    def end(self) -> None:
        for process in self.started:
            process.kill()
