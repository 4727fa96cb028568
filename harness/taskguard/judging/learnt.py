"""What is told of a service's words where they were learnt: that it words one thing in several ways, and which line of `taskguard.toml`
decides what is in doubt.

It is advice: no verdict becomes better by it, or worse. This module must not know how anything is learnt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from taskguard.contract.learning.learnt import Learnt, Table
from taskguard.judging.verdict import Finding, Outcome, Verdict

_CHECKS: Mapping[Table, str] = {
    "ingress": "settlement",
    "message": "settlement",
    "record": "record",
    "log": "dead_letter_log",
}
"""The check that goes by the words of each table first of all."""


def with_words_in_doubt(verdict: Verdict, learnt: Sequence[Learnt]) -> Verdict:
    """The verdict with what is to be told of words that were looked for: of those that the service itself mixes up always, of others
    where the verdict hangs on them."""
    found = tuple(
        Finding(task_id=None, message=message)
        for each in learnt
        if _CHECKS[each.table] == verdict.check
        for message in _told(each, verdict)
    )
    return replace(verdict, findings=(*verdict.findings, *found)) if found else verdict


def _told(learnt: Learnt, verdict: Verdict) -> Iterator[str]:
    lines = " or ".join(learnt.lines)
    how = f"; {lines} below [{learnt.table}] in taskguard.toml says which is meant" if lines else ""
    if learnt.inconsistent:
        yield f"the service's own words differ: {learnt.evidence}{how}"
    elif learnt.candidates and (verdict.outcome is Outcome.UNKNOWN or learnt.table == "record"):
        yield f"what {learnt.key} of [{learnt.table}] is could not be learnt: {learnt.evidence}{how}"
