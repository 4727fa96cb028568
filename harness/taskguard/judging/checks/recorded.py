"""Which attempt in a task's record is which of those that were seen, also where faults of the run's own struck some of these.

What was withheld from the function need not be in the record: who counts receives leaves its number out then, and who counts itself does
not know of it. From an attempt on that was broken off the record may lack any. This module must not know what is right of an attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile

from msgspec.structs import replace

from taskguard.history import Attempt, FaultInjected, History, RecordChanged, RecordedAttempt
from taskguard.judging.checks.struck import was_broken_off, was_withheld

_Pairs = list[tuple[RecordedAttempt, Attempt]]


def without_repeats(changes: Sequence[RecordChanged]) -> list[RecordChanged]:
    """The changes of a record without those that tell what the one before told: what changed is something else that the record has, as a
    counter, or what another function keeps there."""
    return [
        change
        for before, change in pairwise([None, *changes])
        if change is not None and (before is None or change != _at(change, before))
    ]


def _at(moment: RecordChanged, told: RecordChanged) -> RecordChanged:
    """What was told there, at this moment."""
    return replace(told, at_ms=moment.at_ms, within_ms=moment.within_ms, number=moment.number)


def recorded_attempts(
    recorded: Sequence[RecordedAttempt], seen: Sequence[Attempt], history: History
) -> tuple[bool, _Pairs]:
    """Whether the numbers in the record are those of the attempts that were ``seen``, and each recorded attempt with the one that it
    must be; without those that faults struck, and the one after each that was broken off, which may have found its work done."""
    numbers = _numbers(recorded)
    if not history.of_kind(FaultInjected):
        return numbers == _numbers(seen), _by_number(recorded, seen)
    reached = [each for each in seen if not was_withheld(history, each)]
    whole = list(takewhile(lambda attempt: not was_broken_off(history, attempt), reached))
    if numbers == _numbers(seen) or (len(reached) < len(seen) and _are_receives(numbers, reached, seen)):
        agree, pairs = True, _by_number(recorded, seen)
    elif len(reached) < len(seen) and numbers == _counted(reached):
        agree, pairs = True, list(zip(recorded, reached, strict=True))
    elif len(whole) < len(reached):
        begins = numbers[: len(whole)] in (_numbers(whole), _counted(whole))
        agree, pairs = begins and len(numbers) <= len(seen), list(zip(recorded, whole, strict=False))
    else:
        agree, pairs = False, _by_number(recorded, seen)
    after = {id(after) for before, after in pairwise(seen) if was_broken_off(history, before)}
    return agree, [pair for pair in pairs if not history.was_struck(pair[1]) and id(pair[1]) not in after]


def _numbers(attempts: Sequence[RecordedAttempt] | Sequence[Attempt]) -> list[int]:
    return [each.number for each in attempts]


def _counted(attempts: Sequence[Attempt]) -> list[int]:
    return list(range(1, len(attempts) + 1))


def _are_receives(numbers: Sequence[int], reached: Sequence[Attempt], seen: Sequence[Attempt]) -> bool:
    """Whether these are the numbers of all attempts that ``reached`` the function, and maybe of others that were seen, in order."""
    in_order = all(before < after for before, after in pairwise(numbers))
    return in_order and set(_numbers(reached)) <= set(numbers) <= set(_numbers(seen))


def _by_number(recorded: Sequence[RecordedAttempt], seen: Sequence[Attempt]) -> _Pairs:
    by_number = {attempt.number: attempt for attempt in seen}
    return [(each, by_number[each.number]) for each in recorded if each.number in by_number]
