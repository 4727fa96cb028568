"""Second and later attempts fail at the simulated rate too: draw by draw when there is a seed, else by an exact test.

Without a seed the number of later failures is tested, two-sided, against what the rate makes of so many failed first
attempts: how many later attempts there are depends on how they come out, which a binomial test of them would not heed. The
rates that the test would have found are given beside it. With too few failed first attempts for any number of later
failures to be significant it is unknown, and so it is when a failed task was not attempted again: what would have been
drawn then is not there. A draw that was contradicted is a fail in spite of missing evidence; a rate is not. With no
first attempt failed the claim holds vacuously. This module must not know how the pipeline draws.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.contract.expectations import Expectations
from taskguard.history import Attempt, AttemptFailed, AttemptSucceeded, Delivered, History, TaskSubmitted
from taskguard.history.wording import times
from taskguard.judging.checks.attempts_drawn import against_draws, as_unlikely, findable, judged_chains
from taskguard.judging.checks.conclusion import Doubt, Question, Violation, attempts_in_doubt, conclude
from taskguard.judging.statistics.counts import CountTest
from taskguard.judging.verdict import Verdict
from taskguard.support.strict_json import Json

QUESTION = Question(
    check="later_failure_rate",
    claim="Second and later attempts fail at the simulated rate.",
    needs=(TaskSubmitted, Delivered, AttemptSucceeded, AttemptFailed),
)


def judge(history: History, expectations: Expectations) -> Verdict:
    """Judge the outcomes of the accepted tasks' later attempts against their draws, or against the rate."""
    rate, seed, allowed = expectations.failure_rate, expectations.failure_seed, expectations.max_receives
    failed_first = [chain for chain in judged_chains(history, expectations) if chain and _failed_first(chain)]
    later = [attempt for chain in failed_first for attempt in chain[1:]]
    failures = sum(attempt.failed is not None for attempt in later)
    figures: dict[str, Json] = {
        "first_failures": len(failed_first),
        "later_attempts": len(later),
        "later_failures": failures,
    }
    doubts = [*attempts_in_doubt(history), *_cut_off(failed_first, allowed)]
    observed = f"{failures} of {times(len(later), 'later attempt')} failed"
    if later:
        figures["rate"] = round(failures / len(later), 6)
        observed += f", a rate of {failures / len(later):.3f}"
    if seed is not None:
        violations = list(against_draws(later, seed, rate, history))
        figures["attempts_compared"] = len(later)
        observed += f"; {len(later) - len(violations)} of {len(later)} as drawn"
        expected = f"each later attempt as drawn with seed {seed!r} at {rate:g}"
    else:
        test = CountTest(len(failed_first), allowed - 1, rate, expectations.significance)
        p_value, finds = test.p_value(failures), test.finds()
        figures |= {"p_value": round(p_value, 6), "finds_below_and_above": list(finds)}
        observed += f" (p = {p_value:.3g}); {findable(finds)}"
        violations = list(_against_rate(failures, len(later), len(failed_first), p_value, expectations))
        if failed_first and allowed > 1 and not test.can_reject:
            message = f"{times(len(failed_first), 'failed first attempt')}, too few to tell any later rate from another"
            doubts.append(Doubt(None, message))
        expected = f"a rate of {rate:g}, at significance {expectations.significance:g}"
    return conclude(
        QUESTION,
        history,
        expected=expected,
        observed=observed if failed_first else "vacuous: no first attempt failed",
        violations=violations,
        doubts=doubts,
        figures=figures,
    )


def _failed_first(chain: list[Attempt]) -> bool:
    return chain[0].number == 1 and chain[0].failed is not None


def _cut_off(chains: list[list[Attempt]], allowed: int) -> Iterator[Doubt]:
    """The tasks whose last attempt failed although another one was due."""
    for chain in chains:
        last = chain[-1]
        if last.failed is not None and last.number < allowed:
            message = f"task {last.task_id}: attempt {last.number} failed, and no outcome of another one was seen"
            yield Doubt(last.task_id, message, last.events)


def _against_rate(
    failures: int, count: int, failed_first: int, p_value: float, expectations: Expectations
) -> Iterator[Violation]:
    if p_value < expectations.significance:
        message = (
            f"{failures} of {times(count, 'later attempt')} failed, after {times(failed_first, 'failed first attempt')}; "
            f"{as_unlikely(p_value, expectations)}"
        )
        yield Violation(None, message, excused_by=QUESTION.needs)
