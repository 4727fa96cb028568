"""What the checks of rates and of independence share: which attempts they speak of, and how one is held to its draw.

An attempt is spoken of when its one outcome was seen, its task's messages continue one another, and its number is within
the allowed receives; of several with one number, the first. This module must not know how often attempts are to fail.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.contract.draws import attempt_fails, draw
from taskguard.contract.terms import Terms
from taskguard.history import Attempt, Delivered, History, TaskSubmitted
from taskguard.history.wording import times
from taskguard.judging.checks.attempts import chains_of_accepted
from taskguard.judging.statistics.counts import POWER
from taskguard.judging.verdict import Doubt, Violation


def judged_chains(history: History, terms: Terms) -> Iterator[list[Attempt]]:
    """Yield, for each accepted task, the attempts that are spoken of, in order."""
    highest = terms.contract.attempts.highest
    for chain in chains_of_accepted(history):
        # How attempts are counted after a redrive is the service's affair.
        if len(history.chains_of(chain.task_id or "")) > 1:
            continue
        by_number: dict[int, Attempt] = {}
        for attempt in chain.attempts:
            if attempt.determined and attempt.number >= 1 and (highest is None or attempt.number <= highest):
                by_number.setdefault(attempt.number, attempt)
        yield [by_number[number] for number in sorted(by_number)]


def contradicts_its_draw(attempt: Attempt, seed: str, rate: float) -> bool:
    """Whether an attempt failed that was drawn to succeed, or the other way round."""
    return attempt_fails(seed, rate, attempt.task_id or "", attempt.number) != (attempt.failed is not None)


def against_draws(attempts: list[Attempt], seed: str, rate: float, history: History) -> Iterator[Violation]:
    """Yield the attempts that contradict their draws."""
    for attempt in attempts:
        if not contradicts_its_draw(attempt, seed, rate):
            continue
        task_id = attempt.task_id or ""
        did, should = ("failed", "succeed") if attempt.failed else ("succeeded", "fail")
        drawn = f"its draw {draw(seed, task_id, attempt.number):.6f} against the rate {rate:g} says it should"
        message = f"task {task_id}: attempt {attempt.number} {did}, and {drawn} {should}"
        # Where retries are new messages, a delivery that was not seen shifts the numbers of all after it.
        retried_anew = len({each.message_id for each in history.attempts_of(task_id)}) > 1
        yield Violation(task_id, message, attempt.events, (Delivered,) if retried_anew else ())


def against_rate(
    seen: str, p_value: float, largest: float, left_out: int, chains: list[list[Attempt]], terms: Terms
) -> Iterator[Violation | Doubt]:
    """Yield what was ``seen``, when it is significant: with `p_value` by itself, and with `largest` at most, whatever became of the
    tasks that were not seen in full, of which there are `left_out`."""
    if p_value >= terms.tolerances.significance:
        return
    message = (
        f"{seen}; at a rate of {terms.rate:g} something as unlikely happens with probability {p_value:.2g}, "
        f"less than {terms.tolerances.significance:g}"
    )
    if largest >= terms.tolerances.significance:
        yield Doubt(None, f"{message}; but {times(left_out, 'task')} not seen in full may make up for it", of_all=True)
        return
    # Of tasks that were not seen at all there may be any number. Where retries are new messages, a delivery that was not seen shifts
    # the numbers of all after it.
    retried_anew = any(len({attempt.message_id for attempt in chain}) > 1 for chain in chains)
    excuses = (TaskSubmitted, Delivered) if retried_anew else (TaskSubmitted,)
    yield Violation(None, message, excused_by=excuses, of_all=True)


def findable(found: tuple[float | None, float | None]) -> str:
    """What rates a test finds, in words: how much its pass is worth."""
    words = [f"{side} {rate:.2g}" for side, rate in zip(("below", "above"), found, strict=True) if rate is not None]
    if not words:
        return f"no other rate would have been found with {POWER:.0%} probability"
    return f"a rate {' or '.join(words)} would have been found with {POWER:.0%} probability"
