"""What a pipeline test holds in its hand: a deployed pipeline, tasks with a known fate, and the evidence of what became
of them.

Tests share the stack, so everything here looks at a test's own tasks and messages only.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from taskguard import session
from taskguard.contract.draws import Fate, find_task_id
from taskguard.errors import RunEndedEarly
from taskguard.evidence.queues import Queues
from taskguard.evidence.recorder.deliveries import tasks_of
from taskguard.evidence.records import Records
from taskguard.evidence.sources import source_at
from taskguard.history import History, RecordObserved, SavedRun, TaskSubmitted
from taskguard.ingress.access import http_client_of
from taskguard.ingress.http_client import HttpClient
from taskguard.ingress.load import load_of, shared_load
from taskguard.ingress.workload import Task
from taskguard.reports.timeline import timeline
from taskguard.run.events import Graded
from taskguard.run.manifests import manifest_of
from taskguard.run.running import Run
from taskguard.run.watch import longest_run_seconds, longest_run_under_faults_seconds
from taskguard.support.json_values import Json
from taskguard.support.waiting import WaitedInVain, wait_for


def own_name(test: str) -> str:
    """A test's name as its task ids begin: ``test_it[a b]`` becomes ``test-it-a-b``, and is cut."""
    return re.sub(r"[^A-Za-z0-9]+", "-", test).strip("-")[:40]


@dataclass(slots=True)
class Pipeline:
    """A deployed pipeline. ``prefix`` makes this test's task ids its own; ``folder`` receives its histories. When it is ``shared``, other
    tests use the same stack at the same time."""

    run: Run
    prefix: str
    folder: Path
    shared: bool = True
    client: HttpClient = field(init=False)
    submitted: list[TaskSubmitted] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.client = http_client_of(self.run.endpoint, self.run.stack, self.run.dialect.ingress)

    def task(self, *, failures: int = 0, payload: dict[str, Json] | None = None) -> Task:
        """A new task whose first ``failures`` attempts fail and whose next one succeeds; 3 failures is a dead letter."""
        terms = self.run.terms
        most = terms.contract.attempts.highest
        if terms.seed is None or terms.rate is None or most is None:
            raise ValueError("the stack has no failure seed, so no task's fate is known: deploy it with one")
        task_id = find_task_id(
            terms.seed,
            terms.rate,
            Fate(failures, dead=failures >= most),
            f"{self.prefix}-{next(self._numbers)}",
            max_receives=most,
        )
        return Task(task_id=task_id, payload=payload if payload is not None else {"test": self.prefix})

    def submit(self, *tasks: Task, until_answered: bool = False) -> None:
        """Hand in these tasks; each must be accepted, at once or, ``until_answered``, at one of a user's tries."""
        events = self.client.submit_all(tasks, until_answered=until_answered)
        self.submitted.extend(events)
        last = {event.task_id: event for event in events}
        for event in last.values():
            assert event.accepted, f"task {event.task_id} was not accepted: HTTP {event.status_code}"

    def settle(self, *tasks: Task, under_faults: bool = False) -> History:
        """Wait until these tasks have settled, and return all that was seen of them. ``under_faults`` each attempt may crash,
        which costs the queue's own visibility timeout.

        Raises:
            AssertionError: when they have not within the longest time the schedule allows.
        """
        wanted = [task.task_id for task in tasks]
        finals, records = self.run.dialect.finals, Records(self.run.endpoint, self.run.stack, self.run.dialect)
        seconds = longest_run_seconds(self.run.terms, len(wanted))
        if under_faults:
            hidden_seconds = Queues(self.run.endpoint, self.run.stack).visibility_timeout_seconds()
            seconds = longest_run_under_faults_seconds(self.run.terms, len(wanted), hidden_seconds)
        statuses: dict[str, str] = {}

        def settled() -> bool:
            statuses.update(records.statuses(wanted))
            return all(statuses.get(i) in finals for i in wanted) and self._at_rest(wanted)

        try:
            wait_for(settled, seconds=seconds, every=0.1, at_most_every=0.25)
        except WaitedInVain:
            found = {task_id: statuses.get(task_id, "no record with a status") for task_id in wanted}
            raise AssertionError(f"not settled within {seconds:.0f} s: {found}\n{self.timelines()}") from None
        return self.history(wanted)

    def history(self, ids: Iterable[str]) -> History:
        """All that was seen up to now of these tasks or messages."""
        return self.run.history(self.submitted, deadline_reached=False, only=frozenset(ids))

    def graded(self, tasks: int = 30) -> Graded:
        """Run so many tasks through the stack, as a graded run does, and judge them. Where others use the stack at the same time no task
        waits, so that what becomes of a batch of several may be *unknown*, and so may be whether the queues hold anything of this run."""
        endpoint, stack, terms = self.run.endpoint, self.run.stack, self.run.terms
        source = source_at(endpoint, stack, terms.dialect, since_ms=endpoint.clock.now_ms())
        run = Run(endpoint=endpoint, stack=stack, terms=terms, alone=False, source=source)
        load = (shared_load if self.shared else load_of)(self.prefix, tasks, terms)
        folder = self.folder / f"{self.prefix}-graded"
        try:
            return session.judge(session.record(run, load, folder), folder)
        except RunEndedEarly as early:
            if early.interrupted:
                raise KeyboardInterrupt from early
            raise

    def record(self, task_id: str) -> RecordObserved:
        return Records(self.run.endpoint, self.run.stack, self.run.dialect).records([task_id])[0]

    def timelines(self) -> str:
        """What happened to each submitted task, for a reader; the history itself is kept beside the engine's log."""
        ids = [event.task_id for event in self.submitted if event.task_id is not None]
        history = self.history(ids)
        path = self.folder / self.prefix
        SavedRun(history=history, manifest=manifest_of(self.run, len(ids), {})).write(path)
        texts = [timeline(history, task_id) for task_id in ids]
        return "\n\n".join([*texts, f"History: {path}", f"Engine's log: {self.run.endpoint.log}"])

    def _at_rest(self, ids: list[str]) -> bool:
        """Whether no function is at work on these tasks: an answer is on its way a moment longer than a record."""
        recording = self.run.recording()
        if recording is None:
            return True
        under_way = [i for i in recording.invocations.values() if i.ended_at_ms is None]
        return all(tasks_of(invocation, self.run.dialect.message).isdisjoint(ids) for invocation in under_way)
