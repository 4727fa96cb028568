"""Runs MiniStack, with two repairs. Started as a script in MiniStack's own environment: nothing of the harness is there.

MiniStack collects what a function writes for a few milliseconds after its answer and takes what has come by then for all
of it. On a busy machine lines come later, and turn up among the next invocation's, or never. Where nothing but the logs
tells what happened that would be evidence lost, so a function's process says when its output is complete.

MiniStack kills a function's processes when the function is updated, in the middle of what they do. Lambda lets them end:
an invocation goes on with the code and configuration that it began with.
"""

import queue
import runpy
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

_COMPLETE = "taskguard: output complete"
_PATIENCE_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 0.05
# Where the worker of a Python function hands in its answer.
_ANSWERED = "        _real_stdout.flush()\n\nrun()"
_SAID = f'        print("{_COMPLETE}", file=sys.stderr, flush=True)\n'


def main() -> None:
    """Run ``ministack`` from the folder of packages that the command line names."""
    sys.path.append(sys.argv.pop(1))
    from ministack.core import lambda_runtime

    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if _ANSWERED not in script:
        sys.exit("this MiniStack's functions run in another way than the one that TaskGuard was made for")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_ANSWERED, _SAID + _ANSWERED)
    lambda_runtime.Worker._drain_stderr_bounded = _output
    lambda_runtime.kill_workers = _when_idle(lambda_runtime.kill_workers)
    runpy.run_module("ministack", run_name="__main__")


def _output(worker: Any, **_: float) -> str:
    """What the function of this worker has written since the last invocation, once it is complete."""
    lines: list[str] = []
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        # A process that has ended says nothing more, once all is read.
        ended = not worker._stderr_thread.is_alive()
        try:
            line: str = worker._stderr_queue.get(timeout=_LOOK_EVERY_SECONDS)
        except queue.Empty:
            if ended:
                break
            continue
        if line.endswith(_COMPLETE):
            # A last line without an end shares it.
            lines.extend(filter(None, [line.removesuffix(_COMPLETE)]))
            break
        lines.append(line)
    return "\n".join(lines)


def _when_idle(kill: Callable[[list[Any]], None]) -> Callable[[Iterable[Any]], None]:
    """As ``kill``, which ends workers, but each only when it has done what it is doing."""

    def kill_when_idle(workers: Iterable[Any]) -> None:
        found = [worker for worker in workers if worker is not None]
        for worker in found:
            if worker.in_use:
                threading.Thread(target=wait_and_kill, args=(worker,), daemon=True).start()
        kill([worker for worker in found if not worker.in_use])

    def wait_and_kill(worker: Any) -> None:
        # A worker that failed to start is never given back.
        deadline = time.monotonic() + float(worker.config.get("Timeout", 3)) + _PATIENCE_SECONDS
        while worker.in_use and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_SECONDS)
        kill([worker])

    return kill_when_idle


if __name__ == "__main__":
    main()
