"""How to exercise a claim about failures of which a run had none: by what decides whether an attempt fails.

A seed decides it, and another seed otherwise; a rate does so by chance, and more tasks help; a service that nobody knows to fail has to be
deployed so that it does. This module must not know what is claimed of failures.
"""

from __future__ import annotations

import math
from dataclasses import replace

from taskguard.contract.terms import Terms
from taskguard.history import History
from taskguard.judging.verdict import Question

_MISSED = 0.001
"""The probability with which a run of the tasks that are asked for has none of what is wanted."""

_BY_ITSELF = (
    "deploy the service so that it fails by itself, since none of it did: {what}. Where a variable holds the rate of the failures that it "
    "simulates, give that a value in taskguard.toml, as environment or parameters below [service], such as "
    'environment = {{ FAILURE_RATE = "0.3" }}'
)


def by_failures(question: Question, history: History, terms: Terms, what: str, *, in_a_row: int = 1) -> Question:
    """The question, exercised by so many failures of one task ``in_a_row``: ``what`` has to happen, as a sentence without its stop."""
    if terms.seed is not None:
        return question
    wanted = _tasks_for(terms, in_a_row)
    if wanted is not None and wanted > submitted(history):
        return replace(question, exercised_by=f"grade with --tasks {wanted} or more: {what}")
    return replace(question, exercised_by=_BY_ITSELF.format(what=what))


def submitted(history: History) -> int:
    """How many tasks were accepted of those that the run was asked for."""
    return len(history.accepted.keys() - history.chosen)


def _tasks_for(terms: Terms, in_a_row: int) -> int | None:
    """How many tasks have one that fails so often, almost surely; none where nobody knows the chance."""
    failures = terms.contract.failures
    known = in_a_row == 1 or failures is None or failures.per == "attempt"
    chance = terms.rate**in_a_row if terms.rate is not None and known else 0.0
    if not 0 < chance < 1:
        return None
    return math.ceil(math.log(_MISSED) / math.log1p(-chance))
