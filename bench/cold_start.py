"""What a function's cold start has to import: modules and milliseconds for each handler, in fresh interpreters.

Run as ``python -m bench.cold_start``. The handlers are imported from this project with the development environment's
libraries, with Lambda's environment variables set. :data:`MOST_MODULES` is the budget that the tests hold them to.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.places import PROJECT

MOST_MODULES = {"submit_task": 590, "get_task": 590, "process_task": 560, "monitor_dlq": 560}
"""The most modules that importing each handler may add to those of a bare interpreter."""

_ENVIRONMENT = {
    "STAGE": "dev",
    "TABLE_NAME": "TasksTable",
    "TASK_QUEUE_URL": "http://127.0.0.1/queue",
    "FAILURE_RATE": "0.3",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_LAMBDA_FUNCTION_NAME": "cold-start",
}
_SCRIPT = """
import json, sys, time
before, began = len(sys.modules), time.perf_counter()
__import__("handlers." + sys.argv[1])
milliseconds = (time.perf_counter() - began) * 1000
print(json.dumps([len(sys.modules) - before, milliseconds]))
"""


def imported(handler: str, folder: Path = PROJECT) -> tuple[int, float]:
    """The modules that importing ``handlers.<handler>`` from ``folder`` adds, and the milliseconds that it takes.

    What ``folder`` holds comes first, as in an unzipped package; boto3 is this environment's.

    Raises:
        RuntimeError: when it cannot be imported; the message holds what was said.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, handler],
        cwd=folder,
        env=kept | _ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"importing handlers.{handler} failed:\n{done.stderr}")
    modules, milliseconds = json.loads(done.stdout.splitlines()[-1])
    return modules, milliseconds


def main() -> None:
    print("| handler | modules | budget | import, ms |\n| --- | --- | --- | --- |")
    for handler, budget in MOST_MODULES.items():
        modules, milliseconds = imported(handler)
        print(f"| {handler} | {modules} | {budget} | {milliseconds:.0f} |")


if __name__ == "__main__":
    main()
