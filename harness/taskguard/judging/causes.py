"""The root cause: functions that crash, run out of time or are killed, and the checks that fail only because of it.

A pure function of the history and the verdicts. It goes by how invocations ended, as the flight recorder saw it, and never by what
a service claims. What was broken on purpose is no cause, nor a timeout for which the machine may be the reason. An error that a handler
raises may be a simulated failure: it is a cause only of a function that never did anything else. It must not know how a cause is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from taskguard.contract.terms import Terms
from taskguard.history import (
    DeadLettered,
    Event,
    EvidenceMissing,
    FaultInjected,
    History,
    InvocationFailed,
    InvocationsCounted,
    QueueDepth,
    TaskSubmitted,
)
from taskguard.history.wording import times
from taskguard.judging.checks.held_up import HeldUpTimes
from taskguard.judging.checks.out_of_time import TIMED_OUT
from taskguard.judging.overload import floods, may_be_the_machine_s
from taskguard.judging.verdict import Finding, Outcome, Verdict

_INJECTED = "InjectedFailure"
"""The error with which our engine answers for a function whose whole batch is made to fail."""
_OF_THE_PLATFORM = ("Runtime.", "Sandbox.")
"""How the types of errors begin that Lambda tells of, and not the handler:
https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html."""

_FAILING_ON_PURPOSE_TASKS = 10
"""At no rate that a run is graded at would all attempts of so many tasks fail by chance."""

_HIGHEST_RATE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One way in which a function's invocations ended badly, and the checks that do not pass only because of it.

    `what` is how they ended (`could not be loaded`), `error_type` and `message` are Lambda's words, `lines` those of the function's
    own log that tell it, of the first of them. `of` is how many invocations the function had in all; None when that was not told.
    `first_task` is the first task that was struck, `tasks` how many were.
    """

    function: str
    what: str
    error_type: str
    message: str
    lines: tuple[str, ...]
    invocations: int
    of: int | None
    first_task: str | None
    tasks: int
    checks: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """A sentence without its full stop."""
        count = f"{self.invocations} of its " if self.of is not None else ""
        whole = f"{count}{times(self.of or self.invocations, 'invocation')}"
        first = "" if self.first_task is None else f", the first with task {self.first_task}"
        return f"{self.function} {self.what} in {whole}{first}: {self.error_type}: {self.message}"

    @property
    def effect_in_words(self) -> str:
        """Which checks do not pass because of it, as a sentence without its full stop."""
        verb = "does" if len(self.checks) == 1 else "do"
        return f"{times(len(self.checks), 'check')} {verb} not pass because of this: {', '.join(self.checks)}"


def causes_of(history: History, terms: Terms, verdicts: Iterable[Verdict]) -> tuple[Cause, ...]:
    """The causes, those of most tasks first, that explain a check which did not pass; each check stands below one of them."""
    unexplained = [each for each in verdicts if each.outcome in (Outcome.FAIL, Outcome.UNKNOWN) and each.findings]
    found = []
    for cause, tasks in _candidates(history, terms) if unexplained else ():
        explained = [each for each in unexplained if all(_concerns(it, tasks, history) for it in each.findings)]
        unexplained = [each for each in unexplained if each not in explained]
        if explained:
            found.append(replace(cause, checks=tuple(each.check for each in explained)))
    return tuple(found)


def _candidates(history: History, terms: Terms) -> Iterator[tuple[Cause, frozenset[str]]]:
    """What may be a cause, and the tasks that it struck: that of most tasks first, and of as many what was seen first, since a dead task's
    consumer may fail for the same reason again and again."""
    counted = {event.function: event.invocations for event in history.of_kind(InvocationsCounted)}
    groups: dict[tuple[str, str, str], list[InvocationFailed]] = {}
    for event in _failures(history):
        groups.setdefault((event.function, _what(event), event.error_type), []).append(event)
    found = [(events, *_cause(events, counted.get(events[0].function))) for events in groups.values()]
    for events, cause, tasks in sorted(found, key=lambda each: (-len(each[2]), each[0][0].at_ms)):
        if _is_of_the_platform(events[0]) or _cannot_be_on_purpose(cause, terms):
            yield cause, tasks


