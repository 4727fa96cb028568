"""What functions' processes write, collected from their pipes: one that writes more than a pipe holds would otherwise wait for ever.

One thread does that for all of them, some times a second: to be woken for each line of a log would cost the engine more than all
else that it does about an invocation's log.
"""

import codecs
import fcntl
import logging
import os
import selectors
import threading
import time
from contextlib import suppress

LOG = logging.getLogger(__name__)

_CHUNK_BYTES = 65_536
_PIPE_BYTES = 1_048_576
"""So much can be written between two looks; less where the system has no such pipes."""
_MOST_BYTES = 64 * _PIPE_BYTES
"""So much is kept of what was written since it was taken: all of what functions write that do not write without end."""
_EVERY_SECONDS = 0.05
_MUCH_BYTES = 4_096
_GOES_ON_SECONDS = 0.2
"""Whoever has just written much is likely to write more, and is not kept waiting."""


class Output:
    """What one process writes to a ``pipe``, of which this is the reading end."""

    def __init__(self, pipe: int) -> None:
        os.set_blocking(pipe, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._pipe = pipe
        self._buffer, self._lost_bytes = bytearray(), 0
        # A character may arrive in two parts.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._reading = threading.Lock()
        _COLLECTOR.begin(pipe, self)

    def take(self) -> str:
        """What was written since the last call."""
        self._drain()
        with self._reading:
            text = self._decoder.decode(self._buffer)
            if self._lost_bytes:
                text += f"\n({self._lost_bytes} bytes more were written at once, and are not kept)\n"
            self._buffer, self._lost_bytes = bytearray(), 0
        return text

    def read(self) -> int:
        """Read of what is there as much as is read at once: so many bytes."""
        with self._reading, suppress(BlockingIOError):
            if self._pipe >= 0:
                chunk = os.read(self._pipe, _CHUNK_BYTES)
                if len(self._buffer) < _MOST_BYTES:
                    self._buffer += chunk
                else:
                    self._lost_bytes += len(chunk)
                if not chunk:
                    _COLLECTOR.end(self._pipe)
                return len(chunk)
        return 0

    def close(self) -> None:
        """Keep what is there, and read no more. May be called again."""
        self._drain()
        with self._reading:
            if self._pipe >= 0:
                _COLLECTOR.end(self._pipe)
                os.close(self._pipe)
                self._pipe = -1

    def _drain(self) -> None:
        # Not without end, as some write.
        for _ in range(_PIPE_BYTES // _CHUNK_BYTES):
            if self.read() < _CHUNK_BYTES:
                return


class _Collector:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._collect, name="function-output", daemon=True)
        self._starting = threading.Lock()

    def begin(self, pipe: int, output: Output) -> None:
        self._selector.register(pipe, selectors.EVENT_READ, output)
        with self._starting:
            if self._thread.ident is None:
                self._thread.start()

    def end(self, pipe: int) -> None:
        with suppress(KeyError):
            self._selector.unregister(pipe)

    def _collect(self) -> None:
        much_at = 0.0
        while True:
            # Once each: none that writes without end keeps the others waiting.
            read = [self._read(key) for key, _ in self._selector.select()]
            now = time.monotonic()
            if max(read, default=0) >= _MUCH_BYTES:
                much_at = now
            if now - much_at > _GOES_ON_SECONDS:
                time.sleep(_EVERY_SECONDS)

    def _read(self, key: selectors.SelectorKey) -> int:
        output: Output = key.data
        try:
            return output.read()
        except (OSError, MemoryError):
            LOG.exception("What a function writes cannot be read any more")
            self.end(key.fd)
            return 0


_COLLECTOR = _Collector()
