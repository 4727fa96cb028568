"""Verdicts: what a check answers, and how every check comes to it from what it found.

Three outcomes, as in Jepsen: a property holds, is violated, or cannot be judged for want of evidence; and a fourth, that nothing is
claimed. The rule is the same for all checks: a violation that no missing event could excuse is a *fail*; else, when there is a
violation that one could excuse, a doubt, or a kind of event the check needs is incomplete, or no task was accepted, it is
*unknown*; else *pass*. What was never exercised is *unknown*, too, where the question says how it is to be. Advice is told, and decides
nothing. A check of which nothing is asked is *not applicable*. A history without
a `RunEnded` was cut short, so every kind of event is incomplete in it. This module must not know any property.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from msgspec import Struct, structs

from taskguard.contract.contract import Weight
from taskguard.history import Event, EvidenceMissing, History
from taskguard.history.wording import describe
from taskguard.judging.places import Place, of_events
from taskguard.support.json_values import Json


class Outcome(StrEnum):
    """How a check came out. *Not applicable* means that nothing is claimed: the contract does not ask for it, or the stack has no such
    part. It never follows from missing evidence."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not applicable"


NOT_EXERCISED = "not exercised"
"""What a verdict is called whose claim speaks of what did not happen in the run."""


class Finding(Struct, frozen=True, kw_only=True, gc=False):
    """One thing that a check found wrong, could not judge, or advises.

    `task_id` is None when it concerns no task or all of them. `message` is a sentence that a stranger understands.
    `events` are the indexes, in the history, of the events that show it. What is said `of_all` concerns all tasks together. `place` is where
    to look: at a function, or a setting of the template; None where nothing names one.
    """

    task_id: str | None
    message: str
    events: tuple[int, ...] = ()
    of_all: bool = False
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer of one check about one history.

    `claim` is the property as a sentence; `expected` and `observed` say what it asks for and what was there. Neither
    they nor `figures` hold measured times, so that two runs of one seed give the same; measured times are in
    `measured` and in the findings. All findings are kept: whoever shows them chooses how many. It was `exercised` when
    something was seen of what the claim speaks of; else it holds of nothing. With `too_few` it says why: the run had too little of it for
    chance to tell, which is no fault of the pipeline's, and no want of evidence. Of a fail as many findings as are ``proven`` make it one: the first. A check of several
    demands has the outcome of each in ``parts``, and of what is none of them under its own name.
    """

    check: str
    outcome: Outcome
    claim: str
    expected: str
    observed: str
    findings: tuple[Finding, ...] = ()
    figures: Mapping[str, Json] = field(default_factory=dict)
    measured: Mapping[str, Json] = field(default_factory=dict)
    exercised: bool = True
    too_few: str = ""
    proven: int = 0
    parts: Mapping[str, Outcome] = field(default_factory=dict)

    @property
    def is_hollow(self) -> bool:
        """Whether it passed of nothing."""
        return self.outcome is Outcome.PASS and not self.exercised

    def left_open(self, *why: Finding, wholly: bool = False) -> Verdict:
        """This verdict as *unknown*, for these reasons: what it found wrong is open, or with ``wholly`` all of it."""
        parts = {
            part: Outcome.UNKNOWN if wholly or outcome is Outcome.FAIL else outcome
            for part, outcome in self.parts.items()
        }
        return replace(self, outcome=Outcome.UNKNOWN, findings=(*why, *self.findings), proven=0, parts=parts)

    def with_lines(self, lines: Mapping[str, str]) -> Verdict:
        """The same, each place with its line of the template, where ``lines`` has one."""
        findings = (
            each if each.place is None else structs.replace(each, place=each.place.in_lines(lines))
            for each in self.findings
        )
        return replace(self, findings=tuple(findings)) if lines else self

    @property
    def in_words(self) -> str:
        """The outcome; of a pass of nothing, that it is one."""
        return f"{self.outcome} ({NOT_EXERCISED})" if self.is_hollow else str(self.outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The fixed part of a check: its name, its claim as a sentence, and the kinds of event it needs in full.

    `exercised_by` is what has to happen in a run for the claim to speak of anything, as an imperative: without it such a run is
    *unknown*. Without an `exercised_by` it holds of nothing, and is called *not exercised*: so do the checks of chance, which
    no right pipeline could help to be given too few failures.

    A fail `lasts` in a run that goes on, of which this is what was seen up to now, if nothing that is seen later can take it back. Who does
    not say so is judged at the end alone.
    """

    check: str
    claim: str
    needs: tuple[type[Event], ...]
    exercised_by: str | None = None
    lasts: Callable[[History], bool] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Something that a check found, of a task, or of none or all of them (`of_all`); `events` show it. It may be of one `part` of what the
    check demands, and know its `place` itself."""

    task_id: str | None
    message: str
    events: Sequence[Event] = ()
    of_all: bool = field(default=False, kw_only=True)
    part: str | None = field(default=None, kw_only=True)
    place: Place | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Violation(Found):
    """Something that contradicts the claim, unless an event of a kind in `excused_by` exists and was not seen."""

    excused_by: tuple[type[Event], ...] = ()


class Doubt(Found):
    """Something that leaves the claim open, whatever else is known."""


class Advice(Found):
    """Something that would be better otherwise, and is not demanded."""


def weighed(weight: Weight, found: Violation | Doubt) -> Iterator[Found]:
    """Yield what was found as the contract weighs it: as it is, as advice, or not at all."""
    if weight is Weight.MUST:
        yield found
    elif weight is Weight.ADVICE:
        yield Advice(None, f"advised otherwise: {found.message}", found.events, place=found.place)


def unfinished(history: History, task_id: str, message: str, excused_by: tuple[type[Event], ...]) -> Violation | Doubt:
    """Something that a task had not come to when the run ended: a violation if the run had waited long enough for it."""
    events = history.of_task(task_id)
    if history.waited_long_enough:
        return Violation(task_id, message, events, excused_by)
    return Doubt(task_id, f"{message}; the run was stopped before its deadline", events)


def tasks_at_fault(found: Iterable[Found]) -> int:
    """How many tasks there are violations of."""
    return len({each.task_id for each in found if isinstance(each, Violation)})


def not_applicable(question: Question, why: str) -> Verdict:
    """The verdict of a check of which nothing is asked; ``why`` says what does not ask for it, or lacks it."""
    return Verdict(
        check=question.check, outcome=Outcome.NOT_APPLICABLE, claim=question.claim, expected="nothing", observed=why
    )


def conclude(
    question: Question,
    history: History,
    found: Iterable[Found],
    *,
    expected: str,
    observed: str,
    figures: Mapping[str, Json] | None = None,
    measured: Mapping[str, Json] | None = None,
    exercised: bool = True,
    too_few: str = "",
    parts: Sequence[str] = (),
) -> Verdict:
    """Weigh what a check found and return its verdict; the findings that decide it come first, and of several doubts those that concern more
    than a task. It was ``exercised`` if anything
    was seen of what it judges. What was ``too_few`` for a claim about chance is said as advice, and was not exercised. Of a check of several
    demands each of the ``parts`` has an outcome by what was found of it and what was found of all."""
    found = [*found, Advice(None, f"too small a run to tell: {too_few}", of_all=True)] if too_few else found
    proven, excused, doubts, advice = (list[Found]() for _ in range(4))
    for each in (*found, *_want_of_evidence(question, history)):
        if isinstance(each, Violation):
            excuses = {kind.__name__ for kind in each.excused_by}
            (excused if excuses & history.missing_kinds else proven).append(each)
        else:
            (advice if isinstance(each, Advice) else doubts).append(each)
    doubts.sort(key=lambda each: each.task_id is not None)
    if not (proven or excused or doubts or exercised or question.exercised_by is None):
        why = observed.removeprefix("vacuous: ")
        doubts.append(Doubt(None, f"{NOT_EXERCISED}: {why}. To exercise it, {question.exercised_by}"))
    return Verdict(
        check=question.check,
        outcome=_outcome(proven, [*excused, *doubts]),
        claim=question.claim,
        expected=expected,
        observed=observed,
        findings=tuple(
            Finding(
                task_id=each.task_id,
                message=each.message,
                events=tuple(sorted({history.position(event) for event in each.events})),
                of_all=each.of_all,
                place=each.place or of_events(each.events, history),
            )
            for each in (*proven, *doubts, *excused, *advice)
        ),
        figures=figures or {},
        measured=measured or {},
        exercised=exercised and not too_few,
        too_few=too_few,
        proven=len(proven),
        parts=_outcomes_of((question.check, *parts), proven, [*excused, *doubts]) if parts else {},
    )


def _outcome(proven: Sequence[Found], open_: Sequence[Found]) -> Outcome:
    return Outcome.FAIL if proven else Outcome.UNKNOWN if open_ else Outcome.PASS


def _outcomes_of(parts: Sequence[str], proven: Sequence[Found], open_: Sequence[Found]) -> Mapping[str, Outcome]:
    """The outcome of each part; what is of none is of the first. Without evidence of anything none can be judged."""
    first, *_ = parts
    of_all = [each for each in open_ if each.part is None and not isinstance(each, Violation)]
    return {
        part: _outcome(
            [each for each in proven if (each.part or first) == part],
            [*of_all, *(each for each in open_ if (each.part or first) == part)],
        )
        for part in parts
    }


def _want_of_evidence(question: Question, history: History) -> Iterator[Doubt]:
    if not history.accepted:
        yield Doubt(None, "no task was seen to be accepted, so there is nothing to judge", of_all=True)
    if history.end is None:
        yield Doubt(None, "the history has no end: the run was cut short, and any event may be missing")
    needed = {kind.__name__ for kind in question.needs}
    for event in history.of_kind(EvidenceMissing):
        if needed & set(event.affects):
            yield Doubt(None, describe(event), (event,))
