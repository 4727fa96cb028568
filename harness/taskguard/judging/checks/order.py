"""Of a message group of a FIFO queue nothing overtakes: a later message is done only when the earlier ones are settled.

SQS hands a group out in order, and what breaks that is how a consumer answers. Of a batch with a failure all that stands behind it in its
group is to be handed back too (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html). So it is a fail, whatever
evidence is missing, when a message succeeded in a delivery that began before the last one of an earlier message of its group had failed,
or before that succeeded. Once an earlier message has failed for the last time it is to be dead-lettered, and others may go on. That a message
was handed back is never a fault here, nor is it that tasks of several groups are done in any order.

Unknown are messages whose group and place were not seen, and what is unknown of attempts. Where no failed message had others behind it
the claim holds vacuously; where the work queue is no FIFO queue, the check is not applicable. It is advised to have more groups than one
when all tasks are of one, and waited for one that failed. This module must not know who chooses a message's group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from taskguard.contract.terms import Terms
from taskguard.history import Attempt, AttemptFailed, AttemptSucceeded, Chain, Delivered, History
from taskguard.history.wording import seconds, times
from taskguard.judging.checks.asked import is_fifo
from taskguard.judging.checks.attempts import attempts_in_doubt
from taskguard.judging.checks.groups import groups_of
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
    # What the run itself made to fail had not failed for the function, so that it could not stop there.
    groups = {
        group: [chain for chain in chains if not any(map(history.was_struck, chain.attempts))]
        for group, chains in groups_of(history).items()
    }
    overtaking = [found for group, chains in groups.items() for found in _of_group(group, chains)]
    behind = [chain for chains in groups.values() for chain in chains[:-1] if _failed(chain)]
    return conclude(
        QUESTION,
        history,
        [*overtaking, *_not_seen(history), *attempts_in_doubt(history), *_all_in_one(groups)],
        expected="each group's messages done in the order in which they were sent",
        observed=f"{times(len(groups), 'message group')}: {times(len(overtaking), 'message')} done before an earlier one",
        figures={"overtaking": len(overtaking)},
        measured={"groups": len(groups), "failed_with_others_behind": len(behind)},
        exercised=bool(behind),
    )


def _of_group(group: str, chains: list[Chain]) -> Iterator[Violation]:
    latest_ms, latest = 0.0, None
    for chain in chains:
        done = next((attempt for attempt in chain.attempts if attempt.succeeded is not None), None)
        if latest is not None and done is not None and done.at_ms < latest_ms:
            yield _overtaken(group, latest, chain, done)
        open_ms = _last_open_ms(chain, done)
        if latest is None or open_ms > latest_ms:
            latest_ms, latest = open_ms, chain


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


def _failed(chain: Chain) -> bool:
    return any(attempt.failed is not None for attempt in chain.attempts)


def _not_seen(history: History) -> Iterator[Doubt]:
    unseen = [each for each in history.of_kind(Delivered) if each.group is None or each.sequence is None]
    if unseen:
        message = f"of {times(len(unseen), 'message')} that came from a FIFO queue the message group was not seen"
        yield Doubt(None, message, unseen, of_all=True)


def _all_in_one(groups: Mapping[str, list[Chain]]) -> Iterator[Found]:
    """That one message that fails holds up all others."""
    [(group, chains), *others] = groups.items() or [("", [])]
    if others or len(chains) < _FEW:
        return
    held_ms = [_held_ms(chain) for chain in chains[:-1] if _failed(chain)]
    if held_ms:
        message = (
            f'all {len(chains)} messages are in one message group, "{group}": while one fails, all others wait, here for up to '
            f"{seconds(round(max(held_ms) / 1000, 1))}. Give what need not be in order groups of its own"
        )
        yield Advice(None, message)


def _held_ms(chain: Chain) -> float:
    """For how long a message was tried again."""
    return sum(after.at_ms - before.at_ms for before, after in pairwise(chain.attempts))
