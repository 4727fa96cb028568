"""Where a run's deliveries are read from: the engine's flight recorder, or the logs where there is none.

Either answers the same question, of one stack. It must not know which tasks a run is about, beyond what it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from taskguard.contract.dialect import TASKGUARD, Dialect
from taskguard.evidence.logs.from_logs import LogEvidence
from taskguard.evidence.queues import Queues
from taskguard.evidence.recorder.calls import calls_of, not_in_account, sends_of
from taskguard.evidence.recorder.deduplicated import deduplicated
from taskguard.evidence.recorder.deliveries import events_of
from taskguard.evidence.recorder.failures import failed_invocations, left_running
from taskguard.evidence.recorder.recording import Recording, RecordingFile
from taskguard.evidence.recorder.stages import other_stages
from taskguard.history import Event, InvalidSubmitted, TaskSubmitted
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

_CLOCKS_APART_MS = 60_000.0


class Source(Protocol):
    """One kind of evidence. What was seen before ``since_ms`` is of other runs on the stack."""

    since_ms: float

    def from_now(self) -> Self:
        """The same, of what is seen from now on, so far as it can tell that from what was seen before."""

    def gather(self, given: Sequence[Event], only: frozenset[str] | None) -> tuple[list[Event], Recording]:
        """What is told of the whole stack, or ``only`` of these tasks and messages; and the recording it is taken from. ``given`` is what
        is known already: the answers to what was handed in."""

    def recording(self) -> Recording | None:
        """What the engine's flight recorder has up to now; none where there is none."""

    def begin(self) -> None:
        """A run begins: ask for what may be needed when the engine is gone."""

    def left(self, given: Sequence[Event], only: frozenset[str] | None) -> tuple[list[Event], Recording]:
        """What can be told without the engine, which may be gone; as :meth:`gather`."""


@dataclass(slots=True)
class RecorderSource:
    """The flight recorder's file, from ``since_ms`` on."""

    file: RecordingFile
    endpoint: Endpoint
    stack: Stack
    dialect: Dialect = TASKGUARD
    since_ms: float = 0.0
    heeded: Mapping[str, bool | None] = field(default_factory=dict)

    def from_now(self) -> Self:
        return replace(self, since_ms=self.endpoint.clock.now_ms())

    def beside(self) -> Self:
        """The same for another thread, which reads the file by itself."""
        return replace(self, file=self.file.anew())

    def gather(self, given: Sequence[Event], only: frozenset[str] | None) -> tuple[list[Event], Recording]:
        self.begin()
        return self.left(given, only)

    def recording(self) -> Recording:
        return self.file.read()

    def begin(self) -> None:
        self.heeded = Queues(self.endpoint, self.stack).heeds_partial_batches()

    def left(self, given: Sequence[Event], only: frozenset[str] | None) -> tuple[list[Event], Recording]:
        recording = self.file.read().since(self.since_ms)
        names = self.dialect.message
        events = events_of(recording, self.stack, names, partial_batches=self.heeded, only=only)
        events += failed_invocations(recording, self.stack, names, only)
        handed_in = (each for each in given if isinstance(each, (TaskSubmitted, InvalidSubmitted)))
        ids = frozenset(each.task_id for each in handed_in if each.task_id is not None)
        events += deduplicated(recording, self.stack, names, ids if only is None else ids & only)
        events += other_stages(recording, self.stack, names, ids if only is None else ids & only)
        sends = sends_of(recording, self.stack, names, ids)
        calls = [*calls_of(recording, self.stack, names, ids), *sends]
        events += calls if only is None else (call for call in calls if not only.isdisjoint(call.task_ids))
        events += not_in_account(recording, self.stack)
        return [*events, *left_running(recording, self.stack)], recording


def log_source(
    endpoint: Endpoint, stack: Stack, dialect: Dialect = TASKGUARD, *, clocks_apart_ms: float = _CLOCKS_APART_MS
) -> LogEvidence:
    """The logs from now on, and before that as far as the pipeline's clock may be behind, ``clocks_apart_ms``."""
    since_ms = endpoint.clock.now_ms() - clocks_apart_ms * endpoint.clock.scale
    return LogEvidence(endpoint, stack, dialect, since_ms)


def source_at(endpoint: Endpoint, stack: Stack, dialect: Dialect = TASKGUARD, *, since_ms: float = 0.0) -> Source:
    """The flight recorder where there is one, from ``since_ms`` on, and else the logs."""
    path = endpoint.recording
    if path is not None and path.exists():
        return RecorderSource(RecordingFile(path, since_ms), endpoint, stack, dialect, since_ms=since_ms)
    return log_source(endpoint, stack, dialect)
