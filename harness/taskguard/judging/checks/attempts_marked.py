"""What is known of attempts beside their outcomes, and might decide these: the clock, the size, the process, a count.

Of each aspect there are marks, which an attempt bears or not: that it began in an even second, that its payload is of more than
90 bytes, that it came to a process which had just started. It must not know outcomes.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from taskguard.history import Attempt, Called, Delivered, History, InvocationFailed

_MOST_SIZES = 15
_MOST_PROCESSES = 50
_LONGEST_COUNT = 10
_TENTHS = 10
_SECONDS = range(2, 11)
_ORDINALS = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One thing that attempts have in common, in words that follow on *attempts*; ``borne`` says of each whether it has it."""

    words: str
    borne: Sequence[bool]


def told_by_themselves(attempts: Iterable[Attempt], history: History) -> list[Attempt]:
    """The attempts whose outcomes are their own: of a consumer that fails batches as a whole, those that came alone."""
    attempts = [each for each in attempts if each.delivered is not None]
    together = Counter(each.delivery_id for each in attempts)
    failed_whole = {event.delivery_id for event in history.of_kind(InvocationFailed)}
    if any(together[delivery] > 1 for delivery in failed_whole):
        return [each for each in attempts if together[each.delivery_id] == 1]
    return attempts


def marks_of(attempts: Sequence[Attempt], history: History) -> dict[str, list[Mark]]:
    """The marks of each aspect. Where a process was not seen of all attempts, there are none of processes and counts.

    Raises:
        ValueError: when an attempt was not seen to be delivered.
    """
    deliveries = [each.delivered for each in attempts if each.delivered is not None]
    if len(deliveries) != len(attempts):
        raise ValueError("an attempt was not seen to be delivered")
    # What was withheld from the function is none of its attempts.
    whole = [each for each in history.of_kind(Delivered) if not history.was_withheld(each)]
    processes_seen = all(each.environment is not None for each in whole)
    return {
        "clock": list(_of_the_clock(_moments(deliveries, history))),
        "size": list(_of_sizes(deliveries)),
        "process": list(_of_processes(deliveries, whole)) if processes_seen else [],
        "count": list(_of_counts(deliveries, whole)) if processes_seen else [],
    }


def _moments(deliveries: Sequence[Delivered], history: History) -> list[float]:
    """When each attempt was at work: when its first call was answered, where the same call comes first in all of them, whatever
    became of them; else when it was delivered, which in a cold process or a batch can be seconds before."""
    first: dict[tuple[str | None, str | None], Called] = {}
    for call in history.of_kind(Called):
        for task_id in call.task_ids:
            first.setdefault((call.delivery_id, task_id), call)
    calls = [first.get((each.delivery_id, each.task_id)) for each in deliveries]
    answered = [call.answered_ms for call in calls if call is not None]
    same = len({call.what for call in calls if call is not None}) == 1
    return answered if same and len(answered) == len(calls) else [each.at_ms for each in deliveries]


def _of_the_clock(times_ms: Sequence[float]) -> Iterator[Mark]:
    tenths = [int(at_ms // 100) % _TENTHS for at_ms in times_ms]
    for length in range(1, _TENTHS // 2 + 1):
        # Of two halves, one tells all that the other does.
        for first in range(_TENTHS if 2 * length < _TENTHS else length):
            end = (first + length) % _TENTHS
            yield Mark(
                words=f"between {first}00 and {end or _TENTHS}00 ms of a second",
                borne=[(tenth - first) % _TENTHS < length for tenth in tenths],
            )
    for period in _SECONDS:
        for second in range(period if period > 2 else 1):
            yield Mark(
                words=f"in each {_ORDINALS[period - 2]} second" if period > 2 else "in even seconds",
                borne=[int(at_ms // 1000) % period == second for at_ms in times_ms],
            )


def _of_sizes(deliveries: Sequence[Delivered]) -> Iterator[Mark]:
    sizes = [len(json.dumps(each.payload, ensure_ascii=False, separators=(",", ":")).encode()) for each in deliveries]
    ordered = sorted(sizes)
    bounds = (
        {ordered[len(ordered) * part // (_MOST_SIZES + 1)] for part in range(1, _MOST_SIZES + 1)} if ordered else ()
    )
    for bound in sorted(bounds):
        yield Mark(words=f"with a payload of more than {bound} bytes", borne=[size > bound for size in sizes])


def _of_processes(deliveries: Sequence[Delivered], whole: Sequence[Delivered]) -> Iterator[Mark]:
    attempts_in = Counter(each.environment for each in deliveries)
    for process, _ in attempts_in.most_common(_MOST_PROCESSES):
        yield Mark(words="in one process", borne=[each.environment == process for each in deliveries])
    first = {each.environment: each.delivery_id for each in reversed(whole)}
    yield Mark(
        words="in a process that had just started",
        borne=[first[each.environment] == each.delivery_id for each in deliveries],
    )


def _of_counts(deliveries: Sequence[Delivered], whole: Sequence[Delivered]) -> Iterator[Mark]:
    so_far: dict[str | None, int] = defaultdict(int)
    numbers: dict[int, int] = {}
    for each in whole:
        numbers[id(each)] = so_far[each.environment]
        so_far[each.environment] += 1
    for every in range(2, _LONGEST_COUNT + 1):
        for place in range(every if every > 2 else 1):
            yield Mark(
                words=f"that were each {_ORDINALS[every - 2]} of their process",
                borne=[numbers[id(each)] % every == place for each in deliveries],
            )
