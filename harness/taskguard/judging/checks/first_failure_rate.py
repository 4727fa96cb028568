"""First attempts fail at the simulated rate: draw by draw when there is a seed, else by an exact binomial test.

With a seed every first attempt's outcome must be the one its draw says. Without one, the number of failed first attempts
is tested, two-sided, against the rate; the Clopper-Pearson interval is given beside it, and the rates that the test
would have found. What is missing may be one-sided: a draw that was contradicted is a fail in spite of it, a rate only when
it is significant whatever became of the tasks whose first attempt was not seen. Nothing observed is unknown. In a run of so few tasks that no
number of failures would have been significant the claim holds vacuously. Without simulated failures in the contract it is not applicable. This module must not know how the pipeline draws.
"""

from __future__ import annotations

from taskguard.contract.terms import Terms
from taskguard.history import AttemptFailed, AttemptSucceeded, Delivered, History, TaskSubmitted
from taskguard.history.wording import times
from taskguard.judging.checks.asked import NO_FAILURES
from taskguard.judging.checks.attempts import attempts_in_doubt
from taskguard.judging.checks.attempts_drawn import against_draws, against_rate, findable, judged_chains
from taskguard.judging.statistics.counts import CountTest
from taskguard.judging.verdict import Found, Question, Verdict, conclude, not_applicable
from taskguard.support.json_values import Json

QUESTION = Question(
    check="first_failure_rate",
    claim="First attempts fail at the simulated rate.",
    needs=(TaskSubmitted, Delivered, AttemptSucceeded, AttemptFailed),
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge the outcomes of the accepted tasks' first attempts against their draws, or against the rate."""
    rate, seed, significance = terms.rate, terms.seed, terms.tolerances.significance
    if terms.contract.failures is None or rate is None:
        return not_applicable(QUESTION, NO_FAILURES)
    chains = list(judged_chains(history, terms))
    first = [each for chain in chains for each in chain if each.number == 1]
    # Those of tasks that were chosen for their fate follow that, and no rate; nor does what a fault struck.
    counted = [attempt for attempt in first if attempt.task_id not in history.aside]
    failures = sum(attempt.failed is not None for attempt in counted)
    figures: dict[str, Json] = {"first_attempts": len(counted), "first_failures": failures}
    observed = f"{failures} of {times(len(counted), 'first attempt')} failed"
    p_value = 1.0
    if counted:
        p_value, low, high = _tested(failures, len(counted), rate, significance)
        figures |= {"rate": round(failures / len(counted), 6), "interval": [low, high], "p_value": round(p_value, 6)}
        observed += f", a rate of {failures / len(counted):.3f} (interval {low:.3f} to {high:.3f}, p = {p_value:.3g})"
    found: list[Found] = []
    exercised, too_few = bool(first), ""
    if seed is not None:
        found += against_draws(first, seed, rate, history)
        figures["attempts_compared"] = len(first)
        observed += f"; {len(first) - len(found)} of {len(first)} as drawn"
        expected = f"each first attempt as drawn with seed {seed!r} at {rate:g}"
    else:
        accepted = len(history.accepted.keys() - history.aside)
        left_out = accepted - len(counted)
        largest = CountTest(accepted, 1, rate, significance).largest_p_value(failures, failures + left_out)
        seen = f"{failures} of {times(len(counted), 'first attempt')} failed"
        found += against_rate(seen, p_value, largest, left_out, chains, terms)
        power = CountTest(len(counted), 1, rate, significance)
        finds = power.finds()
        figures["finds_below_and_above"] = list(finds)
        observed += f"; {findable(finds)}"
        if counted and not power.can_reject:
            too_few = f"{times(len(counted), 'first attempt')} are too few to tell any rate from another"
            observed = f"vacuous: {too_few}"
        expected = f"a rate of {rate:g}, at significance {significance:g}"
    return conclude(
        QUESTION,
        history,
        [*found, *attempts_in_doubt(history)],
        expected=expected,
        observed=observed,
        figures=figures,
        exercised=exercised,
        too_few=too_few,
    )


def _tested(failures: int, count: int, rate: float, significance: float) -> tuple[float, float, float]:
    """The p-value of so many failures of ``count`` at this rate, and the rate's Clopper-Pearson interval."""
    # Loading SciPy takes longer than all checks together, and most commands judge nothing.
    from scipy.special import betaincinv  # noqa: PLC0415

    # As a beta distribution's quantiles.
    successes, tail = count - failures, significance / 2
    low = round(float(betaincinv(failures, successes + 1, tail)), 6) if failures else 0.0
    high = round(float(betaincinv(failures + 1, successes, 1 - tail)), 6) if successes else 1.0
    return CountTest(count, 1, rate, significance).p_value(failures), low, high
