"""Pipelines without a known seed whose failures follow something else than chance: the clock, the size, the process, or a count."""

from __future__ import annotations

from tests.mutants.loads import as_they_come
from tests.mutants.variants.variant import Change, Variant

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
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="fails-in-even-seconds",
        sentence="fails in every other second, twice as often as it should, and the draws are not known",
        changes=_fails_where("int(time.time()) % 2 == 0 and random.random() < 0.6"),
        caught_by=("independence", *_RATES),
        message="failures follow the clock",
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="fails-by-size",
        sentence="fails at once with payloads of more than 90 bytes and never with smaller ones, and the draws are not known",
        changes=_fails_where(
            "attempt == 1 and len(task.payload_json) > 90", otherwise="(attempt > 1 and random.random() < 0.3)"
        ),
        caught_by=("independence",),
        message="failures follow the size",
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="fails-by-the-process",
        sentence="draws once when a process of the worker starts, and the draws are not known",
        changes=_fails_where("_fails", state="_fails = random.SystemRandom().random() < 0.3\n"),
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
        name="fails-warm",
        sentence="fails as often as it should in warm processes, and never in one that has just started, and the draws are not known",
        changes=_fails_where("next(_worked_on) and random.random() < 0.3", state="_worked_on = itertools.count()\n"),
        caught_by=("independence", *_RATES),
        message="failures follow the process",
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="fails-each-third",
        sentence="fails each third attempt that a process makes, and the draws are not known",
        changes=_fails_where("next(_worked_on) % 3 == 2", state="_worked_on = itertools.count()\n"),
        caught_by=("independence", *_RATES),
        message="failures follow a count",
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="fails-by-the-task-unseeded",
        sentence="draws once for a task, so that each of its attempts ends as the first did, and the draws are not known",
        changes=(Change(file=_PROCESS, old=_CHECK, new="        failures.check(task.task_id, 1)\n"),),
        caught_by=("later_failure_rate", "independence"),
        message="as if failures were the task's",
        load=as_they_come(60, seeded=False),
    ),
)
