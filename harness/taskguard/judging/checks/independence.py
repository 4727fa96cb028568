"""Each draw is made for itself: no list read again and again, no fate shared with a neighbour, a batch, a process or a moment.

Without a seed the first attempts' outcomes are tested: in order of submission and in order of first delivery by a runs test
and by the lag at which they repeat most, and by how far those of one delivery agree. All attempts' outcomes are tested against
what else is known of them: the clock, the payload's size, the process, a count that this keeps. Each test is exact given how many
failed, so none speaks of the rate, and their levels add up to the significance expected. With a seed a draw is known to
depend on nothing but the seed, the task and the attempt, so it holds when every attempt came out as drawn; where some did
not, it is never a pass, and the tests of first attempts, of the outcomes and of which of them contradict their draws, tell whether it
is a fail. Where no order of so few outcomes would have been significant, and at a rate of 0 or 1, which leaves nothing to chance,
the claim holds vacuously. Without simulated failures in the contract it is not applicable. This module must not know how the pipeline draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from taskguard.contract.terms import Terms
from taskguard.history import Attempt, AttemptFailed, AttemptSucceeded, Delivered, History, TaskSubmitted
from taskguard.history.wording import times
from taskguard.judging.checks.asked import NO_FAILURES
from taskguard.judging.checks.attempts import attempts_in_doubt
from taskguard.judging.checks.attempts_drawn import contradicts_its_draw, judged_chains
from taskguard.judging.checks.attempts_marked import Mark, marks_of, told_by_themselves
from taskguard.judging.statistics import dependence
from taskguard.judging.statistics.association import association, fewest_that_tell
from taskguard.judging.verdict import Doubt, Found, Question, Verdict, Violation, conclude, not_applicable
from taskguard.support.json_values import Json

QUESTION = Question(
    check="independence",
    claim="Whether an attempt fails does not depend on others.",
    needs=(TaskSubmitted, Delivered, AttemptSucceeded, AttemptFailed),
)

_SHARES = {
    "submission": 3 / 8,
    "delivery": 3 / 8,
    "repetition by submission": 1 / 32,
    "repetition by delivery": 1 / 32,
    "batch": 1 / 16,
    "clock": 1 / 32,
    "size": 1 / 32,
    "process": 1 / 32,
    "count": 1 / 32,
}
"""The part of the significance that each test has. The runs tests have the most, since they are all that can find
anything in a run of 30 tasks whose first attempts failed only five times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """Something that is true of some first attempts, and what to call these."""

    noun: str
    holds: Callable[[Attempt], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """What one test says of one series, which is called `noun`."""

    test: str
    noun: str
    p_value: float
    message: str
    attempts: Sequence[Attempt] = ()


def judge(history: History, terms: Terms) -> Verdict:
    """Judge whether the accepted tasks' attempts fail independently of one another."""
    seed, rate = terms.seed, terms.rate
    if terms.contract.failures is None or rate is None:
        return not_applicable(QUESTION, NO_FAILURES)
    attempts = [each for chain in judged_chains(history, terms) for each in chain]
    # A task that was chosen for its fate, or struck by a fault, depends on who chose it.
    by_chance = [each for each in attempts if each.task_id not in history.aside]
    first = {each.task_id or "": each for each in by_chance if each.number == 1}
    submitted = [first[task_id] for task_id in history.accepted if task_id in first]
    failures = _Series(noun="failure", holds=lambda attempt: attempt.failed is not None)
    figures: dict[str, Json] = {"first_attempts": len(first), "first_failures": sum(map(failures.holds, submitted))}
    tested: list[_Finding] = []
    found: list[Found] = [*attempts_in_doubt(history)]
    exercised, too_few = len({failures.holds(each) for each in attempts}) > 1, ""
    if seed is not None:
        wrong = _Series(noun="contradicted draw", holds=lambda attempt: contradicts_its_draw(attempt, seed, rate))
        count = sum(map(wrong.holds, attempts))
        figures["attempts_compared"] = len(attempts)
        expected = f"each attempt as drawn with seed {seed!r}, whatever became of others"
        observed = f"{len(attempts) - count} of {times(len(attempts), 'attempt')} as drawn, whatever became of others"
        if count:
            tested = [finding for series in (failures, wrong) for finding in _tests(submitted, series)]
            found.append(_unvouched_for(count))
    elif rate in (0, 1):
        expected, observed = "no dependence", f"vacuous: at a rate of {rate:g} nothing is left to chance"
    else:
        # What a contract says of tasks, it says of first attempts.
        of_contract = list(first.values()) if terms.contract.failures.per == "task" else by_chance
        told = sorted(told_by_themselves(of_contract, history), key=lambda attempt: attempt.at_ms)
        marks = marks_of(told, history)
        tested = [*_tests(submitted, failures), *_followed(told, marks)]
        expected = f"no dependence, at significance {terms.tolerances.significance:g}"
        observed = f"{figures['first_failures']} of {times(len(first), 'first attempt')} failed; {_p_values(tested)}"
        observed += f"; {_findable(told, marks, terms)}"
        if too_few := _too_few(submitted, failures, terms):
            observed = f"vacuous: {too_few}"
    return conclude(
        QUESTION,
        history,
        [*_violations(tested, terms), *found],
        expected=expected,
        observed=observed,
        figures=figures,
        exercised=exercised,
        too_few=too_few,
        measured={f"p_value_{each.test}_{each.noun}".replace(" ", "_"): round(each.p_value, 6) for each in tested},
    )


def _unvouched_for(count: int) -> Doubt:
    message = f"{times(count, 'attempt')} came out otherwise than drawn, so the draws do not vouch for them"
    return Doubt(None, message, of_all=True)


def _p_values(tested: Sequence[_Finding]) -> str:
    return ", ".join(f"{each.test}: p = {each.p_value:.2g}" for each in tested) or "nothing to test"


def _violations(found: Sequence[_Finding], terms: Terms) -> Iterator[Violation]:
    for finding in found:
        level = _SHARES[finding.test] * terms.tolerances.significance
        if finding.p_value < level:
            message = f"{finding.message} (probability {finding.p_value:.2g}, less than {level:.2g})"
            events = [event for attempt in finding.attempts for event in attempt.events]
            yield Violation(None, message, events, QUESTION.needs)


def _followed(attempts: Sequence[Attempt], marks_by_aspect: Mapping[str, Sequence[Mark]]) -> Iterator[_Finding]:
    """What failures follow most, of each aspect of attempts that was seen."""
    failed = [each.failed is not None for each in attempts]
    for aspect, marks in marks_by_aspect.items():
        # Later attempts may fail at another rate, of which other checks speak.
        matrix = [[mark.borne[place] for mark in marks] for place in range(len(attempts))]
        found = association(failed, [each.number for each in attempts], matrix) if marks and attempts else None
        if found is not None:
            mark = marks[found.mark]
            message = (
                f"failures follow the {aspect}: of {times(found.marked, 'attempt')} {mark.words} {found.yes} failed, "
                f"of the other {len(attempts) - found.marked} {sum(failed) - found.yes}"
            )
            borne = [each for each, bears in zip(attempts, mark.borne, strict=True) if bears]
            yield _Finding(test=aspect, noun="failure", p_value=found.p_value, message=message, attempts=borne)


def _findable(attempts: Sequence[Attempt], marks: Mapping[str, Sequence[Mark]], terms: Terms) -> str:
    """What so many attempts can tell of what failures follow, in words."""
    failed = sum(each.failed is not None for each in attempts)
    found: dict[int | None, list[str]] = {}
    for aspect, of_aspect in marks.items():
        level = _SHARES[aspect] * terms.tolerances.significance
        least = fewest_that_tell(len(attempts), failed, len(of_aspect), level) if of_aspect else None
        found.setdefault(least, []).append(f"the {aspect}")
    words = [
        f"failures by {' or '.join(aspects)} only if {least} attempts or more have it in common"
        for least, aspects in sorted((least, aspects) for least, aspects in found.items() if least is not None)
    ]
    if None in found:
        words.append(f"none by {' or '.join(found[None])}")
    return f"{times(len(attempts), 'attempt')} with {times(failed, 'failure')} show {', '.join(words)}"


def _too_few(submitted: list[Attempt], failures: _Series, terms: Terms) -> str:
    """Why no order would be significant; nothing where one would."""
    count, failed = len(submitted), sum(map(failures.holds, submitted))
    level = _SHARES["submission"] * terms.tolerances.significance
    if count and dependence.least_p_value_of_runs(count, failed) >= level:
        return f"with {times(failed, 'failure')} among {times(count, 'first attempt')}, no order could tell"
    return ""


def _tests(submitted: list[Attempt], series: _Series) -> Iterator[_Finding]:
    if not submitted:
        return
    delivered = sorted(submitted, key=lambda attempt: attempt.at_ms)
    orders = {"submission": submitted, "delivery": delivered}
    for name, ordered in orders.items():
        yield _runs(name, ordered, series)
    for name, ordered in orders.items():
        yield from _repetition(name, ordered, series)
    yield _batches(delivered, series)


def _runs(test: str, ordered: list[Attempt], series: _Series) -> _Finding:
    outcomes = [series.holds(attempt) for attempt in ordered]
    found = dependence.runs(outcomes)
    tendency = "neighbours share their fate" if found.found < found.expected else "neighbours avoid each other's fate"
    message = (
        f"in order of {test} {tendency}: {times(sum(outcomes), series.noun)} among {len(outcomes)} first attempts "
        f"stand in {times(found.found, 'group')}, by chance in about {found.expected:.0f}"
    )
    return _Finding(test=test, noun=series.noun, p_value=found.p_value, message=message)


def _repetition(order: str, ordered: list[Attempt], series: _Series) -> Iterator[_Finding]:
    found = dependence.repetition([series.holds(attempt) for attempt in ordered])
    if found is not None:
        message = (
            f"in order of {order} first attempts repeat what came {found.lag} before: of {found.first_yes} with a "
            f"{series.noun}, {found.both_yes} are followed by another one at that distance"
        )
        yield _Finding(test=f"repetition by {order}", noun=series.noun, p_value=found.p_value, message=message)


def _batches(delivered: list[Attempt], series: _Series) -> _Finding:
    by_delivery: dict[str, list[Attempt]] = {}
    for attempt in delivered:
        by_delivery.setdefault(attempt.delivery_id, []).append(attempt)
    batches = [batch for batch in by_delivery.values() if len(batch) > 1]
    outcomes = [[series.holds(attempt) for attempt in batch] for batch in batches]
    of_one_kind = [batch for batch, each in zip(batches, outcomes, strict=True) if len(set(each)) == 1]
    message = (
        f"first attempts delivered together share their fate, more or less often than by chance: in {len(of_one_kind)} of "
        f"{len(batches)} batches all or none have a {series.noun}"
    )
    largest = max(of_one_kind, key=len, default=())
    p_value = dependence.groups(outcomes)
    return _Finding(test="batch", noun=series.noun, p_value=p_value, message=message, attempts=largest)