def _failures(history: History) -> Iterator[InvocationFailed]:
    """The failures that neither a fault nor the engine itself explains."""
    faults = history.of_kind(FaultInjected)
    # What a function is not shown of a batch does not end it.
    ending = [fault for fault in faults if fault.kind != "fail"]
    struck = {fault.delivery_id for fault in ending if fault.delivery_id is not None}
    # What strikes no invocation in particular may have struck any while it lasted.
    lasting = [fault for fault in faults if fault.delivery_id is None and not fault.task_ids]
    held_up = HeldUpTimes(history, (None,))
    for event in history.of_kind(InvocationFailed):
        during = [
            fault
            for fault in lasting
            if fault.at_ms <= event.at_ms and event.started_ms <= (fault.until_ms or event.at_ms)
        ]
        is_ours = event.error_type == _INJECTED or event.delivery_id in struck or during
        if not is_ours and not may_be_the_machine_s(event, held_up):
            yield event


def _what(event: InvocationFailed) -> str:
    if event.error_type == TIMED_OUT:
        how = "ran out of time" if event.loaded else "ran out of time while it was loaded"
    elif event.error_type == "Runtime.ExitError":
        how = "was ended by a signal" if "signal" in event.message else "exited"
        how = how if event.loaded else f"{how} while it was loaded"
    else:
        how = "failed" if event.loaded else "could not be loaded"
    return how


def _cause(events: Sequence[InvocationFailed], counted: int | None) -> tuple[Cause, frozenset[str]]:
    first = next((event for event in events if event.task_ids), events[0])
    commonest, _ = Counter(event.message for event in events).most_common(1)[0]
    most = max(events, key=lambda event: event.log_bytes)
    tasks = frozenset(task_id for event in events for task_id in event.task_ids)
    cause = Cause(
        function=first.function,
        what=f"{_what(first)} with up to {most.log_bytes // 1_000_000} MB in its log" if floods(most) else _what(first),
        error_type=first.error_type,
        message=commonest,
        lines=next(event.lines for event in events if event.message == commonest),
        invocations=len(events),
        of=counted,
        first_task=first.task_ids[0] if first.task_ids else None,
        tasks=len(tasks),
        checks=(),
    )
    return cause, tasks


def _is_of_the_platform(event: InvocationFailed) -> bool:
    return not event.loaded or event.error_type.startswith(_OF_THE_PLATFORM)


def _cannot_be_on_purpose(cause: Cause, terms: Terms) -> bool:
    """Whether no simulation of failures would raise this."""
    return (
        cause.invocations == cause.of
        and cause.tasks >= _FAILING_ON_PURPOSE_TASKS
        and (terms.rate is None or terms.rate <= _HIGHEST_RATE)
    )


def _concerns(finding: Finding, struck: frozenset[str], history: History) -> bool:
    """Whether all tasks that a finding is about were struck."""
    if finding.task_id is not None:
        return finding.task_id in struck
    about = set(_handed_in(history)) if finding.of_all else set[str]()
    for number in finding.events if not finding.of_all else ():
        tasks = _tasks_of(history[number], history)
        if not tasks:
            return False
        about |= tasks
    return bool(about) and about <= struck


def _tasks_of(event: Event, history: History) -> frozenset[str]:
    """The tasks that an event is of; of a queue's depth those that may be in it."""
    if isinstance(event, EvidenceMissing):
        return frozenset(event.task_ids)
    if not isinstance(event, QueueDepth):
        task_id: str | None = getattr(event, "task_id", None)
        return frozenset() if task_id is None else frozenset([task_id])
    dead = frozenset(each.task_id for each in history.of_kind(DeadLettered) if each.task_id is not None)
    return dead if event.queue == "dead-letter" else frozenset(history.accepted) - dead - _done(history)


def _done(history: History) -> frozenset[str]:
    return frozenset(
        task_id for task_id in history.accepted if any(each.succeeded for each in history.attempts_of(task_id))
    )


def _handed_in(history: History) -> Iterable[str]:
    if history.accepted:
        return history.accepted
    return [event.task_id for event in history.of_kind(TaskSubmitted) if event.task_id is not None]
