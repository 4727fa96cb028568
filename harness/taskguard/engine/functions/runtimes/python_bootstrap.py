"""The first code of a Python function's process: see to it that AWS is this engine, set the clock, then hand over to AWS's runtime interface client.

Run as ``python -S -s python_bootstrap.py <handler> <clock's code> <clock> <skew> <engine's code> <host> <port>``: the file that makes this
process live by a clock, that clock's file, empty for the machine's, and by how many seconds this process is told more than it; the file that
leads to the engine what is meant for AWS, and where the engine listens (nowhere where there is none). It imports nothing of the harness but these: a function sees its own package, the runtime interface client and boto3, as it does on Lambda. It runs on each Python that Lambda has.
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


def _main() -> None:
    handler, code, clock, skew, only_engine, host, port = sys.argv[1:]
    # The folder of this script, which nothing is imported from.
    if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(__file__)):  # noqa: PTH100, PTH120
        del sys.path[0]
    if clock or float(skew):
        runpy.run_path(code)["install"](clock or None, float(skew))
    if host:
        runpy.run_path(only_engine)["install"](host, int(port))
    _log_an_event_a_call()
    _collect_no_garbage_while_loading()
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


_main()
