"""How every check comes from what it found to a verdict.

The rule, the same for all: a violation that no missing event could excuse is a *fail*; else, when there is a violation
that one could excuse, a doubt, or a kind of event the check needs is incomplete, or no task was accepted, it is
*unknown*; else *pass*. Advice is told, and decides nothing. A check of which nothing is asked is *not applicable*. A history without a `RunEnded` was cut short, so every kind of event is incomplete in it. This
module must not know any property.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from taskguard.history import Chain, DeadLettered, Event, EvidenceMissing, History
from taskguard.history.wording import describe
from taskguard.judging.verdict import Finding, Outcome, Verdict
from taskguard.support.json_values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The fixed part of a check: its name, its claim as a sentence, and the kinds of event it needs in full."""

    check: str
    claim: str
    needs: tuple[type[Event], ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that contradicts the claim, unless an event of a kind in `excused_by` exists and was not seen."""

    task_id: str | None
    message: str
    events: Sequence[Event] = ()
    excused_by: tuple[type[Event], ...] = ()


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that leaves the claim open, whatever else is known."""

    task_id: str | None
    message: str
    events: Sequence[Event] = ()


@dataclass(frozen=True, slots=True)
class Advice:
    """Something that would be better otherwise, and is not demanded."""

    message: str
    events: Sequence[Event] = ()


def not_applicable(question: Question, why: str) -> Verdict:
    """The verdict of a check of which nothing is asked; ``why`` says what does not ask for it, or lacks it."""
    return Verdict(
        check=question.check, outcome=Outcome.NOT_APPLICABLE, claim=question.claim, expected="nothing", observed=why
    )


def conclude(
    question: Question,
    history: History,
    *,
    expected: str,
    observed: str,
    violations: Iterable[Violation],
    doubts: Iterable[Doubt] = (),
    advice: Iterable[Advice] = (),
    figures: Mapping[str, Json] | None = None,
    measured: Mapping[str, Json] | None = None,
    exercised: bool = True,
) -> Verdict:
    """Weigh what a check found and return its verdict; the findings that decide it come first. It was ``exercised`` if anything
    was seen of what it judges."""
    missing = history.missing_kinds
    proven: list[Violation] = []
    excused: list[Violation] = []
    for violation in violations:
        excuses = {kind.__name__ for kind in violation.excused_by}
        (excused if excuses & missing else proven).append(violation)
    open_points: list[Violation | Doubt] = [*excused, *doubts, *_want_of_evidence(question, history)]
    findings: list[Violation | Doubt | Advice] = [*proven, *open_points, *advice]
    outcome = Outcome.FAIL if proven else Outcome.UNKNOWN if open_points else Outcome.PASS
    return Verdict(
        check=question.check,
        outcome=outcome,
        claim=question.claim,
        expected=expected,
        observed=observed,
        findings=tuple(_finding(history, point) for point in findings),
        figures=figures or {},
        measured=measured or {},
        exercised=exercised,
    )


def attempts_in_doubt(history: History) -> Iterator[Doubt]:
    """Yield what is not known of the accepted tasks' attempts: never delivered, no outcome, two outcomes.

    Any of these may hide a failed attempt, so a check that speaks of all failed attempts cannot pass beside them.
    """
    yield from duplicates_in_doubt(history)
    for task_id in sorted(history.accepted):
        attempts = history.attempts_of(task_id)
        if not attempts:
            yield Doubt(task_id, f"task {task_id} was never seen to be delivered", history.of_task(task_id))
        for attempt in attempts:
            what = f"task {task_id}: attempt {attempt.number}"
            if attempt.delivered is None:
                yield Doubt(task_id, f"{what} was seen, but not its delivery", attempt.events)
            if attempt.succeeded and attempt.failed:
                yield Doubt(task_id, f"{what} was seen both to succeed and to fail", attempt.events)
            elif not attempt.determined:
                yield Doubt(task_id, f"{what} was delivered, and its outcome was not seen", attempt.events)


def chains_of_accepted(history: History) -> Iterator[Chain]:
    """Yield the chains of the accepted tasks, by task id; of a task with duplicates none, since none can be trusted."""
    for task_id in sorted(history.accepted):
        if not has_duplicates(history, task_id):
            yield from history.chains_of(task_id)


def has_duplicates(history: History, task_id: str) -> bool:
    """Whether a task was carried by several messages that do not continue one another."""
    return len(history.chains_of(task_id)) > 1


def duplicates_in_doubt(history: History) -> Iterator[Doubt]:
    """Yield the tasks with duplicates: a consumer that drops one acknowledges it, as if it had done the work."""
    for task_id in sorted(history.accepted):
        if has_duplicates(history, task_id):
            message = f"task {task_id} was sent in several messages; which of them did the work cannot be told"
            yield Doubt(task_id, message, history.of_task(task_id))


def dead_letters_of(history: History, chain: Chain) -> tuple[DeadLettered, ...]:
    """Return the arrivals in the dead-letter queue that belong to a chain."""
    if chain.task_id is None:
        (message_id,) = chain.message_ids
        found: Iterable[Event] = history.of_message(message_id)
    else:
        found = history.of_task(chain.task_id)
    dead = [event for event in found if isinstance(event, DeadLettered)]
    if chain.task_id is not None and len(history.chains_of(chain.task_id)) > 1:
        dead = [event for event in dead if event.message_id in chain.message_ids]
    return tuple(dead)


def _want_of_evidence(question: Question, history: History) -> Iterator[Doubt]:
    if not history.accepted:
        yield Doubt(None, "no task was seen to be accepted, so there is nothing to judge")
    if history.end is None:
        yield Doubt(None, "the history has no end: the run was cut short, and any event may be missing")
    needed = {kind.__name__ for kind in question.needs}
    for event in history.of_kind(EvidenceMissing):
        if needed & set(event.affects):
            yield Doubt(None, describe(event), (event,))


def _finding(history: History, point: Violation | Doubt | Advice) -> Finding:
    positions = sorted({history.position(event) for event in point.events})
    task_id = None if isinstance(point, Advice) else point.task_id
    return Finding(task_id=task_id, message=point.message, events=tuple(positions))
