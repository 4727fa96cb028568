"""How often the check of independence accuses a right pipeline without a seed, by simulation: only chance can.

Run as ``python -m bench.chance [runs] [tasks …]``: so many runs of each number of tasks. Tasks come in batches and one by one, retries may
fail at another rate than first attempts, and in every other run a process ends with its first failure. Nothing is deployed.
"""

from __future__ import annotations

import random
import sys
from typing import Any

from taskguard.history import AttemptFailed, AttemptSucceeded, Delivered, Event, History, RunEnded, TaskSubmitted
from taskguard.judging.checks import CHECKS
from taskguard.judging.verdict import Outcome
from taskguard.support.json_values import Json

from tests.terms import our_terms

_SIZES = (30, 60, 100)
_AT_ONCE = 5
_BATCH = 10


def run_by_chance(seed: int, count: int) -> History:
    """A run of a right pipeline: half of its tasks wait and come in batches, the others come as they are handed in."""
    chance = random.Random(seed)
    later_rate, dies = chance.choice((0.3, 0.3, 0.6)), bool(seed % 2)
    events: list[Event] = []
    due: list[tuple[float, int, int]] = []
    payloads: list[Json] = [{"text": "x" * chance.choice((4, 10, 30, 31, 60))} for _ in range(count)]
    waiting = min(20, (count + 1) // 2)
    for number in range(count):
        at_ms = 1e12 + 40.0 * number
        events.append(
            TaskSubmitted(
                at_ms=at_ms,
                answered_ms=at_ms + 20,
                task_id=f"t{number}",
                payload=payloads[number],
                accepted=True,
                status_code=202,
            )
        )
        due.append((max(at_ms, 1e12 + 40.0 * waiting) + 30, number, 1))
    environments, started = [f"e{number}" for number in range(_AT_ONCE)], _AT_ONCE
    free_ms = [0.0] * _AT_ONCE
    while due:
        due.sort()
        place = min(range(_AT_ONCE), key=free_ms.__getitem__)
        now = max(free_ms[place], due[0][0])
        batch = [each for each in due if each[0] <= now][:_BATCH]
        due = [each for each in due if each not in batch]
        environment, ends_ms, any_failed = environments[place], now + chance.uniform(5, 60) * len(batch), False
        for _, number, attempt in batch:
            of: dict[str, Any] = {
                "task_id": f"t{number}",
                "message_id": f"m{number}",
                "receive_count": attempt,
                "delivery_id": f"{environment}-{now}",
            }
            events.append(Delivered(at_ms=now, payload=payloads[number], environment=environment, **of))
            if chance.random() < (0.3 if attempt == 1 else later_rate):
                any_failed = True
                events.append(AttemptFailed(at_ms=ends_ms, reason="reported", **of))
                if attempt < 3:
                    due.append((ends_ms + 5000.0 * attempt, number, attempt + 1))
            else:
                events.append(AttemptSucceeded(at_ms=ends_ms, **of))
        free_ms[place] = ends_ms
        if any_failed and dies:
            environments[place], started = f"e{started}", started + 1
    return History([*events, RunEnded(at_ms=max(event.at_ms for event in events) + 1, deadline_reached=False)])


def main(runs: int, sizes: tuple[int, ...]) -> None:
    """Judge so many runs of each size, and tell how many were accused, and of what."""
    terms = our_terms()
    for count in sizes:
        accused: list[str] = []
        too_small = 0
        for seed in range(runs):
            verdict = CHECKS["independence"](run_by_chance(seed, count), terms)
            too_small += bool(verdict.too_few)
            if verdict.outcome is not Outcome.PASS:
                accused.append(f"  seed {seed}: {verdict.findings[0].message}")
        print(
            f"{count} tasks: {len(accused)} of {runs} accused, {too_small} too small to tell",
            *accused,
            sep="\n",
            flush=True,
        )


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]]
    main(numbers[0] if numbers else 1000, tuple(numbers[1:]) or _SIZES)
