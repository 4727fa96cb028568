"""One run against a deployed stack: submit, watch, gather the evidence, and hand over a History.

It judges nothing. Everything that goes into History passes through here, so that a run by the command line and a run by
a test are the same run.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field

from taskguard.contract.expectations import Expectations
from taskguard.contract.names import Names
from taskguard.evidence.changes import Changes
from taskguard.evidence.configuration import Configuration
from taskguard.evidence.logs.from_logs import LogEvidence
from taskguard.evidence.recorder.deliveries import events_of, handled_dead_letters
from taskguard.evidence.recorder.recording import Recording, RecordingFile
from taskguard.evidence.stack import StackReader
from taskguard.history import (
    Event,
    EvidenceMissing,
    FaultInjected,
    HeldUp,
    History,
    QueueDepth,
    RunEnded,
    TaskSubmitted,
)
from taskguard.ingress.access import client_of
from taskguard.ingress.workload import Task
from taskguard.run.events import Tell, nobody, phase
from taskguard.run.injecting.planned_faults import Trouble
from taskguard.run.watch import LOCAL, ON_AWS, Progress, longest_run_seconds, longest_run_under_faults_seconds, watch
from taskguard.service.deployment import Stack
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint

_LONGEST_INVOCATION_SECONDS = 20.0
"""Above each function's timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run is made of: where it takes place, and what is expected there. On a stack that is not ``alone`` its own,
    a run leaves aside the tasks of others. Deliveries are read from the flight recorder where there is one, and from
    the logs where there is none, or when it is asked for ``from_logs``: from the run's start on, and before it as far as the
    pipeline's clock may be behind, ``clocks_apart_ms``. What was recorded before ``since_ms`` is of other runs on the stack."""

    endpoint: Endpoint
    stack: Stack
    expectations: Expectations
    names: Names = field(default_factory=Names)
    alone: bool = True
    from_logs: bool = False
    clocks_apart_ms: float = 60_000.0
    since_ms: float = 0.0
    _since_ms: float = field(init=False)
    _file: RecordingFile | None = field(init=False)
    _logs: LogEvidence = field(init=False)
    _changes: Changes = field(init=False)
    _configuration: Configuration = field(init=False)

    def __post_init__(self) -> None:
        path = self.endpoint.recording
        recorded = path is not None and path.exists() and not self.from_logs
        object.__setattr__(self, "_file", RecordingFile(path) if path is not None and recorded else None)
        object.__setattr__(self, "_since_ms", self.since_ms if recorded else self._before_ms())
        logs = LogEvidence(self.endpoint, self.stack, self._reader(), self.names, self._since_ms)
        object.__setattr__(self, "_logs", logs)
        object.__setattr__(self, "_changes", Changes(self.endpoint, self.stack, self.names.table))
        object.__setattr__(self, "_configuration", Configuration(self.endpoint, self.stack))

    def of(self, tasks: Sequence[Task], tell: Tell = nobody, trouble: Trouble | None = None) -> History:
        """Submit ``tasks``, watch them to their end, and gather all that was seen of the whole stack. Each answer, each look
        and each phase is told.

        With ``trouble`` faults are injected from before the first submission until nothing more will happen, a task is handed
        in again as long as its answer leaves open what became of it, and all tasks are watched, accepted or not.

        Raises:
            SubmissionError: when the API cannot be reached.
        """
        self._changes.begin()
        with trouble or nullcontext():
            submitted, settled, depths = self._submit_and_watch(tasks, tell, trouble)
        if trouble is not None:
            self.wait_until_at_rest()
        only = None if self.alone else frozenset(task.task_id for task in tasks)
        with phase(tell, "gather the evidence"):
            events: list[Event] = [*submitted, *(trouble.events if trouble else ())]
            return self.history(events, deadline_reached=not settled, only=only, depths=depths)

    def _submit_and_watch(
        self, tasks: Sequence[Task], tell: Tell, trouble: Trouble | None
    ) -> tuple[list[TaskSubmitted], bool, Sequence[QueueDepth]]:
        """The answers, whether nothing more will happen, and the queues as they were one look before that was found."""
        with phase(tell, "submit"):
            client = client_of(self.endpoint, self.stack)
            submitted = client.submit_all(tasks, tell=tell, until_answered=trouble is not None)
        ids = [event.task_id for event in submitted if event.task_id and (event.accepted or trouble is not None)]
        looks: deque[Progress] = deque(maxlen=2)

        def look(progress: Progress) -> None:
            looks.append(progress)
            tell(progress)

        self._configuration.begin()
        with phase(tell, "settle"):
            settled = self.watch(ids, look, trouble)
        return submitted, settled, looks[0].depths

    def watch(
        self,
        task_ids: Iterable[str],
        tell: Callable[[Progress], None] = lambda _: None,
        trouble: Trouble | None = None,
    ) -> bool:
        """Wait until nothing more will happen to these tasks; False when time ran out first. In ``trouble`` that takes longer,
        and it is the pipeline's clock that counts."""
        ids = list(dict.fromkeys(task_ids))
        reader = self._reader()
        pace = ON_AWS if self.endpoint.url is None else LOCAL
        if trouble is None:
            seconds = longest_run_seconds(self.expectations, len(ids)) + pace.quiet_seconds
            return watch(reader, ids, self.expectations, seconds=seconds, pace=pace, tell=tell)
        hidden_seconds = reader.visibility_timeout_seconds()
        seconds = longest_run_under_faults_seconds(self.expectations, len(ids), hidden_seconds, trouble.lasting_seconds)
        seconds += pace.quiet_seconds * self.endpoint.clock.scale
        clock = self.endpoint.clock
        return watch(reader, ids, self.expectations, seconds=seconds, pace=pace, tell=tell, clock=clock)

    def wait_until_at_rest(self) -> None:
        """Wait until no function of the stack is at work, or for as long as one may be. A delivery beside the one that settled its
        task is, when no queue holds anything any more."""
        ours = {value for key, value in self.stack.outputs.items() if key.endswith("FunctionName")}

        def at_rest() -> bool:
            recording = self.recording()
            invocations = recording.invocations.values() if recording is not None else ()
            return not any(each.ended_at_ms is None and each.function in ours for each in invocations)

        with suppress(WaitedInVain):
            wait_for(at_rest, seconds=_LONGEST_INVOCATION_SECONDS)

    def history(
        self,
        submitted: Iterable[Event],
        *,
        deadline_reached: bool,
        only: frozenset[str] | None = None,
        depths: Sequence[QueueDepth] = (),
    ) -> History:
        """Gather all that was seen of the stack, or ``only`` of these tasks and messages: since its engine started, or as
        far as there are logs of this run. The queues are looked at last of all, and compared with ``depths``, an earlier
        look; without one they are looked at first, too. What is ``submitted`` may come with the faults that were injected from
        outside."""
        events: list[Event] = list(submitted)
        begun_ms = min((event.at_ms for event in events), default=0.0)
        reader, recording = self._reader(), self.recording()
        depths = depths or reader.queue_depths()
        if recording is not None:
            recording = recording.since(self.since_ms)
        if recording is None:
            accepted = [event for event in events if isinstance(event, TaskSubmitted)]
            told, recording = self._logs.gather(accepted, self.expectations.record, only)
            events.extend(told)
        else:
            heeded = reader.heeds_partial_batches()
            events.extend(events_of(recording, self.stack, self.names.message, partial_batches=heeded, only=only))
        request_ids = handled_dead_letters(recording, self.stack, self.names.message, only)
        events.extend(reader.dead_letter_logs(self.expectations.dead_letter_log, request_ids, self._since_ms))
        events = [event for event in events if only is None or _concerns(event, only)]
        # What the engine was busy with before is of no run's business, nor what was broken then.
        events = [
            event for event in events if not isinstance(event, (HeldUp, FaultInjected)) or event.at_ms >= begun_ms
        ]
        task_ids = {task_id for event in events if (task_id := getattr(event, "task_id", None)) is not None}
        records = reader.records(sorted(task_ids))
        events.extend(records)
        events.extend(self._changes.of(records, [each for each in events if isinstance(each, TaskSubmitted)]))
        events.extend(self._configuration.events())
        events.extend(self._what_stayed(reader, depths, alone=only is None))
        events.append(RunEnded(at_ms=self.endpoint.clock.now_ms(), deadline_reached=deadline_reached))
        return History(events)

    def _what_stayed(self, reader: StackReader, before: Sequence[QueueDepth], *, alone: bool) -> list[Event]:
        """How much the queues held ``before``, and at least as much later as is expected."""
        if alone or all(depth.total == 0 for depth in before):
            looked_at_ms = max(depth.at_ms for depth in before)
            waited_ms = self.endpoint.clock.now_ms() - looked_at_ms
            # A little longer: the clock may be set back by a little meanwhile.
            time.sleep(max(0.0, self.expectations.empty_for_seconds + 0.01 - waited_ms / 1000))
            depths = [*before, *reader.queue_depths()]
            if alone or all(depth.total == 0 for depth in depths):
                return list(depths)
        # That nothing is left tells of all; what is left may be that of others.
        what = "whether a queue holds messages of this run, since others use it too"
        now_ms = self.endpoint.clock.now_ms()
        return [EvidenceMissing(at_ms=now_ms, source="SQS", what=what, affects=("QueueDepth",))]

    def _before_ms(self) -> float:
        clock = self.endpoint.clock
        return clock.now_ms() - self.clocks_apart_ms * clock.scale

    def _reader(self) -> StackReader:
        return StackReader(self.endpoint, self.stack, self.names)

    def recording(self) -> Recording | None:
        """What the engine's flight recorder has up to now; none where there is none."""
        return self._file.read() if self._file is not None else None


def _concerns(event: Event, ids: frozenset[str]) -> bool:
    if isinstance(event, (EvidenceMissing, HeldUp)):
        return True
    if isinstance(event, FaultInjected):
        # What strikes no task in particular may strike any.
        return not event.task_ids or not ids.isdisjoint(event.task_ids)
    return getattr(event, "task_id", None) in ids or getattr(event, "message_id", None) in ids
