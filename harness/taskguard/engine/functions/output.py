"""What functions' processes write, collected from their pipes: one that writes more than a pipe holds would otherwise wait for ever.

One thread does that for all of them, some times a second: to be woken for each line of a log would cost the engine more than all
else that it does about an invocation's log.
"""

import codecs
import os
import selectors
import threading
import time
from contextlib import suppress
from functools import lru_cache

_CHUNK_BYTES = 65_536
_EVERY_SECONDS = 0.05
_MUCH_BYTES = 4_096
_GOES_ON_SECONDS = 0.2
"""Whoever has just written much is likely to write more, and is not kept waiting."""


class Output:
    """What one process writes to a ``pipe``, of which this is the reading end."""

    def __init__(self, pipe: int) -> None:
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._buffer = bytearray()
        # A character may arrive in two parts.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._reading = threading.Lock()
        self._collector = _collector()
        self._collector.begin(pipe, self)

    def take(self) -> str:
        """What was written since the last call."""
        self._drain()
        with self._reading:
            text = self._decoder.decode(bytes(self._buffer))
            self._buffer.clear()
        return text

    def read(self) -> int:
        """Read of what is there as much as is read at once: so many bytes."""
        with self._reading, suppress(BlockingIOError):
            if self._pipe >= 0:
                chunk = os.read(self._pipe, _CHUNK_BYTES)
                self._buffer += chunk
                if not chunk:
                    self._collector.end(self._pipe)
                return len(chunk)
        return 0

    def close(self) -> None:
        """Keep what is there, and read no more. May be called again."""
        self._drain()
        with self._reading:
            if self._pipe >= 0:
                self._collector.end(self._pipe)
                os.close(self._pipe)
                self._pipe = -1

    def _drain(self) -> None:
        while self.read() == _CHUNK_BYTES:
            pass


class _Collector:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        threading.Thread(target=self._collect, name="function-output", daemon=True).start()

    def begin(self, pipe: int, output: Output) -> None:
        self._selector.register(pipe, selectors.EVENT_READ, output)

    def end(self, pipe: int) -> None:
        with suppress(KeyError):
            self._selector.unregister(pipe)

    def _collect(self) -> None:
        much_at = 0.0
        while True:
            # Once each: none that writes without end keeps the others waiting.
            read = [key.data.read() for key, _ in self._selector.select()]
            now = time.monotonic()
            if max(read, default=0) >= _MUCH_BYTES:
                much_at = now
            if now - much_at > _GOES_ON_SECONDS:
                time.sleep(_EVERY_SECONDS)


@lru_cache(maxsize=1)
def _collector() -> _Collector:
    return _Collector()
