"""How long it takes to judge a saved history, and how much memory, as it grows: 10⁴, 10⁵, 10⁶ events.

Run as ``python -m bench.judging [events …]``. The histories are made, not run: of a pipeline that does everything right,
and of one whose every retry comes too late, so that each is a finding. Making a history and judging it are processes of
their own, so that the memory is that of judging alone.
"""

import io
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from rich.console import Console
from taskguard.contract.draws import fate
from taskguard.history import HISTORY_FILE, Delivered, Event, History
from taskguard.ingress.workload import tasks
from taskguard.judging.checks import CHECKS
from taskguard.judging.grading import Grade, grade
from taskguard.judging.statistics import get_ready_to_count
from taskguard.reports.as_json import GRADE_FILE, write_grade
from taskguard.reports.as_junit import write_junit
from taskguard.reports.console import print_grade
from taskguard.support.garbage_collection import without_garbage_collection

from tests.unit.judging.building import EXPECTED, RATE, SEED, START_MS, ending, life_of

SIZES = (10_000, 100_000, 1_000_000)
KINDS = {"right": 50.0, "late": 5000.0}
"""The histories by name, and how many milliseconds later than asked for their messages come back."""

_MILLISECONDS_BETWEEN_TASKS = 10.0
_BATCH = 10


def made(events: int, late_ms: float) -> History:
    """A run of so many tasks that there are about so many ``events``."""
    found: list[Event] = []
    workload = iter(tasks(SEED, events // 4))
    for number in count():
        if len(found) >= events:
            break
        task = next(workload)
        life = life_of(
            task.task_id,
            fate(SEED, RATE, task.task_id),
            START_MS + number * _MILLISECONDS_BETWEEN_TASKS,
            late_ms,
            task.payload,
        )
        found.extend(_in_batches(life, f"batch-{number // _BATCH}"))
    return History([*found, *ending(found)])


def _in_batches(life: list[Event], batch: str) -> Iterator[Event]:
    """The events of a task, its first delivery being one of a batch."""
    first = next(event.delivery_id for event in life if isinstance(event, Delivered))
    for event in life:
        joined: Any = event
        yield replace(joined, delivery_id=batch) if getattr(event, "delivery_id", None) == first else event


class Stopwatch:
    """The seconds of processor time that each step took, by name: other work on the machine counts less in them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.seconds[name] = time.process_time() - began


def judged(folder: Path) -> dict[str, Any]:
    """What it took to read and judge the history in ``folder``, and to write the reports beside it."""
    watch = Stopwatch()
    verdicts = []
    with watch.step("load SciPy"):
        get_ready_to_count()
    with watch.step("read"):
        history = History.read(folder / HISTORY_FILE)
    with watch.step("index"):
        for task_id in history.task_ids:
            history.of_task(task_id), history.attempts_of(task_id)
    for name, check in CHECKS.items():
        with watch.step(name):
            verdicts.append(check(history, EXPECTED))
    with watch.step("fates"):
        graded = Grade(verdicts=tuple(verdicts), fates=grade(history, EXPECTED, checks={}).fates)
    with watch.step("reports"):
        write_grade(folder / GRADE_FILE, graded, history, EXPECTED)
        write_junit(folder, graded, history, "bench")
        print_grade(Console(file=io.StringIO(), width=80), graded, history)
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "events": len(history),
        "outcome": graded.outcome,
        "seconds": watch.seconds,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6,
    }


def main(sizes: tuple[int, ...]) -> None:
    for kind, late_ms in KINDS.items():
        rows = [_measured(size, late_ms) for size in sizes]
        steps = list(rows[0]["seconds"])
        events = " | ".join(f"{row['events']:,}" for row in rows)
        print(f"\n| a {kind} run, judged `{rows[0]['outcome']}`: events | {events} | growth |")
        print("| --- |" + " --- |" * (len(rows) + 1))
        for step in steps:
            _print_row(f"{step}, s", rows, [row["seconds"][step] for row in rows])
        _print_row("together, s", rows, [sum(row["seconds"].values()) for row in rows])
        _print_row("peak memory, MB", rows, [row["megabytes"] for row in rows])


def _measured(events: int, late_ms: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        _in_a_process("make", folder, str(events), str(late_ms))
        measured: dict[str, Any] = json.loads(_in_a_process("judge", folder))
    return measured


def _in_a_process(*arguments: str) -> str:
    command = [sys.executable, "-m", "bench.judging", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _print_row(name: str, rows: list[dict[str, Any]], values: list[float]) -> None:
    cells = " | ".join(f"{value:.3g}" if value < 1000 else f"{value:,.0f}" for value in values)
    print(f"| {name} | {cells} | {_growth(rows, values)} |", flush=True)


def _growth(rows: list[dict[str, Any]], values: list[float]) -> str:
    """The exponent with which a value grows with the number of events, over the last two sizes: 1 is linear."""
    if len(rows) < 2:
        return ""
    exponent = math.log(values[-1] / values[-2]) / math.log(rows[-1]["events"] / rows[-2]["events"])
    return f"{exponent:.2f}"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, events, late_ms]:
            made(int(events), float(late_ms)).write(Path(folder) / HISTORY_FILE)
        case ["judge", folder]:
            with without_garbage_collection():
                print(json.dumps(judged(Path(folder))))
        case sizes:
            main(tuple(map(int, sizes)) or SIZES)
