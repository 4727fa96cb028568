"""Functions in Python, and what Lambda documents of each."""

from functools import partial

from tests.engine.runtime_cases.case import EXITS, QUOTAS, TIMEOUTS, TIMEOUTS_OF_INIT, Case, failed

ERRORS = "python-exceptions.html"
HANDLERS = "python-handler.html"

_case = partial(Case, runtime="python3.13", file="task.py", handler="task.handler")

CASES: tuple[Case, ...] = (
    _case(
        page=HANDLERS,
        name="an answer",
        source="handler = lambda event, context: {'got': event['n'] + 1}",
        payload={"got": 2},
    ),
    _case(page=HANDLERS, name="nothing at all", source="def handler(event, context): pass", payload=None),
    _case(
        page=HANDLERS,
        name="a handler in a folder",
        file="src/functions/tasks.py",
        handler="src/functions/tasks.run",
        source="def run(event, context): return __name__",
        payload="src.functions.tasks",
    ),
    _case(
        page=HANDLERS,
        name="an answer that is no JSON",
        source="def handler(event, context): return {1, 2}",
        payload=failed(
            "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable"
        ),
        error=True,
    ),
    _case(
        page=HANDLERS,
        name="a coroutine",
        source="async def handler(event, context): return 1",
        payload=failed("Runtime.MarshalError", "Object of type coroutine is not JSON serializable"),
        error=True,
    ),
    _case(
        page=ERRORS,
        name="an exception",
        source="def handler(event, context): raise ValueError('no such colour')",
        payload=failed("ValueError", "no such colour"),
        error=True,
        logged=("[ERROR] ValueError: no such colour\rTraceback (most recent call last):\r",),
    ),
    _case(
        page=ERRORS,
        name="an exception of its own",
        source="class Refused(Exception): pass\ndef handler(event, context): raise Refused('no')",
        payload=failed("Refused", "no"),
        error=True,
    ),
    _case(
        page=ERRORS,
        name="a thread that fails alone",
        source="""
        |import threading
        |def handler(event, context):
        |    thread = threading.Thread(target=lambda: 1 / 0)
        |    thread.start()
        |    thread.join()
        |    return "unharmed"
        """,
        payload="unharmed",
        logged=("ZeroDivisionError",),
    ),
    _case(
        page=EXITS,
        name="an exit",
        source="import sys\ndef handler(event, context): sys.exit(3)",
        payload=failed("Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        error=True,
    ),
    _case(
        page=EXITS,
        name="an exit without a status",
        source="import sys\ndef handler(event, context): sys.exit()",
        payload=failed("Runtime.ExitError", "Error: Runtime exited without providing a reason"),
        error=True,
    ),
    _case(
        page=EXITS,
        name="a signal",
        source="import os, signal\ndef handler(event, context): os.kill(os.getpid(), signal.SIGSEGV)",
        payload=failed("Runtime.ExitError", "Error: Runtime exited with error: signal: segmentation fault"),
        error=True,
    ),
    _case(
        page=TIMEOUTS,
        name="a timeout",
        source="import time\ndef handler(event, context): time.sleep(60)",
        payload=failed("Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        error=True,
        timeout=1,
    ),
    _case(
        page=TIMEOUTS,
        name="an endless loop",
        source="def handler(event, context):\n    while True: pass",
        payload=failed("Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        error=True,
        timeout=1,
    ),
    _case(page=QUOTAS, name="a large answer", source="handler = lambda *_: 'x' * 5_000_000", payload="x" * 5_000_000),
    _case(
        page=QUOTAS,
        name="an answer that is too large",
        source="handler = lambda *_: 'x' * 7_000_000",
        payload=failed("Function.ResponseSizeTooLarge", "exceeded maximum allowed payload size (6291556 bytes)."),
        error=True,
    ),
    _case(
        page=ERRORS,
        name="a module that is not there",
        source="import nowhere\ndef handler(event, context): pass",
        payload=failed("Runtime.ImportModuleError", "Unable to import module 'task': No module named 'nowhere'"),
        error=True,
    ),
    _case(
        page=ERRORS,
        name="a file that is not there",
        source="",
        handler="elsewhere.handler",
        payload=failed("Runtime.ImportModuleError", "Unable to import module 'elsewhere': No module named 'elsewhere'"),
        error=True,
    ),
    _case(
        page=ERRORS,
        name="a function that is not there",
        source="",
        handler="task.other",
        payload=failed("Runtime.HandlerNotFound", "Handler 'other' missing on module 'task'"),
        error=True,
    ),
    _case(
        page=HANDLERS,
        name="a handler without a module",
        source="",
        handler="handler",
        payload=failed("Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        error=True,
    ),
    _case(
        page=ERRORS,
        name="a syntax error",
        source="def handler(event, context)\n    return 1",
        payload=failed("Runtime.UserCodeSyntaxError", "Syntax error in module 'task': "),
        error=True,
    ),
    _case(
        page=ERRORS,
        name="an exception while it is loaded",
        source="raise RuntimeError('not today')",
        payload=failed("RuntimeError", "not today"),
        error=True,
        logged=("[ERROR] RuntimeError: not today",),
    ),
    _case(
        page=EXITS,
        name="an exit while it is loaded",
        source="import sys\nsys.exit(4)",
        payload=failed("Runtime.ExitError", "Error: Runtime exited with error: exit status 4"),
        error=True,
    ),
    _case(
        page=TIMEOUTS_OF_INIT,
        name="a module that is never loaded to its end",
        source="import time\ntime.sleep(60)\ndef handler(event, context): pass",
        payload=failed("Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        error=True,
        timeout=1,
    ),
)
