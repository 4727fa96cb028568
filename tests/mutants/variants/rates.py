"""Pipelines that fail too often, too rarely, or not as they were drawn to."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.loads import BACKLOG, as_they_come
from tests.mutants.variants.variant import Variant

_PROCESS = "handlers/process_task.py"
_SIMULATION = "handlers/failure_simulation.py"
_CHECK = "        failures.check(task.task_id, attempt)\n"
_RATE = '            rate=_probability(environment, "FAILURE_RATE", 0.3), seed=_seed(environment)\n'
_FAILS = "        if draw < self.rate:\n"


def _at_rate(rate: str) -> tuple[Change, ...]:
    return (Change(file="handlers/settings.py", old=_RATE, new=f"            rate={rate}, seed=_seed(environment)\n"),)


def _drawn_otherwise(check: str) -> tuple[Change, ...]:
    return (Change(file=_PROCESS, old=_CHECK, new=check),)


RATES = (
    Variant(
        name="never-fails",
        sentence="no attempt ever fails",
        changes=_drawn_otherwise("        return\n"),
        caught_by=("first_failure_rate", "later_failure_rate", "independence"),
        message="attempt 1 succeeded, and its draw .* says it should fail",
        real_time=True,
    ),
    Variant(
        name="fails-a-fifth",
        sentence="fails at a rate of 0.2",
        changes=_at_rate("0.2"),
        caught_by=("first_failure_rate", "later_failure_rate", "independence"),
        message="attempt 1 succeeded, and its draw .* says it should fail",
        load=as_they_come(40),
    ),
    Variant(
        name="rate-0-unseeded",
        sentence="fails at a rate of 0, and the draws are not known",
        changes=_at_rate("0.0"),
        caught_by=("first_failure_rate",),
        message="0 of 60 first attempts failed",
        load=as_they_come(60, seeded=False),
    ),
    Variant(
        name="rate-0.2-unseeded",
        sentence="fails at a rate of 0.2, and the draws are not known",
        changes=_at_rate("0.2"),
        caught_by=("first_failure_rate",),
        message=r"\d+ of 300 first attempts failed",
        load=as_they_come(300, seeded=False),
    ),
    Variant(
        name="rate-0.45-unseeded",
        sentence="fails at a rate of 0.45, and the draws are not known",
        changes=_at_rate("0.45"),
        caught_by=("first_failure_rate", "later_failure_rate"),
        message=r"\d+ of 100 first attempts failed",
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="rate-1-unseeded",
        sentence="every attempt fails, and the draws are not known",
        changes=_at_rate("1.0"),
        caught_by=("first_failure_rate", "later_failure_rate"),
        message="30 of 30 first attempts failed",
        load=as_they_come(30, seeded=False),
    ),
    Variant(
        name="retries-never-fail",
        sentence="only first attempts fail",
        changes=_drawn_otherwise(f"        if attempt == 1:\n    {_CHECK}"),
        caught_by=("later_failure_rate", "independence"),
        message="attempt 2 succeeded, and its draw .* says it should fail",
        real_time=True,
    ),
    Variant(
        name="retries-never-fail-unseeded",
        sentence="only first attempts fail, and the draws are not known",
        changes=_drawn_otherwise(f"        if attempt == 1:\n    {_CHECK}"),
        caught_by=("later_failure_rate",),
        message=r"0 of \d+ later attempts failed",
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="retries-always-fail",
        sentence="a task whose first attempt failed never succeeds",
        changes=_drawn_otherwise(
            f'{_CHECK}        if attempt > 1:\n            raise SimulatedFailure(f"simulated failure of attempt {{attempt}}")\n'
        ),
        caught_by=("later_failure_rate", "independence"),
        message="attempt 2 failed, and its draw .* says it should succeed",
    ),
    Variant(
        name="one-draw-for-all-attempts",
        sentence="draws once for a task, so that each of its attempts ends as the first did",
        changes=_drawn_otherwise("        failures.check(task.task_id, 1)\n"),
        caught_by=("later_failure_rate", "independence"),
        message="attempt 2 failed, and its draw .* says it should succeed",
    ),
    Variant(
        name="wrong-draw",
        sentence="draws for the attempt after the one it makes",
        changes=_drawn_otherwise("        failures.check(task.task_id, attempt + 1)\n"),
        caught_by=("first_failure_rate", "later_failure_rate", "independence"),
        message="attempt 1 (succeeded|failed), and its draw .* says it should",
        real_time=True,
    ),
    Variant(
        name="fails-by-the-batch",
        sentence="draws once for a batch, so that its messages fail or succeed together",
        changes=(
            Change(
                file=_PROCESS,
                old=_CHECK,
                new="        failures.check(str(trail._request_id), attempt)\n",
            ),
        ),
        caught_by=("independence", "first_failure_rate", "later_failure_rate"),
        message="first attempts delivered together share their fate|neighbours share their fate",
        load=as_they_come(120, seeded=False, backlog=True),
    ),
    Variant(
        name="neighbours-share-their-fate",
        sentence="draws once for ten tasks in a row",
        changes=_drawn_otherwise("        failures.check(task.task_id[:-1], attempt)\n"),
        caught_by=("independence", "first_failure_rate", "later_failure_rate"),
        message="in order of submission neighbours share their fate",
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="a-list-of-outcomes",
        sentence="reads first attempts' outcomes from a list of ten, three of which are failures, again and again",
        changes=(
            Change(
                file=_SIMULATION,
                old=_FAILS,
                new="        if draw < self.rate if attempt > 1 else int(task_id[-4:]) % 10 in (1, 4, 8):\n",
            ),
        ),
        caught_by=("independence",),
        message="repeat what came 10 before|neighbours avoid",
        load=as_they_come(100, seeded=False),
    ),
    Variant(
        name="fails-by-the-batch-seeded",
        sentence="takes the first message's draw for the whole batch",
        changes=(
            Change(
                file=_PROCESS,
                old=_CHECK,
                new="""        if _batch.get("id") != trail._request_id:
            _batch.update(id=trail._request_id, task_id=task.task_id)
        failures.check(str(_batch["task_id"]), attempt)
""",
            ),
            Change(
                file=_PROCESS,
                old="Work = Callable[[TaskMessage, int], None]\n",
                new="_batch: dict[str, str | None] = {}\nWork = Callable[[TaskMessage, int], None]\n",
            ),
        ),
        caught_by=("first_failure_rate", "later_failure_rate", "independence", "partial_batches"),
        message="attempt 1 (succeeded|failed), and its draw .* says it should",
        load=BACKLOG,
    ),
)
