"""One run against a deployed stack: submit, watch, gather the evidence, and hand over a History.

It judges nothing. Everything that goes into History passes through here, so that a run by the command line and a run by
a test are the same run.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from copy import copy
from functools import partial

from msgspec.structs import replace

from taskguard.contract.dialect import Dialect, IngressWords
from taskguard.contract.learning.learnt import Learnt
from taskguard.contract.terms import Terms
from taskguard.evidence.changes import Changes
from taskguard.evidence.configuration import Configuration
from taskguard.evidence.dead_letters import dead_letter_logs
from taskguard.evidence.privileges.uses import with_uses
from taskguard.evidence.queues import Queues
from taskguard.evidence.recorder.deliveries import handled_dead_letters
from taskguard.evidence.recorder.recording import Recording
from taskguard.evidence.records import Records
from taskguard.evidence.sources import RecorderSource, Source, source_at
from taskguard.history import (
    Event,
    EvidenceMissing,
    History,
    QueueDepth,
    RecordObserved,
    RunEnded,
    TaskSubmitted,
)
from taskguard.history.lines import told_once
from taskguard.ingress.access import client_of
from taskguard.ingress.client import Client
from taskguard.ingress.load import Load
from taskguard.run.asking import asked_first
from taskguard.run.breaking_off import Ask, demanded
from taskguard.run.events import Tell, nobody, phase
from taskguard.run.in_vain import are_buried_in_vain
from taskguard.run.injecting.planned_faults import PlannedFaults
from taskguard.run.learning import Learning, can_learn
from taskguard.run.of_run import ids_of, is_of_run
from taskguard.run.outside import NOTHING, Outside
from taskguard.run.probing import Probing
from taskguard.run.redrive import Redrive
from taskguard.run.watch import (
    LOCAL,
    ON_AWS,
    Looks,
    Pace,
    Progress,
    all_empty,
    longest_on,
    watch,
)
from taskguard.service.stack import Stack
from taskguard.support.clocks import MachineClock
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint

_LONGEST_INVOCATION_SECONDS = 20.0
"""Above each function's timeout."""


