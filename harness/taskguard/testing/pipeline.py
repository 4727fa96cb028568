"""What a pipeline test holds in its hand: a deployed pipeline, tasks with a known fate, and the evidence of what became
of them.

Tests share the stack, so everything here looks at a test's own tasks and messages only.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from taskguard import session
from taskguard.contract.draws import Fate, find_task_id
from taskguard.errors import ConfigurationError, RunEndedEarly
from taskguard.evidence.queues import Queues
from taskguard.evidence.recorder.deliveries import tasks_of
from taskguard.evidence.records import Records
from taskguard.evidence.sources import source_at
from taskguard.faults.plan import Phase
from taskguard.history import History, RecordObserved, SavedRun, TaskSubmitted
from taskguard.ingress.access import client_of
from taskguard.ingress.client import Client
from taskguard.ingress.http_client import HttpClient
from taskguard.ingress.load import load_of, shared_load
from taskguard.ingress.workload import Task
from taskguard.reports.timeline import timeline
from taskguard.run.events import Graded
from taskguard.run.manifests import manifest_of
from taskguard.run.running import Run
from taskguard.run.watch import LOCAL, longest_on, longest_run_under_faults_seconds
from taskguard.support.json_values import Json
from taskguard.support.this_command import runnable
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.testing.fates import Fates
from taskguard.testing.settled import Ends


def own_name(test: str) -> str:
    """A test's name as its task ids begin: ``test_it[a b]`` becomes ``test-it-a-b``, and is cut."""
    return re.sub(r"[^A-Za-z0-9]+", "-", test).strip("-")[:40]


