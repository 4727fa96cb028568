"""Judges a run again and again while it goes on, and tells of each check that fails already, once.

It reads for itself what the flight recorder has, in a thread of its own, and changes nothing. It must not know what a check asks.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from msgspec.structs import replace

from taskguard.errors import TaskGuardError
from taskguard.evidence.sources import RecorderSource
from taskguard.history import Called, Delivered, Event, History, Manifest
from taskguard.history.lines import told_once
from taskguard.judging.early import failing_already
from taskguard.run.events import FailsAlready, Tell
from taskguard.run.of_run import is_of_run
from taskguard.run.running import Run

_LOOK_EVERY_SECONDS = 0.1
_RESTS = 20
"""So many times as long as a look has taken it rests after it, for the engine has use for the processor."""


@contextmanager
def told_early(
    run: Run, answers: Sequence[Event], manifest: Callable[[], Manifest], again: frozenset[str], tell: Tell
) -> Iterator[None]:
    """As long as this is entered ``tell`` hears of each check that fails already. ``answers`` grow: they are those up to now. Of the tasks
    that are handed in ``again`` nothing is told, nor where others use the stack, too, or nothing is recorded."""
    if not isinstance(run.source, RecorderSource) or not run.alone:
        yield
        return
    looking = _Looking(run, run.source, answers, again, tell)
    thread = threading.Thread(target=looking.look_until_over, args=(manifest,), name="early", daemon=True)
    thread.start()
    try:
        yield
    finally:
        looking.over.set()
        thread.join()


class _Looking:
    def __init__(
        self, run: Run, source: RecorderSource, answers: Sequence[Event], again: frozenset[str], tell: Tell
    ) -> None:
        self._run, self._answers, self._again, self._tell = run, answers, again, tell
        self._of_run, self._source = source, source.beside()
        self._seen = (0, 0)
        self._told = set[str]()
        self.over = threading.Event()

    def look_until_over(self, manifest: Callable[[], Manifest]) -> None:
        # What is wrong with the engine or its file the run itself meets.
        with suppress(TaskGuardError, OSError):
            base, rest_seconds = None, _LOOK_EVERY_SECONDS
            while not self.over.wait(rest_seconds):
                began = time.thread_time()
                if self._of_run.heeded and self._run.configuration.known() and self._goes_on():
                    base = base or manifest()
                    self._judge(self._history(), replace(base, dialect=self._run.dialect))
                rest_seconds = max(_LOOK_EVERY_SECONDS, _RESTS * (time.thread_time() - began))

    def _goes_on(self) -> bool:
        """Whether an invocation has ended, or something was answered, since this was asked last."""
        ended = sum(each.ended_at_ms is not None for each in self._source.recording().invocations.values())
        before, self._seen = self._seen, (ended, len(self._answers))
        return self._seen != before

    def _history(self) -> History:
        """What was seen up to now."""
        answers = list(self._answers)
        begun_ms = min((event.at_ms for event in answers), default=0.0)
        self._source.heeded, self._source.dialect = self._of_run.heeded, self._run.dialect
        told, _ = self._source.left(answers, None)
        events = [event for event in (*answers, *told) if is_of_run(event, begun_ms, None)]
        return History(told_once([*events, *self._run.configuration.known()]))

    def _judge(self, history: History, manifest: Manifest) -> None:
        left_out = self._again | sent_twice(history, self._run.stack.work_queue.name)
        for check, found in failing_already(history, manifest, left_out):
            if check not in self._told:
                self._told.add(check)
                self._tell(FailsAlready(check, found.message))


def sent_twice(history: History, queue: str) -> frozenset[str]:
    """The tasks that were sent to the queue of this name more than once by others than its consumers."""
    consumed = {each.delivery_id for each in history.of_kind(Delivered)}
    sent = Counter(
        task_id
        for call in history.of_kind(Called)
        if call.resource == queue and call.took_effect and call.delivery_id not in consumed
        for task_id in call.task_ids
    )
    return frozenset(task_id for task_id, count in sent.items() if count > 1)
