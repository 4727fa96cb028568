"""Of a message group of a FIFO queue nothing overtakes: a later message is done only when the earlier ones are settled.

SQS hands a group out in order, and what breaks that is how a consumer answers. Of a batch with a failure all that stands behind it in its
group is to be handed back too (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html). So it is a fail, whatever
evidence is missing, when a message succeeded in a delivery that began before the last one of an earlier message of its group had failed,
or before that succeeded. Once an earlier message has failed for the last time it is to be dead-lettered, and others may go on. That a message
was handed back is never a fault here, nor is it that tasks of several groups are done in any order. What a fault of the run's own made to
fail may be overtaken until it has come again.

Unknown are messages whose group and place were not seen, and what is unknown of attempts. Where no failed message had others behind it
the claim holds vacuously; where the work queue is no FIFO queue, the check is not applicable. It is advised to have more groups than one
when all tasks are of one, and waited for one that failed; and told when messages died that had stood behind a failure each time. This module must not know who chooses a message's group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise

from taskguard.contract.terms import Terms
from taskguard.history import REPORTED, Attempt, AttemptFailed, AttemptSucceeded, Chain, Delivered, History
from taskguard.history.wording import seconds, times
from taskguard.judging.checks.asked import is_fifo
from taskguard.judging.checks.attempts import attempts_in_doubt, dead_letters_of
from taskguard.judging.checks.groups import groups_of
from taskguard.judging.checks.struck import not_in_full, was_withheld
from taskguard.judging.verdict import Advice, Doubt, Found, Question, Verdict, Violation, conclude, not_applicable

QUESTION = Question(
    check="order",
    claim="Of a message group nothing overtakes: a later message is done only when the earlier ones are settled.",
    needs=(Delivered, AttemptSucceeded, AttemptFailed),
)

_FEW = 5
"""Of fewer messages it tells nothing that they are all of one group."""


def judge(history: History, terms: Terms) -> Verdict:  # noqa: ARG001  # a FIFO queue owes its order by whatever contract
    """Judge in which order the messages of each group were done."""
    if not is_fifo(history):
        return not_applicable(QUESTION, "the work queue is no FIFO queue")
    groups = groups_of(history)
    overtaking = [found for group, chains in groups.items() for found in _of_group(group, chains, history)]
    behind = [chain for chains in groups.values() for chain in chains[:-1] if _failed(chain, history)]
    struck = sum(
        any(_was_kept_from(each, history) for each in chain.attempts) for chains in groups.values() for chain in chains
    )
    return conclude(
        QUESTION,
        history,
        [
            *overtaking,
            *_not_seen(history),
            *attempts_in_doubt(history),
            *_all_in_one(groups, history),
            # Who goes on behind a failure tries what stands there.
            *(() if overtaking else _died_behind(groups, history)),
        ],
        expected="each group's messages done in the order in which they were sent",
        observed=f"{times(len(groups), 'message group')}: {times(len(overtaking), 'message')} done before an earlier one{not_in_full(struck)}",
        figures={"overtaking": len(overtaking), "struck": struck},
        measured={"groups": len(groups), "failed_with_others_behind": len(behind)},
        exercised=bool(behind),
    )


@dataclass(frozen=True, slots=True)
class _Open:
    """A message that the function alone kept from being settled, from one moment until another."""

    chain: Chain
    from_ms: float
    until_ms: float


def _of_group(group: str, chains: list[Chain], history: History) -> Iterator[Violation]:
    latest, after_faults = list[_Open](), list[_Open]()
    for chain in chains:
        done = next((attempt for attempt in chain.attempts if attempt.succeeded is not None), None)
        if done is not None:
            before = (each for each in (*latest, *after_faults) if each.from_ms <= done.at_ms < each.until_ms)
            yield from (_overtaken(group, each.chain, chain, done) for each in islice(before, 1))
        found = _open(chain, done, history)
        if found is not None and found.from_ms:
            after_faults.append(found)
        elif found is not None and not (latest and found.until_ms <= latest[0].until_ms):
            latest = [found]


def _open(chain: Chain, done: Attempt | None, history: History) -> _Open | None:
    """What the run itself made to fail had not failed for the function, so that it could not stop there: only from an own failure after."""
    struck = [number for number, attempt in enumerate(chain.attempts, 1) if _was_kept_from(attempt, history)]
    own = chain.attempts[max(struck, default=0) :]
    if not struck:
        return _Open(chain, 0.0, _last_open_ms(chain, done))
    return _Open(chain, own[0].at_ms, _last_open_ms(chain, done)) if own and own[0].failed is not None else None


def _last_open_ms(chain: Chain, done: Attempt | None) -> float:
    """Until when it was surely not settled: until the delivery in which it succeeded began, or its last one failed."""
    if done is not None:
        return done.at_ms
    last = chain.attempts[-1]
    return last.failed.at_ms if last.failed is not None else last.at_ms


def _overtaken(group: str, earlier: Chain, later: Chain, done: Attempt) -> Violation:
    beside = next((each for each in earlier.attempts if each.delivery_id == done.delivery_id and each.failed), None)
    shown = (*(event for each in earlier.attempts for event in each.events), *done.events)
    if beside is not None:
        message = (
            f"{later.name} was acknowledged (attempt {done.number}) behind {earlier.name}, which had failed in the same batch and is "
            f'before it in the message group "{group}": hand back all that follows a failure'
        )
    else:
        message = (
            f"{later.name} was done (attempt {done.number}) before {earlier.name} was settled, which is before it in the message "
            f'group "{group}"'
        )
    return Violation(later.task_id, message, shown)


def _failed(chain: Chain, history: History) -> bool:
    return any(attempt.failed is not None and not _was_kept_from(attempt, history) for attempt in chain.attempts)


def _was_kept_from(attempt: Attempt, history: History) -> bool:
    """Whether a fault struck it, and its function did not say itself that it failed: whose call was refused may stop there."""
    said = attempt.failed is not None and attempt.failed.reason == REPORTED and not was_withheld(history, attempt)
    return history.was_struck(attempt) and not said


def _not_seen(history: History) -> Iterator[Doubt]:
    unseen = [each for each in history.of_kind(Delivered) if each.group is None or each.sequence is None]
    if unseen:
        message = f"of {times(len(unseen), 'message')} that came from a FIFO queue the message group was not seen"
        yield Doubt(None, message, unseen, of_all=True)


def _died_behind(groups: Mapping[str, list[Chain]], history: History) -> Iterator[Advice]:
    """That messages died which stood behind one of their group that failed, at each receive: handed back, they used up theirs with it."""
    died = list[Chain]()
    for chains in groups.values():
        first_failed: dict[str, int] = {}
        for place, chain in enumerate(chains):
            for attempt in chain.attempts:
                if attempt.failed is not None:
                    first_failed.setdefault(attempt.delivery_id, place)
            behind = (first_failed.get(attempt.delivery_id, place) < place for attempt in chain.attempts)
            if dead_letters_of(history, chain) and all(behind):
                died.append(chain)
    if died:
        message = (
            f"{times(len(died), 'message')} died that stood behind a failed one of the same group at each receive, so that nothing shows that "
            "they were tried: what is handed back with a failure uses up a receive each time. With a batch size of 1 none is"
        )
        yield Advice(died[0].task_id, message, [event for attempt in died[0].attempts for event in attempt.events])


def _all_in_one(groups: Mapping[str, list[Chain]], history: History) -> Iterator[Found]:
    """That one message that fails holds up all others."""
    [(group, chains), *others] = groups.items() or [("", [])]
    if others or len(chains) < _FEW:
        return
    held_ms = [_held_ms(chain) for chain in chains[:-1] if _failed(chain, history)]
    if held_ms:
        message = (
            f'all {len(chains)} messages are in one message group, "{group}": while one fails, all others wait, here for up to '
            f"{seconds(round(max(held_ms) / 1000, 1))}. Give what need not be in order groups of its own"
        )
        yield Advice(None, message)


def _held_ms(chain: Chain) -> float:
    """For how long a message was tried again."""
    return sum(after.at_ms - before.at_ms for before, after in pairwise(chain.attempts))