class Run:
    """What a run is made of: where it takes place, and on which terms it is judged. On a stack that is not ``alone`` its own,
    a run leaves aside the tasks of others. Deliveries are read from ``source``: if none is given, from the flight recorder
    where there is one, and from the logs where there is none. ``note`` hears of each task that the stack may have. What was
    ``learnt`` before stands in the terms."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        stack: Stack,
        terms: Terms,
        alone: bool = True,
        source: Source | None = None,
        note: Callable[[Iterable[str]], None] = lambda _: None,
        learnt: tuple[Learnt, ...] = (),
    ) -> None:
        self.endpoint, self.stack, self.terms, self.alone = endpoint, stack, terms, alone
        self._learnt_before = learnt
        self._note = note
        self.machine_clock = MachineClock()
        self.source = source or source_at(endpoint, stack, self.dialect)
        self._changes = Changes(endpoint, stack, self.dialect.record)
        self.configuration = Configuration(endpoint, stack)
        self._learning: Learning | None = None

    def from_now(self) -> Run:
        """The same for one of several users of the stack, whose tasks are all handed in from now on: it need not look through what was
        seen before."""
        mine = copy(self)
        mine.source = self.source.from_now()
        return mine

    @property
    def learnt(self) -> tuple[Learnt, ...]:
        """What was learnt of the service's words in the run, or before it, and what is in doubt."""
        return self._learning.learnt if self._learning is not None else self._learnt_before

    @property
    def dialect(self) -> Dialect:
        """By which words the service speaks of its tasks."""
        return self.terms.dialect

    def of(
        self,
        load: Load,
        tell: Tell = nobody,
        outside: Outside = NOTHING,
        *,
        learn_log: bool = False,
    ) -> History:
        """Submit the tasks of ``load``, watch them to their end, and gather all that was seen of the whole stack. Each answer, each look
        and each phase is told.

        What is done besides is in ``outside``. With faults a task is handed in again as long as its answer leaves open what became of
        it, and all tasks are watched, accepted or not. Words of the
        service that nobody stated are learnt; with ``learn_log`` those of the log also where the contract asks for none. What a redrive puts back is watched to its end once more.

        Raises:
            SubmissionError: when the API cannot be reached.
        """
        self._changes.begin()
        self.source.begin()
        if can_learn(self.endpoint, self.stack, self.dialect, load):
            asks_for_log = bool(self.terms.contract.dead_letter.log)
            self._learning = Learning(self.endpoint, self.stack, self.dialect, load, log=asks_for_log or learn_log)
            self._learning.begin()
        with outside.active():
            answers, settled, depths = self.submit_and_watch(load, tell, outside)
        if outside.redrive is not None and settled:
            settled, depths = self._redrive_and_watch(outside.redrive, answers, tell, depths)
        if outside.faults is not None:
            self.wait_until_at_rest()
        with phase(tell, "gather the evidence"):
            only = None if self.alone else ids_of(answers)
            return self.history([*answers, *outside.events], deadline_reached=not settled, only=only, depths=depths)

    def submit_and_watch(
        self,
        load: Load,
        tell: Tell = nobody,
        outside: Outside = NOTHING,
        *,
        pace: Pace | None = None,
        seconds: float | None = None,
    ) -> tuple[list[Event], bool, Sequence[QueueDepth]]:
        """All answers, whether nothing more will happen, and the queues as they were one look before that was found. The stack is looked
        at in this ``pace``, for ``seconds`` at most; without them as is right for it."""
        with phase(tell, "ask first"):
            client, load, first = self._ask_first(load, tell, outside)
        at, refused = (self.endpoint, self.stack, self.terms), partial(outside.sends_refused, self.dialect)
        since_ms, let_go = self.source.since_ms, outside.let_go
        with Probing(*at, load, client, tell, since_ms=since_ms, let_go=let_go, sends_refused=refused) as probing:
            with phase(tell, "submit"):
                submitted = self._submit(client, load, first, probing, tell, outside)
            faults, backlog = outside.faults, outside.backlog
            answers = [*submitted, *(event for event in probing.events if isinstance(event, TaskSubmitted))]
            ids = [event.task_id for event in answers if event.task_id and (event.accepted or faults is not None)]
            # Nobody may write down a death of which no function was told: then the empty queues tell of it.
            ids = [task_id for task_id in ids if task_id not in outside.dying]

            def told(progress: Progress) -> None:
                tell(progress)
                if backlog is not None and backlog.look(progress.depths):
                    self.configuration.begin()
                if looks.found_nothing_new():
                    # Meanwhile it is only waited.
                    self._changes.read()

            looks = Looks(told)
            if backlog is None:
                # With one, what was switched off must be on again before.
                self.configuration.begin()
            with phase(tell, "settle"):
                settled = self.watch(ids, looks, faults, handed_in=probing.handed_in, pace=pace, seconds=seconds)
            probing.read_back()
        return [*submitted, *probing.events], settled, looks.depths_before

    def _redrive_and_watch(
        self, redrive: Redrive, answers: list[Event], tell: Tell, depths: Sequence[QueueDepth]
    ) -> tuple[bool, Sequence[QueueDepth]]:
        """Whether nothing more will happen, and the queues as they were one look before that was found; as before where nothing was put
        back."""
        with phase(tell, "redrive"):
            task_ids = redrive.put_back(lambda: self.source.gather(answers, None)[0])
        if not task_ids:
            return True, depths
        looks = Looks(tell)
        with phase(tell, "settle again"):
            settled = self.watch(task_ids, looks)
        return settled, looks.depths_before

    def _ask_first(self, load: Load, tell: Tell, outside: Outside) -> tuple[Client, Load, list[TaskSubmitted]]:
        """Hand in the first task, or those from which words are to be learnt: a client for the rest, what is left of the load to be handed
        in, and how the first were answered."""
        words = self.dialect.ingress
        if outside.faults is not None or not load.tasks:
            # Of what is broken on purpose nobody knows what to expect at first.
            return self._client(words), load, []
        client = self._client(words)
        if self._learning is None:
            first = [asked_first(client, load.tasks[0], self.stack, words, self.recording)[0]]
            first += [client.submit(each) for each in load.tasks[1 : load.wording]]
        else:
            first = self._learning.ask_first(self._client, self.recording)
            self._speak(self._learning.dialect)
            client = self._client(self.dialect.ingress)
            if self.dialect.ingress.id == "answer":
                # What is handed in twice is then two tasks.
                load = dataclasses.replace(load, again=())
        for answered in first:
            tell(answered)
        return client, load, first

    def _client(self, words: IngressWords) -> Client:
        return client_of(self.endpoint, self.stack, words, self._note)

    def _speak(self, dialect: Dialect) -> None:
        """Go by these words from now on."""
        if dialect == self.dialect:
            return
        self._changes.words = self._changes.words or dialect.record
        self.terms = replace(self.terms, dialect=dialect)
        if isinstance(self.source, RecorderSource):
            self.source.dialect = dialect

    def _submit(
        self,
        client: Client,
        load: Load,
        first: list[TaskSubmitted],
        probing: Probing,
        tell: Tell,
        outside: Outside,
    ) -> list[TaskSubmitted]:
        backlog, until_answered = outside.backlog, outside.faults is not None
        tasks, waiting = load.tasks, load.waiting if backlog is not None else 0
        waiting = max(waiting, len(first))
        submit, wait_too = partial(client.submit_all, until_answered=until_answered), tasks[len(first) : waiting]
        submitted = [*first, *submit(wait_too, tell=tell, at_least=load.clients)]
        if outside.fates is not None:
            outside.fates.begin(tasks[:waiting], submitted, self.dialect)
        # Who takes nothing has nothing to send.
        probing.before_work(takes=any(event.accepted for event in submitted))
        if backlog is not None:
            backlog.let_work_go()
        probing.begin(self.recording)

        def submitted_later(event: TaskSubmitted) -> None:
            tell(event)
            if backlog is not None:
                backlog.look()

        later = submit(tasks[waiting:], tell=submitted_later)
        probing.refusals()
        return [*submitted, *later]

    def watch(
        self,
        task_ids: Iterable[str],
        tell: Callable[[Progress], None] = lambda _: None,
        faults: PlannedFaults | None = None,
        *,
        handed_in: Callable[[], Iterable[str]] = tuple,
        pace: Pace | None = None,
        seconds: float | None = None,
    ) -> bool:
        """Wait until nothing more will happen to these tasks; False when time ran out first. Under ``faults`` that takes longer,
        and it is the pipeline's clock that counts. ``handed_in`` as of :func:`watch`; ``pace`` and ``seconds`` are as is right for the
        stack, unless they are given."""
        ids, since_ms = list(dict.fromkeys(task_ids)), self.source.since_ms
        records, queues = Records(self.endpoint, self.stack, self.dialect), Queues(self.endpoint, self.stack)
        pace = pace or (ON_AWS if self.endpoint.url is None else LOCAL)
        clock = None if faults is None else self.endpoint.clock
        if seconds is None:
            lasting = None if faults is None else faults.lasting_seconds
            seconds = longest_on(queues, self.terms, len(ids), pace, self.endpoint.clock.scale, faults_lasting=lasting)
        return watch(
            records,
            queues,
            ids,
            self.terms,
            seconds=seconds,
            pace=pace,
            tell=tell,
            clock=clock,
            stays_filled=self.stack.stays_filled,
            at_rest=self._at_rest_if_untold(),
            handed_in=handed_in,
            are_empty_beside=queues.are_empty_beside,
            in_vain=lambda left: faults is None and are_buried_in_vain(self.recording(), self.stack, since_ms, left),
        )

    def _at_rest_if_untold(self) -> Callable[[], bool] | None:
        """Whether nothing is at work, where no record tells of a task's end and the recorder does; else none."""
        told = self.dialect.record is not None and self.stack.table is not None
        return None if told or self.recording() is None else self._is_at_rest

    def wait_until_at_rest(self) -> None:
        """Wait until no function of the stack is at work, or for as long as one may be. A delivery beside the one that settled its
        task is, when no queue holds anything any more."""
        with suppress(WaitedInVain):
            wait_for(self._is_at_rest, seconds=_LONGEST_INVOCATION_SECONDS)

    def _is_at_rest(self) -> bool:
        ours, recording = {each.name for each in self.stack.functions}, self.recording()
        invocations = list(recording.invocations.values()) if recording is not None else ()
        return not any(each.ended_at_ms is None and each.function in ours for each in invocations)

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
        queues = Queues(self.endpoint, self.stack)
        depths = depths or queues.queue_depths()
        events = self._gathered(list(submitted), only, demanded)
        events.extend(self._what_stayed(queues, depths, alone=only is None))
        events.append(RunEnded(at_ms=self.endpoint.clock.now_ms(), deadline_reached=deadline_reached))
        return History(told_once(events))

    def history_until_now(self, given: Iterable[Event], ask: Ask) -> History:
        """What was seen of a run that broke off, as far as those whom to ``ask`` still answer: a history without an end, in which
        any event may be missing. ``given`` as for :meth:`history`."""
        known = list(given)
        only = None if self.alone else ids_of(known)
        events = self._gathered(known, only, ask)
        if only is None:
            events.extend(ask(Queues(self.endpoint, self.stack).queue_depths, list))
        return History(told_once(events))

    def _gathered(self, given: list[Event], only: frozenset[str] | None, ask: Ask) -> list[Event]:
        """All that was seen but what the queues hold."""
        begun_ms = min((event.at_ms for event in given), default=0.0)
        told, recording = ask(partial(self.source.gather, given, only), partial(self.source.left, given, only))
        # To a run that broke off something may still happen.
        if self._learning is not None and ask is demanded:
            self._learning.of_ends([*given, *told], self.recording())
            self._speak(self._learning.dialect)
        words = self.dialect.log if self._learning is None else self._learning.words_of_log([*given, *told])
        logged: list[Event] = []
        if words is not None:
            request_ids = handled_dead_letters(recording, self.stack, self.dialect.message, only)
            ended = {i: each.ended_at_ms for i, each in recording.invocations.items() if each.ended_at_ms is not None}
            read_logs = partial(dead_letter_logs, self.endpoint, self.stack, words, request_ids, self.source.since_ms)
            logged = ask(partial(read_logs, told=told, ended_ms=ended), list)
            if self._learning is not None:
                self._speak(self._learning.dialect)
        events = [event for event in (*given, *told, *logged) if is_of_run(event, begun_ms, only)]
        task_ids = {task_id for event in events if (task_id := getattr(event, "task_id", None)) is not None}
        read = Records(self.endpoint, self.stack, self.dialect).records
        records: list[RecordObserved] = ask(partial(read, sorted(task_ids)), list)
        events.extend(records)
        submitted = [event for event in events if isinstance(event, TaskSubmitted)]
        events.extend(ask(partial(self._changes.of, records, submitted), list))
        settings: list[Event] = ask(self.configuration.events, list)
        seen = self.recording()
        if seen is not None and not seen.damage:
            recorded = seen.since(self.source.since_ms)
            settings = ask(partial(with_uses, settings, recorded, self.stack, self.endpoint.region), lambda: settings)
        return [*events, *settings]

    def _what_stayed(self, queues: Queues, before: Sequence[QueueDepth], *, alone: bool) -> list[Event]:
        """How much the queues held ``before``, and at least as much later as is expected."""
        if alone or all_empty(before, self.stack.stays_filled):
            looked_at_ms = max(depth.at_ms for depth in before)
            waited_ms = self.endpoint.clock.now_ms() - looked_at_ms
            # A little longer: the clock may be set back by a little meanwhile.
            time.sleep(max(0.0, self.terms.tolerances.empty_for_seconds + 0.01 - waited_ms / 1000))
            depths = [*before, *queues.queue_depths()]
            if alone or all_empty(depths, self.stack.stays_filled):
                return list(depths)
        # That nothing is left tells of all; what is left may be that of others.
        what = "whether a queue holds messages of this run, since others use it too"
        now_ms = self.endpoint.clock.now_ms()
        return [EvidenceMissing(at_ms=now_ms, source="SQS", what=what, affects=("QueueDepth",))]

    def recording(self) -> Recording | None:
        """What the engine's flight recorder has up to now; none where there is none."""
        return self.source.recording()
