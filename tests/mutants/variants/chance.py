"""Pipelines without a known seed whose failures follow something else than chance: the clock, the size, the process, or a count.

One whose processes fail only once they are warm is not among them: so few attempts are cold that no run of some 100 tasks tells.
From logs nobody knows when an attempt of a batch was at work, so these need not tell what follows the clock.
"""

from __future__ import annotations

from tests.change import Change
from tests.mutants.loads import as_they_come
from tests.mutants.variants.variant import FromLogs, Variant

_PROCESS = "handlers/process_task.py"
_CHECK = "        failures.check(task.task_id, attempt)\n"
_RATES = ("first_failure_rate", "later_failure_rate")
"""They may tell too: where failures follow something else, their rate is as it happens to be."""


def _fails_where(condition: str, *, otherwise: str = "False", state: str = "") -> tuple[Change, ...]:
    """Work that fails where a condition is true of the attempt, and not by its draw; ``state`` is what the process keeps."""
    work = f"        if {condition} or {otherwise}:\n            raise SimulatedFailure(f'simulated failure of attempt {{attempt}}')\n"
    return (
        Change(file=_PROCESS, old=_CHECK, new=work),
        Change(
            file=_PROCESS,
            old="Work = Callable[[TaskMessage, int], None]\n",
            new=f"import itertools\nimport random\nimport time\n{state}Work = Callable[[TaskMessage, int], None]\n",
        ),
    )


CHANCE = (
    Variant(
        name="fails-in-the-first-300-ms",
        sentence="fails in the first 300 ms of each second, and the draws are not known",
        changes=_fails_where("time.time() % 1 < 0.3"),
        caught_by=("independence", *_RATES),
        message="failures follow the clock",
        from_logs=FromLogs.NOT_TOLD,
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="fails-in-even-seconds",
        sentence="fails in every other second, twice as often as it should, and the draws are not known",
        changes=_fails_where("int(time.time()) % 2 == 0 and random.random() < 0.6"),
        caught_by=("independence", *_RATES),
        message="failures follow the clock",
        from_logs=FromLogs.NOT_TOLD,
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="fails-by-size",
        sentence="fails at once with payloads of more than 100 bytes and never with smaller ones, and the draws are not known",
        changes=_fails_where(
            "attempt == 1 and len(task.payload_json) > 100", otherwise="(attempt > 1 and random.random() < 0.3)"
        ),
        caught_by=("independence",),
        message="failures follow the size",
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="fails-by-the-process",
        sentence="decides once in each process of the worker, by the first task that this gets, and the draws are not known",
        # A true draw would in one run of six be the same in all processes, of which there are about five.
        changes=_fails_where(
            "(_first or _first.append(int(task.task_id[-4:])) or _first)[0] // 10 % 3 == 1",
            state="_first: list[int] = []\n",
        ),
        caught_by=("independence", *_RATES),
        message="failures follow the process",
        load=as_they_come(100, seeded=False, backlog=True),
    ),
    Variant(
        name="fails-cold",
        sentence="fails in a process that has just started, and not once that is warm, and the draws are not known",
        changes=_fails_where("next(_worked_on) == 0", state="_worked_on = itertools.count()\n"),
        caught_by=("independence", *_RATES),
        message="failures follow the process",
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="fails-each-third",
        sentence="fails each third attempt that a process makes, and the draws are not known",
        changes=_fails_where("next(_worked_on) % 3 == 2", state="_worked_on = itertools.count()\n"),
        caught_by=("independence", *_RATES),
        message="failures follow the count",
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="fails-by-the-task-unseeded",
        sentence="draws once for a task, so that each of its attempts ends as the first did, and the draws are not known",
        changes=(Change(file=_PROCESS, old=_CHECK, new="        failures.check(task.task_id, 1)\n"),),
        caught_by=("later_failure_rate", "independence"),
        message="58 of 58 later attempts failed, .* as if a task's failure decided all its later attempts",
        load=as_they_come(60, seeded=False),
    ),
)
