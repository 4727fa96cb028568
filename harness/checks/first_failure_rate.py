"""First attempts fail at the simulated rate: draw by draw when there is a seed, else by an exact binomial test.

With a seed every attempt's outcome, later ones included, must be the one its draw says. Without one, the number of
failed first attempts is tested, two-sided, against the rate; the Clopper-Pearson interval is given beside it. A draw
that was contradicted is a fail in spite of missing evidence; a rate is not, since what is missing may be one-sided.
Nothing observed is unknown. This module must not know how the pipeline draws.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.conclusion import Doubt, Question, Violation, attempts_in_doubt, chains_of_accepted, conclude
from harness.draws import attempt_fails, draw
from harness.expectations import Expectations
from harness.history import Attempt, AttemptFailed, AttemptSucceeded, Delivered, History, TaskSubmitted
from harness.history.wording import times
from harness.strict_json import Json
from harness.verdict import Verdict

QUESTION = Question(
    check="first_failure_rate",
    claim="Attempts fail at the simulated rate.",
    needs=(TaskSubmitted, Delivered, AttemptSucceeded, AttemptFailed),
)


def judge(history: History, expectations: Expectations) -> Verdict:
    """Judge the outcomes of the accepted tasks' attempts against their draws, or against the rate."""
    attempts = [
        attempt
        for chain in chains_of_accepted(history)
        for attempt in chain.attempts
        if attempt.determined and attempt.number <= expectations.max_receives
    ]
    first = [attempt for attempt in attempts if attempt.number == 1]
    failures = sum(attempt.failed is not None for attempt in first)
    figures: dict[str, Json] = {"first_attempts": len(first), "first_failures": failures}
    observed = f"{failures} of {times(len(first), 'first attempt')} failed"
    if first:
        # Loading SciPy takes longer than all checks together, and most commands judge nothing.
        from scipy.stats import binomtest  # noqa: PLC0415

        test = binomtest(failures, len(first), expectations.failure_rate)
        interval = test.proportion_ci(confidence_level=1 - expectations.significance, method="exact")
        low, high, p_value = round(float(interval.low), 6), round(float(interval.high), 6), float(test.pvalue)
        figures |= {"rate": round(failures / len(first), 6), "interval": [low, high], "p_value": round(p_value, 6)}
        observed += f", a rate of {failures / len(first):.3f} (interval {low:.3f} to {high:.3f}, p = {p_value:.3g})"
    else:
        p_value = 1.0
    doubts = list(attempts_in_doubt(history))
    if expectations.failure_seed is not None:
        violations = list(_against_draws(attempts, expectations.failure_seed, expectations.failure_rate, history))
        figures["attempts_compared"] = len(attempts)
        observed += f"; {len(attempts) - len(violations)} of {times(len(attempts), 'attempt')} as drawn"
        expected = f"each attempt as drawn with seed {expectations.failure_seed!r} at {expectations.failure_rate:g}"
    else:
        violations = list(_against_rate(failures, len(first), p_value, expectations))
        if first and not _can_tell(len(first), expectations):
            doubts.append(
                Doubt(None, f"{times(len(first), 'first attempt')} are too few to tell any rate from another")
            )
        expected = f"a rate of {expectations.failure_rate:g}, at significance {expectations.significance:g}"
    return conclude(
        QUESTION,
        history,
        expected=expected,
        observed=observed,
        violations=violations,
        doubts=doubts,
        figures=figures,
    )


def _can_tell(attempts: int, expectations: Expectations) -> bool:
    """Whether any number of failures among so many attempts would be significant."""
    from scipy.stats import binomtest  # noqa: PLC0415

    extremes = (binomtest(failures, attempts, expectations.failure_rate).pvalue for failures in (0, attempts))
    return any(float(p_value) < expectations.significance for p_value in extremes)


def _against_draws(attempts: list[Attempt], seed: str, rate: float, history: History) -> Iterator[Violation]:
    for attempt in attempts:
        task_id = attempt.task_id or ""
        should_fail = attempt_fails(seed, rate, task_id, attempt.number)
        if should_fail != (attempt.failed is not None):
            did, should = ("failed", "succeed") if attempt.failed else ("succeeded", "fail")
            drawn = f"its draw {draw(seed, task_id, attempt.number):.6f} against the rate {rate:g} says it should"
            message = f"task {task_id}: attempt {attempt.number} {did}, and {drawn} {should}"
            # Where retries are new messages, a delivery that was not seen shifts the numbers of all after it.
            retried_anew = len({each.message_id for each in history.attempts_of(task_id)}) > 1
            yield Violation(task_id, message, attempt.events, (Delivered,) if retried_anew else ())


def _against_rate(failures: int, count: int, p_value: float, expectations: Expectations) -> Iterator[Violation]:
    if count and p_value < expectations.significance:
        yield Violation(
            None,
            f"{failures} of {times(count, 'first attempt')} failed; at a rate of {expectations.failure_rate:g} "
            f"something as unlikely happens with probability {p_value:.2g}, less than {expectations.significance:g}",
            excused_by=QUESTION.needs,
        )