@dataclass(slots=True)
class Pipeline:
    """A deployed pipeline. ``prefix`` makes this test's task ids its own; ``folder`` receives its histories. When it is ``shared``, other
    tests use the same stack at the same time. What is ``arranged`` becomes of tasks whose fate no seed
    decides (none: the engine is told at once)."""

    run: Run
    prefix: str
    folder: Path
    shared: bool = True
    arranged: Fates | None = None
    fates: Fates = field(init=False)
    way_in: Client = field(init=False)
    submitted: list[TaskSubmitted] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _known_ids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.way_in = client_of(self.run.endpoint, self.run.stack, self.run.dialect.ingress)
        self.fates = self.arranged or Fates(self.run, None, nullcontext)

    @property
    def client(self) -> HttpClient:
        """The client of the API, for requests of a test's own.

        Raises:
            TypeError: tasks are handed in to the queue itself.
        """
        if not isinstance(self.way_in, HttpClient):
            raise TypeError(f"the tasks of this stack are handed in by {self.way_in.place}, which is no API")
        return self.way_in

    def task(
        self,
        *,
        failures: int = 0,
        payload: dict[str, Json] | None = None,
        when: Phase | str = Phase.BEFORE,
        call: str | None = None,
    ) -> Task:
        """A new task whose first ``failures`` attempts fail and whose next one succeeds; as many as the queue's redrive policy allows are a
        dead letter. Where a seed decides which attempts fail, it has an id by which they do. Elsewhere the engine makes them fail:
        ``when="before"`` the function is given the message, or ``"after"`` it has done its work; or by denying the function this AWS
        ``call`` for the task, as ``"UpdateItem"``, so that it meets an error itself.

        Raises:
            ValueError: there is no such moment, or hardly an id with this fate.
            FaultPlanError: attempts cannot be made to fail there; the message says why.
        """
        phase, task_id = Phase(when), f"{self.prefix}-{next(self._numbers)}"
        terms, most = self.run.terms, self.run.terms.contract.attempts.highest
        if terms.seed is not None and terms.rate is not None and most is not None:
            fate = Fate(failures, dead=failures >= most)
            task_id = find_task_id(terms.seed, terms.rate, fate, task_id, max_receives=most)
        else:
            self.fates.want(task_id, failures, when=phase, call=call)
        return Task(task_id=task_id, payload=payload if payload is not None else {"test": self.prefix})

    def id_of(self, task: Task) -> str:
        """The id by which the service speaks of a task that was handed in: its own, or the one that the service made."""
        return self._known_ids.get(task.task_id, task.task_id)

    def submit(self, *tasks: Task, until_answered: bool = False) -> None:
        """Hand in these tasks; each must be accepted, at once or, ``until_answered``, at one of a user's tries."""
        answers: list[TaskSubmitted] = []
        with self.fates.around(tasks) as are_known:
            events = self.way_in.submit_all(tasks, tell=answers.append, until_answered=until_answered)
            known = {task.task_id: each.task_id for task, each in zip(tasks, answers, strict=True)}
            self._known_ids |= {own: task_id for own, task_id in known.items() if task_id is not None}
            are_known(self._known_ids)
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
        run, wanted = self.run, [self.id_of(task) for task in tasks]
        finals, records, queues = run.dialect.finals, Records(run.endpoint, run.stack, run.dialect), self._queues()
        seconds = longest_on(queues, run.terms, len(wanted), LOCAL, run.endpoint.clock.scale, faults_lasting=None)
        if under_faults:
            seconds = longest_run_under_faults_seconds(run.terms, len(wanted), queues.visibility_timeout_seconds())
        ends = Ends(run) if run.terms.seed is None and run.endpoint.recording is not None else None
        statuses: dict[str, str] = {}

        def settled() -> bool:
            statuses.update(records.statuses(wanted))
            told = all(statuses.get(i) in finals for i in wanted) if ends is None else ends.all_ended(wanted)
            return told and self._at_rest(wanted)

        try:
            wait_for(settled, seconds=seconds, every=0.1, at_most_every=0.25)
        except WaitedInVain:
            found = {task_id: statuses.get(task_id, "no record with a status") for task_id in wanted}
            raise AssertionError(f"not settled within {seconds:.0f} s: {found}\n{self.timelines()}") from None
        history = self.history(wanted)
        if missed := [said for task_id in wanted if (said := self.fates.missed(history, task_id)) is not None]:
            raise AssertionError("\n".join([*missed, self.timelines()]))
        return history

    def history(self, ids: Iterable[str]) -> History:
        """All that was seen up to now of these tasks or messages."""
        return self.run.history(self.submitted, deadline_reached=False, only=frozenset(ids))

    def graded(self, tasks: int = 30) -> Graded:
        """Run so many tasks through the stack, as a graded run does, and judge them. Where others use the stack at the same time no task
        waits, so that what becomes of a batch of several may be *unknown*, and so may be whether the queues hold anything of this run."""
        endpoint, stack, terms = self.run.endpoint, self.run.stack, self.run.terms
        source = source_at(endpoint, stack, terms.dialect, since_ms=endpoint.clock.now_ms())
        run = Run(endpoint=endpoint, stack=stack, terms=terms, alone=False, source=source)
        fated = terms.seed is None and endpoint.recording is not None
        load = (
            shared_load(self.prefix, tasks, terms) if self.shared else load_of(self.prefix, tasks, terms, fated=fated)
        )
        folder = self.folder / f"{self.prefix}-graded"
        try:
            return session.judge(session.record(run, load, folder), folder)
        except RunEndedEarly as early:
            if early.interrupted:
                raise KeyboardInterrupt from early
            raise

    def record(self, task_id: str) -> RecordObserved:
        """The record of a task, by its own id or the one that the service made, as it is now.

        Raises:
            ConfigurationError: the service has none, or nobody said how it words them.
        """
        known = self._known_ids.get(task_id, task_id)
        found = Records(self.run.endpoint, self.run.stack, self.run.dialect).records([known])
        if not found:
            raise ConfigurationError(
                f"Reading the record of task {known}: the stack has no table, or nobody said how its records are worded. State [record] in taskguard.toml; `{runnable('taskguard init')}` finds "
                "its words out, if there is a table."
            )
        return found[0]

    def _queues(self) -> Queues:
        return Queues(self.run.endpoint, self.run.stack)

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
