"""Judges the tasks of one test, on a stack whose queues hold other tests' messages too."""

from __future__ import annotations

from collections.abc import Collection

from taskguard.contract.terms import Terms
from taskguard.history import EvidenceMissing, History, QueueDepth
from taskguard.history.wording import describe
from taskguard.judging.checks import CHECKS
from taskguard.judging.verdict import NOT_EXERCISED, Outcome


def not_passed(history: History, terms: Terms, *, leaving_out: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """The findings of each check that does not pass, but for one: whether the queues stay empty cannot be told where
    others use them too. What a test's few tasks do not exercise is left out."""
    of_others = {
        describe(event) for event in history.of_kind(EvidenceMissing) if event.affects == (QueueDepth.__name__,)
    }
    found: dict[str, tuple[str, ...]] = {}
    for name, check in CHECKS.items():
        verdict = check(history, terms)
        told = (each.message for each in verdict.findings if each.message not in of_others)
        messages = tuple(message for message in told if verdict.exercised or not message.startswith(NOT_EXERCISED))
        if verdict.outcome is not Outcome.PASS and messages and name not in leaving_out:
            found[name] = messages
    return found
