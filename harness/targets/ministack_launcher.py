"""Runs MiniStack, with one repair. Started as a script in MiniStack's own environment: nothing of the harness is there.

MiniStack collects what a function writes for a few milliseconds after its answer and takes what has come by then for all
of it. On a busy machine lines come later, and turn up among the next invocation's, or never. Where nothing but the logs
tells what happened that would be evidence lost, so a function's process says when its output is complete.
"""

import queue
import runpy
import sys
import time
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


if __name__ == "__main__":
    main()
