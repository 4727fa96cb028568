"""That the queues were seen empty, and stayed so: twice, far enough apart for what was on its way between them to have arrived.

Of a run that waited to its deadline it is no doubt that something is left. It must not know what is in a queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from taskguard.history import History, QueueDepth
from taskguard.history.wording import seconds
from taskguard.judging.checks.asked import queues_to_be_emptied
from taskguard.judging.verdict import Doubt


def not_empty(history: History) -> list[QueueDepth]:
    """The last looks at the queues that somebody empties, where something was left."""
    looks = [history.depths_of(queue)[-1:] for queue in queues_to_be_emptied(history)]
    return [last for found in looks for last in found if last.total]


def not_seen_to_stay_empty(
    history: History, empty_for_seconds: float, left: Callable[[QueueDepth], str]
) -> Iterator[Doubt]:
    """What makes it doubtful that nothing will be delivered any more; ``left`` words what was left in a queue at the last look."""
    for queue in queues_to_be_emptied(history):
        depths = history.depths_of(queue)
        if not depths:
            if QueueDepth.__name__ not in history.missing_kinds:
                yield Doubt(None, f"how many messages were left in the {queue} queue at the end was not read")
            continue
        last = depths[-1]
        before = [depth for depth in depths if last.at_ms - depth.at_ms >= empty_for_seconds * 1000]
        if last.total:
            if not history.deadline_reached:
                yield Doubt(None, left(last), (last,))
        elif not before:
            apart = seconds(empty_for_seconds)
            yield Doubt(
                None, f"the {queue} queue was not seen empty twice, {apart} apart, so it may not stay so", depths
            )
        elif before[-1].total:
            message = f"the {queue} queue was emptied only just before the end, so it may not stay so"
            yield Doubt(None, message, (before[-1], last))
