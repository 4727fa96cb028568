"""Second and later attempts fail at the simulated rate too: draw by draw when there is a seed, else by an exact test.

Without a seed the number of later failures is tested, two-sided, against what the rate makes of so many failed first
attempts: how many later attempts there are depends on how they come out, which a binomial test of them would not heed. The
rates that the test would have found are given beside it. When a failed task was not attempted again it is unknown: what would have been
drawn then is not there. A draw that was contradicted is a fail in spite of missing evidence; a rate only when it is
significant whatever became of the tasks that were not seen in full. With no first attempt failed, or too few for any number of later
failures to be significant, the claim holds vacuously; where the contract has no simulated failures, or says nothing of later attempts, it is not applicable. This module must not know how the pipeline draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from taskguard.contract.terms import Terms
from taskguard.history import Attempt, AttemptFailed, AttemptSucceeded, Delivered, History, TaskSubmitted
from taskguard.history.wording import times
from taskguard.judging.checks.asked import NO_FAILURES
from taskguard.judging.checks.attempts import attempts_in_doubt
from taskguard.judging.checks.attempts_drawn import against_draws, against_rate, findable, judged_chains
from taskguard.judging.statistics.counts import CountTest
from taskguard.judging.verdict import Doubt, Found, Question, Verdict, conclude, not_applicable
from taskguard.support.json_values import Json

QUESTION = Question(
    check="later_failure_rate",
    claim="Second and later attempts fail at the simulated rate.",
    needs=(TaskSubmitted, Delivered, AttemptSucceeded, AttemptFailed),
)

_Chains = list[list[Attempt]]


def judge(history: History, terms: Terms) -> Verdict:
    """Judge the outcomes of the accepted tasks' later attempts against their draws, or against the rate."""
    rate, seed, allowed = terms.rate, terms.seed, terms.contract.attempts.number
    if (why := _not_asked(terms)) or rate is None:
        return not_applicable(QUESTION, why)
    chains = list(judged_chains(history, terms))
    failed_first = _failed_first(chains)
    later = [attempt for chain in failed_first for attempt in chain[1:]]
    # Those of tasks that were chosen for their fate follow that, and no rate; nor does what a fault struck.
    counted_first = [chain for chain in failed_first if chain[0].task_id not in history.aside]
    counted = [attempt for chain in counted_first for attempt in chain[1:]]
    failures = sum(attempt.failed is not None for attempt in counted)
    figures: dict[str, Json] = {
        "first_failures": len(counted_first),
        "later_attempts": len(counted),
        "later_failures": failures,
    }
    found: list[Found] = []
    observed = f"{failures} of {times(len(counted), 'later attempt')} failed"
    if counted:
        figures["rate"] = round(failures / len(counted), 6)
        observed += f", a rate of {failures / len(counted):.3f}"
    exercised, too_few = bool(later), ""
    if seed is not None:
        found += against_draws(later, seed, rate, history)
        figures["attempts_compared"] = len(later)
        observed += f"; {len(later) - len(found)} of {len(later)} as drawn"
        expected = f"each later attempt as drawn with seed {seed!r} at {rate:g}"
    elif allowed is None:
        found.append(Doubt(None, "after how many receives a message dies is not known, so no rate can be tested"))
        expected = f"a rate of {rate:g}"
    else:
        test = CountTest(len(counted_first), allowed - 1, rate, terms.tolerances.significance)
        p_value, finds = test.p_value(failures), test.finds()
        figures |= {"p_value": round(p_value, 6), "finds_below_and_above": list(finds)}
        observed += f" (p = {p_value:.3g}); {findable(finds)}"
        found += _against_rate(test, failures, counted_first, chains, history, terms)
        if too_few := _too_few(counted_first, test):
            observed = f"vacuous: {too_few}"
        expected = f"a rate of {rate:g}, at significance {terms.tolerances.significance:g}"
    return conclude(
        QUESTION,
        history,
        [*found, *attempts_in_doubt(history), *_cut_off(failed_first, terms.contract.attempts.lowest or 0)],
        expected=expected,
        observed=observed if failed_first else "vacuous: no first attempt failed",
        figures=figures,
        exercised=exercised,
        too_few=too_few,
    )


def _not_asked(terms: Terms) -> str:
    """Why nothing is claimed; empty where something is."""
    if terms.contract.failures is None or terms.rate is None:
        return NO_FAILURES
    of_tasks = terms.contract.failures.per == "task"
    return "the contract says how many tasks fail, and nothing of their later attempts" if of_tasks else ""


def _failed_first(chains: _Chains) -> _Chains:
    return [chain for chain in chains if chain and chain[0].number == 1 and chain[0].failed is not None]


def _against_rate(
    test: CountTest, failures: int, failed_first: _Chains, chains: _Chains, history: History, terms: Terms
) -> Iterator[Found]:
    """What the number of ``failures`` says of the rate."""
    accepted = len(history.accepted.keys() - history.aside)
    begun = sum(bool(chain) and chain[0].number == 1 and chain[0].task_id not in history.aside for chain in chains)
    largest, left_out = _whatever_was_unseen(test, failed_first, accepted - begun)
    later, first = sum(len(chain) - 1 for chain in failed_first), times(len(failed_first), "failed first attempt")
    seen = f"{failures} of {times(later, 'later attempt')} failed, after {first}"
    if later and failures in (0, later):
        seen += ", as if a task's failure decided all its later attempts"
    yield from against_rate(seen, test.p_value(failures), largest, left_out, chains, terms)


def _too_few(failed_first: _Chains, test: CountTest) -> str:
    """Why no number of later failures could tell a rate from another; empty where one could."""
    if not failed_first or not test.most or test.can_reject:
        return ""
    return f"{times(len(failed_first), 'failed first attempt')}, too few to tell any later rate from another"


def _cut_off(chains: _Chains, allowed: int) -> Iterator[Doubt]:
    """The tasks whose last attempt failed although another one was due."""
    for chain in chains:
        last = chain[-1]
        if last.failed is not None and last.number < allowed:
            message = f"task {last.task_id}: attempt {last.number} failed, and no outcome of another one was seen"
            yield Doubt(last.task_id, message, last.events)


def _whatever_was_unseen(test: CountTest, failed_first: _Chains, not_known: int) -> tuple[float, int]:
    """The largest p-value there can be, when of so many tasks it is `not_known` whether their first attempt failed, and of some
    whose first attempt did, not all that followed was seen; and how many these tasks are together.

    Each task of the first kind is taken as one whose first attempt failed. With fewer such, too many failures would be more
    unlikely still, and so would too few.
    """
    possible = [_possible_failures(chain, test.most) for chain in failed_first]
    fewest, largest = sum(few for few, _ in possible), sum(many for _, many in possible) + not_known * test.most
    p_value = replace(test, trials=len(possible) + not_known).largest_p_value(fewest, largest)
    return p_value, not_known + sum(few < many for few, many in possible)


def _possible_failures(chain: list[Attempt], most: int) -> tuple[int, int]:
    """The fewest and the most later failures that a task had, of which there can be `most`."""
    failures = sum(attempt.failed is not None for attempt in chain[1:])
    last = chain[-1]
    if last.number == len(chain) and (last.succeeded or last.number > most):
        return failures, failures
    return failures, most - (len(chain) - 1 - failures)
