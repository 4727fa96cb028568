"""How often a right pipeline without a seed is accused: chance is all that can accuse it."""

from __future__ import annotations

import random
from functools import cache

from taskguard.contract.draws import Fate
from taskguard.history import Event, History
from taskguard.judging.checks import CHECKS
from taskguard.judging.verdict import Outcome

from tests.thoroughness import examples
from tests.unit.judging.batches import in_batches
from tests.unit.judging.building import OF_ANY_QUEUE, RATE, START_MS, UNSEEDED, ending, probed, task

OF_CHANCE = ("first_failure_rate", "later_failure_rate", "independence")
RUNS = examples(100)


def by_chance(seed: int, count: int = 60) -> History:
    """A run of a right pipeline whose draws are fair, handed out in batches of up to five."""
    chance = random.Random(seed)
    failures = [next((n for n in range(3) if chance.random() >= RATE), 3) for _ in range(count)]
    events = [event for number, failed in enumerate(failures) for event in task_that_fails(number, failed)]
    return History(probed(in_batches([*events, *ending(events)], 5)))


@cache
def task_that_fails(number: int, failures: int) -> list[Event]:
    return task(f"t{number}", Fate(failures, dead=failures == 3), START_MS + 1000.0 * number)


def test_fair_draws_are_not_accused() -> None:
    """Three checks at 0.001 each: of 100 runs one is accused with a probability below 0.3; none is with these seeds."""
    histories = (by_chance(seed) for seed in range(RUNS))
    verdicts = [CHECKS[check](history, UNSEEDED) for history in histories for check in OF_CHANCE]
    assert [verdict for verdict in verdicts if verdict.outcome is not Outcome.PASS] == []


def test_the_checks_of_chance_are_all_that_depend_on_it() -> None:
    history = by_chance(1)
    others = [
        check(history, UNSEEDED) for name, check in CHECKS.items() if name in OF_ANY_QUEUE and name not in OF_CHANCE
    ]
    assert {verdict.outcome for verdict in others} == {Outcome.PASS}
