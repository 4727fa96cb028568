"""Tells the flight recorder when no event source mapping of a queue had room for another batch.

What was due in that queue meanwhile was late for that reason, whoever filled the room: how many batches an engine works on at once is
its own limit. It must not know what was due, nor what room is made of.
"""

import threading

from taskguard.engine.recorder.flight_recorder import now_ms, recorder


class Crowd:
    """The pollers of one queue, and since when all of them are full. They say so again and again."""

    def __init__(self, queue_arn: str) -> None:
        self._queue_arn = queue_arn
        self._changing = threading.Lock()
        self._looking: set[object] = set()
        self._full: set[object] = set()
        self._since_ms: float | None = None

    def has_room(self, poller: object) -> None:
        """This poller looks into the queue, and would take a batch."""
        with self._changing:
            self._looking.add(poller)
            self._full.discard(poller)
            self._note()

    def is_full(self, poller: object) -> None:
        """This poller would look into the queue, but has no room for a batch."""
        with self._changing:
            self._looking.add(poller)
            self._full.add(poller)
            self._note()

    def leaves(self, poller: object) -> None:
        """This poller looks into the queue no more."""
        with self._changing:
            self._looking.discard(poller)
            self._full.discard(poller)
            self._note()

    def _note(self) -> None:
        # Noted in pieces, so that what is not over yet is known too.
        until_ms = now_ms()
        if self._since_ms is not None and until_ms > self._since_ms:
            recorder().write("queue-held-up", queue=self._queue_arn, startedAt=self._since_ms, endedAt=until_ms)
        self._since_ms = until_ms if self._full and self._full == self._looking else None


_crowds: dict[str, Crowd] = {}
_making = threading.Lock()


def crowd_of(queue_arn: str) -> Crowd:
    """The one of that queue."""
    with _making:
        return _crowds.setdefault(queue_arn, Crowd(queue_arn))
