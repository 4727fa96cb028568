"""From a history to a grade: every check's verdict, each task's fate, and the numbers a run is known by.

It must not know how a history was gathered nor how a grade is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

from msgspec import Struct, structs

from taskguard.contract.terms import Terms
from taskguard.errors import ExitCode
from taskguard.history import (
    Attempt,
    AttemptSucceeded,
    DeadLettered,
    EngineLimit,
    Event,
    FaultInjected,
    History,
    Manifest,
)
from taskguard.judging.causes import Cause, causes_of
from taskguard.judging.checks import CHECKS, Check
from taskguard.judging.checks.asked import as_deployed
from taskguard.judging.checks.ends import ends_of
from taskguard.judging.checks.kept_apart import kept_apart
from taskguard.judging.contradictions import contradictions
from taskguard.judging.guarantees import guarantees_under
from taskguard.judging.guarantees.records import end_of, is_without_records
from taskguard.judging.learnt import with_words_in_doubt
from taskguard.judging.overload import as_far_as_there_was_time
from taskguard.judging.provided import as_far_as_provided
from taskguard.judging.stand_ins import as_far_as_loaded
from taskguard.judging.unstated import as_far_as_stated
from taskguard.judging.unsupported import as_far_as_made
from taskguard.judging.verdict import Finding, Outcome, Verdict
from taskguard.support.garbage_collection import without_garbage_collection

_IN_CONTRADICTION = "the evidence contradicts itself, or a clock was set during the run"

_TELLS_OF_ENDS = "settlement"
"""This check says which tasks were left out."""

_TELLS_APART = "idempotency"
"""Only this check can tell the tasks apart that have one id."""


class TaskFate(Struct, frozen=True, kw_only=True, gc=False):
    """What became of a task: each attempt (`succeeded`, `failed`, `unknown`), and how it ended.

    `end` is `completed`, `dead-lettered`, `both` or `unsettled`. A task that was `chosen` for its fate counts for itself; where it came in
    several messages, the attempts of that which was tried most often come first.
    """

    task_id: str
    attempts: tuple[str, ...]
    end: str
    chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class Grade:
    """The judgement of a run.

    `fates` has every accepted task, by id. `success` counts those whose first attempt succeeded, `failure` those whose
    first attempt failed; a task whose first attempt's outcome was not seen is in neither. No number counts the tasks that were
    chosen for their fate: they are `chosen`. `causes` are told before all else, where checks fail only because of them.
    """

    verdicts: tuple[Verdict, ...]
    fates: tuple[TaskFate, ...]
    causes: tuple[Cause, ...] = ()

    @cached_property
    def counted(self) -> tuple[TaskFate, ...]:
        """The fates of the tasks that the run was asked for."""
        return tuple(fate for fate in self.fates if not fate.chosen)

    @property
    def chosen(self) -> tuple[TaskFate, ...]:
        """The fates of the tasks that were chosen for them, beside the others."""
        return tuple(fate for fate in self.fates if fate.chosen)

    @property
    def success(self) -> int:
        """Tasks that succeeded on their first attempt."""
        return sum(fate.attempts[:1] == ("succeeded",) for fate in self.counted)

    @property
    def failure(self) -> int:
        """Tasks whose first attempt failed, whatever came after."""
        return sum(fate.attempts[:1] == ("failed",) for fate in self.counted)

    @property
    def completed(self) -> int:
        """Tasks that were completed and nothing else."""
        return self._ended("completed")

    @property
    def dead(self) -> int:
        """Tasks that were dead-lettered and nothing else."""
        return self._ended("dead-lettered")

    @property
    def unsettled(self) -> int:
        """Tasks that were not seen to end."""
        return self._ended("unsettled")

    @property
    def cause_of(self) -> dict[str, Cause]:
        """By check: the cause for which alone it did not pass."""
        return {check: cause for cause in self.causes for check in cause.checks}

    @property
    def outcome(self) -> Outcome:
        """Fail when any check failed; else unknown when any is, or none passed; else pass. What is not applicable counts for
        nothing."""
        outcomes = {verdict.outcome for verdict in self.verdicts} - {Outcome.NOT_APPLICABLE}
        if Outcome.FAIL in outcomes:
            return Outcome.FAIL
        return Outcome.PASS if outcomes == {Outcome.PASS} else Outcome.UNKNOWN

    @property
    def exit_code(self) -> int:
        """The exit status of a command that graded."""
        return {Outcome.PASS: ExitCode.PASSED, Outcome.FAIL: ExitCode.FAILED}.get(self.outcome, ExitCode.UNKNOWN)

    def _ended(self, end: str) -> int:
        return sum(fate.end == end for fate in self.counted)


def grade(history: History, terms: Terms, checks: Mapping[str, Check] = CHECKS) -> Grade:
    """Judge a history by every check (or by those given), and by what its stack says where the contract leaves that open.

    Of a history that contradicts itself nothing can be judged: then all is *unknown*. No check is shown a task that a fault of the run's own
    has doubled, and but one those that are several under one id.
    """
    terms = as_deployed(terms, history)
    with without_garbage_collection():
        doubled = history.doubled_by_faults if checks is CHECKS else frozenset[str]()
        shown = history.without(doubled) if doubled else history
        apart = kept_apart(shown, terms)
        of_ids = shown.without(apart) if apart else shown
        verdicts = tuple(
            _with_doubled(check(shown if name == _TELLS_APART else of_ids, terms), doubled)
            for name, check in checks.items()
        )
        judged = Grade(
            verdicts=verdicts,
            fates=tuple(_fate(history, task_id) for task_id in history.accepted_ids),
            causes=causes_of(history, terms, verdicts),
        )
        found = [
            Finding(
                task_id=each.task_id,
                message=f"{_IN_CONTRADICTION}: {each.message}",
                events=_places(each.events, history),
            )
            for each in contradictions(history, terms)
        ]
    return _in_doubt(judged, found) if found else judged


def _with_doubled(verdict: Verdict, doubled: frozenset[str]) -> Verdict:
    if not doubled or verdict.check != _TELLS_OF_ENDS:
        return verdict
    message = f"not judged, since the run itself broke off an attempt that had sent the task again, so that two messages carried it: {', '.join(sorted(doubled))}"
    return replace(verdict, findings=(*verdict.findings, Finding(task_id=None, message=message)))


def grade_run(history: History, manifest: Manifest, checks: Mapping[str, Check] = CHECKS) -> Grade:
    """Judge a run by what it was: one into which faults were injected by the guarantees, any other by every check, or by those given.

    How a task ended is told by its record when there were faults: a message that was acknowledged may have been a duplicate,
    and one that reached the dead-letter queue that of a task which was completed before. When faults were injected that are in
    no plan of the run's and no fate that it chose, nobody knows what was asked of the pipeline, so all is *unknown*. So are the checks that hang on what the
    engine has wrong, and those that fail where it did not make all of the stack, or a function cannot be loaded on a version that stands in.

    Raises:
        FaultPlanError: this TaskGuard does not know one of the faults.
    """
    plan, terms = manifest.plan, manifest.terms
    if plan is None:
        judged = _as_far_as_shown(grade(history, terms, checks), manifest, history)
        if manifest.fates:
            judged = replace(judged, fates=tuple(_as_if_unstruck(fate, history) for fate in judged.fates))
        unplanned = [fault for fault in history.of_kind(FaultInjected) if fault.fault not in manifest.fates]
        return _in_doubt(judged, [_of_unplanned(unplanned, history)]) if unplanned else judged
    judged = _as_far_as_shown(grade(history, terms, guarantees_under(plan)), manifest, history)
    if is_without_records(history, terms):
        return judged
    fates = (structs.replace(fate, end=end_of(history, fate.task_id, terms)) for fate in judged.fates)
    return replace(judged, fates=tuple(fates))


def _as_far_as_shown(judged: Grade, manifest: Manifest, history: History) -> Grade:
    """The grade with those verdicts *unknown* that tell nothing of the service, by what the engine has wrong, did not make, cannot
    load, or had no time for, or by a message that nobody stated."""
    shown = (_shown(each, manifest.engine_limits) for each in judged.verdicts)
    made = (as_far_as_made(each, manifest.unsupported) for each in shown)
    loaded = (as_far_as_loaded(each, manifest.stand_ins, history) for each in made)
    provided = (as_far_as_provided(each, history) for each in loaded)
    in_time = (as_far_as_there_was_time(each, history) for each in provided)
    stated = (as_far_as_stated(each, manifest.terms, history) for each in in_time)
    certain = (with_words_in_doubt(each, manifest.learnt, history, manifest.terms) for each in stated)
    return replace(judged, verdicts=tuple(each.with_lines(manifest.template) for each in certain))


def _shown(verdict: Verdict, limits: Sequence[EngineLimit]) -> Verdict:
    why = tuple(
        Finding(
            task_id=None,
            message=f"{limit.uses}, and there the engine does not do as AWS documents ({limit.behaviour}), so this says nothing of the "
            "service",
        )
        for limit in limits
        if verdict.check in limit.checks
    )
    if not why or verdict.outcome not in (Outcome.PASS, Outcome.FAIL):
        return verdict
    return verdict.left_open(*why, wholly=True)


def _of_unplanned(unplanned: Sequence[FaultInjected], history: History) -> Finding:
    kinds = ", ".join(dict.fromkeys(fault.kind for fault in unplanned))
    return Finding(
        task_id=None,
        message=f"faults were injected ({kinds}) that this run had not planned, left behind by another or handed over by somebody, "
        "so nothing here can be held for or against the pipeline; run again",
        events=_places(unplanned, history),
    )


def _places(events: Iterable[Event], history: History) -> tuple[int, ...]:
    return tuple(sorted(history.position(event) for event in events))


def _in_doubt(judged: Grade, why: Sequence[Finding]) -> Grade:
    """The grade with every verdict *unknown*, for these reasons and no other cause."""
    verdicts = (
        each if each.outcome is Outcome.NOT_APPLICABLE else each.left_open(*why, wholly=True)
        for each in judged.verdicts
    )
    return replace(judged, verdicts=tuple(verdicts), causes=())


def first_end(history: History, task_id: str) -> AttemptSucceeded | DeadLettered | None:
    """The first end of a task that was seen."""
    events = history.of_task(task_id)
    return next((event for event in events if type(event) is AttemptSucceeded or type(event) is DeadLettered), None)


def seconds_to_settle(history: History, task_id: str) -> float | None:
    """How long an accepted task took from its first submission to its first end, to the millisecond; None when it did not end. It may have
    ended before it was accepted, by a request that was answered with an error."""
    end = first_end(history, task_id)
    return None if end is None else round((end.at_ms - history.of_task(task_id)[0].at_ms) / 1000, 3)


def _as_if_unstruck(fate: TaskFate, history: History) -> TaskFate:
    """The fate of one of the run's own tasks without the attempts that were struck for the sake of a chosen one."""
    struck = [history.was_struck(attempt) for attempt in history.attempts_of(fate.task_id)]
    if fate.chosen or not any(struck):
        return fate
    kept = tuple(outcome for outcome, hit in zip(fate.attempts, struck, strict=True) if not hit)
    return structs.replace(fate, attempts=kept)


def _fate(history: History, task_id: str) -> TaskFate:
    is_chosen = task_id in history.chosen
    of_messages = [[_outcome(attempt) for attempt in each.attempts] for each in history.chains_of(task_id)]
    if is_chosen and len(of_messages) > 1:
        # One that is handed in again may come in messages that are worked on at once: in which order is chance.
        of_messages.sort(key=lambda each: (-len(each), each))
        outcomes = tuple(chain.from_iterable(of_messages))
    else:
        outcomes = tuple(map(_outcome, history.attempts_of(task_id)))
    last = ends_of(history, task_id)[-1]
    completed, dead = bool(last.successes), bool(last.dead_letters)
    end = {(True, False): "completed", (False, True): "dead-lettered", (True, True): "both"}
    return TaskFate(
        task_id=task_id,
        attempts=outcomes,
        end=end.get((completed, dead), "unsettled"),
        chosen=is_chosen,
    )


def _outcome(attempt: Attempt) -> str:
    return ("succeeded" if attempt.succeeded else "failed") if attempt.determined else "unknown"
