"""The first code of a Python function's process: see to it that AWS is this engine, set the clock, then hand over to AWS's runtime interface client.

Run as ``python -S -s python_bootstrap.py <clock's code> <clock> <engine's code> <host> <port> <skew> <handler>``: the file that makes this
process live by a clock, and that clock's file, empty for the machine's; the file that leads to the engine what is meant for AWS, and where the
engine listens (nowhere where there is none); and by how many seconds this process is told more than its clock shows. It imports nothing of the
harness but these: a function sees its own package, the runtime interface client and boto3, as it does on Lambda. It runs on each Python that
Lambda has. Its parts serve ``python_fork_server.py``, too.
"""

import gc
import importlib
import os
import runpy
import sys


def _log_an_event_a_call() -> None:
    # On Lambda the client hands whole texts of `logging` over. Here they are lines, in which new lines are as it has them in its own errors.
    def log(_sink: object, msg: str, **_: object) -> None:
        sys.stdout.write(msg.rstrip("\n").replace("\n", "\r") + "\n")

    importlib.import_module("awslambdaric.bootstrap").StandardLogSink.log = log


def _collect_no_garbage_while_loading() -> None:
    # Nearly all that is made until then stays, and looking for what does not takes a tenth of a cold start.
    client = importlib.import_module("awslambdaric.lambda_runtime_client").LambdaRuntimeClient
    wait, thresholds = client.wait_next_invocation, gc.get_threshold()
    fewer = (100_000, *thresholds[1:])
    gc.set_threshold(*fewer)

    def wait_as_ever(self: object) -> object:
        if gc.get_threshold() == fewer:
            gc.set_threshold(*thresholds)
        client.wait_next_invocation = wait
        return wait(self)

    client.wait_next_invocation = wait_as_ever


def search_no_folder_of_ours() -> None:
    """Import nothing from the folder of the script that runs."""
    if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(sys.argv[0])):  # noqa: PTH100, PTH120
        del sys.path[0]


def live(code: str, clock: str, only_engine: str, host: str, port: str, skew: str = "0") -> None:
    """Install the clock, and what leads to the engine."""
    if clock or float(skew):
        runpy.run_path(code)["install"](clock or None, float(skew))
    if host:
        runpy.run_path(only_engine)["install"](host, int(port))


def run(handler: str) -> None:
    """Be the runtime interface client of this function."""
    _log_an_event_a_call()
    _collect_no_garbage_while_loading()
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    search_no_folder_of_ours()
    *_life, _handler = sys.argv[1:]
    live(*_life)
    run(_handler)
