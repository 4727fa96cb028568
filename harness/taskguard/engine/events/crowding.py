"""Tells the flight recorder when no event source mapping of a queue had room for another batch.

What was due in that queue meanwhile was late for that reason, whoever filled the room: how many batches an engine works on at once is
its own limit. It must not know what was due, nor what room is made of.
"""

import threading

from taskguard.engine.recorder.flight_recorder import now_ms, recorder


class Crowd:
    """The pollers of one queue, which of them have room, and since when none has. They say so again and again."""

    def __init__(self, queue_arn: str) -> None:
        self._queue_arn = queue_arn
        self._changing = threading.Lock()
        self._has_room: dict[object, bool] = {}
        self._since_ms: float | None = None

    def note(self, poller: object, *, has_room: bool) -> None:
        """This poller looks into the queue, and would take a batch if it has room for one."""
        with self._changing:
            self._has_room[poller] = has_room
            self._write()

    def leaves(self, poller: object) -> None:
        """This poller looks into the queue no more."""
        with self._changing:
            self._has_room.pop(poller, None)
            self._write()

    def _write(self) -> None:
        # Noted in pieces, so that what is not over yet is known too.
        until_ms = now_ms()
        if self._since_ms is not None and until_ms > self._since_ms:
            recorder().write("queue-held-up", queue=self._queue_arn, startedAt=self._since_ms, endedAt=until_ms)
        self._since_ms = until_ms if self._has_room and not any(self._has_room.values()) else None


_crowds: dict[str, Crowd] = {}
_making = threading.Lock()


def crowd_of(queue_arn: str) -> Crowd:
    """The one of that queue."""
    with _making:
        return _crowds.setdefault(queue_arn, Crowd(queue_arn))
