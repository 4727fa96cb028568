"""What is told of a service's words where they were learnt: that it words one thing in several ways, and which line of `taskguard.toml`
decides what is in doubt.

Both are advice: no verdict becomes better by them, or worse. But where all was read that was logged, and nothing in any words names a task
that died, the death was not logged, whatever the words. This module must not know how anything is learnt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from taskguard.contract.learning.learnt import Learnt, Table, times
from taskguard.contract.terms import Terms
from taskguard.history import DeadLettered, DeadLetterLogged, History
from taskguard.judging.verdict import Finding, Outcome, Verdict

_CHECKS: Mapping[Table, str] = {
    "ingress": "settlement",
    "message": "settlement",
    "record": "record",
    "log": "dead_letter_log",
}
"""The check that goes by the words of each table first of all."""
_OF_ENDS = "settlement"


def with_words_in_doubt(verdict: Verdict, learnt: Sequence[Learnt], history: History, terms: Terms) -> Verdict:
    """The verdict with what is to be told of words that were looked for: of those that the service itself mixes up always, of others
    where the verdict hangs on them. It is a fail where the contract asks for a log of dead tasks, and none names any of them."""
    untold = [task_id for each in learnt for task_id in each.untold]
    if untold and _asks_for_ids(verdict, terms) and DeadLetterLogged.__name__ not in history.missing_kinds:
        return _of_silence(verdict, untold, history)
    if verdict.check == _OF_ENDS and verdict.outcome is Outcome.PASS:
        doubts = [_given_up(each) for each in learnt if each.unlike]
        verdict = verdict.left_open(*doubts, wholly=True) if doubts else verdict
    found = tuple(
        Finding(task_id=None, message=message)
        for each in learnt
        if _CHECKS[each.table] == verdict.check
        for message in _told(each, verdict)
    )
    return replace(verdict, findings=(*verdict.findings, *found)) if found else verdict


def _given_up(learnt: Learnt) -> Finding:
    message = (
        f"{times(len(learnt.unlike), 'task')} that had failed were acknowledged later, and {learnt.evidence}: whether these were done, or given "
        "up without a dead letter, cannot be told; completed = […] and dead = […] below [record] in taskguard.toml say"
    )
    return Finding(task_id=learnt.unlike[0], message=message)


def _asks_for_ids(verdict: Verdict, terms: Terms) -> bool:
    is_open = verdict.check == _CHECKS["log"] and verdict.outcome is Outcome.UNKNOWN
    return is_open and terms.dialect.log is None and "task_id" in terms.contract.dead_letter.fields


def _of_silence(verdict: Verdict, untold: Sequence[str], history: History) -> Verdict:
    dead = {each.task_id: each for each in history.of_kind(DeadLettered)}
    found = tuple(
        Finding(
            task_id=task_id,
            message=f"task {task_id} was dead-lettered, and nothing that was logged afterwards names it, in whatever words",
            events=(history.position(dead[task_id]),),
        )
        for task_id in untold
        if task_id in dead
    )
    observed = f"{times(len(dead), 'message')} dead-lettered, and no log names any"
    return replace(verdict, outcome=Outcome.FAIL, observed=observed, findings=found) if found else verdict


def _told(learnt: Learnt, verdict: Verdict) -> Iterator[str]:
    lines = " or ".join(learnt.lines)
    how = f"; {lines} below [{learnt.table}] in taskguard.toml says which is meant" if lines else ""
    if learnt.inconsistent:
        yield f"the service's own words differ: {learnt.evidence}{how}"
    elif learnt.candidates and (verdict.outcome is Outcome.UNKNOWN or learnt.table == "record"):
        yield f"what {learnt.key} of [{learnt.table}] is could not be learnt: {learnt.evidence}{how}"
