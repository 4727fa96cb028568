"""What is left open by a message that nobody stated: whose consumer fails on each that it is sent may expect another.

Where tasks are sent to the work queue itself, their message is TaskGuard's own invention until somebody says how the service words it.
As soon as one attempt succeeds, the message suits. This module must not know how a task is sent.
"""

from __future__ import annotations

from taskguard.contract.dialect import IngressWords
from taskguard.contract.terms import Terms
from taskguard.history import AttemptFailed, AttemptSucceeded, History
from taskguard.judging.checks.asked import has_no_api
from taskguard.judging.verdict import Finding, Outcome, Verdict

_UNSTATED = IngressWords()
_READS_SETTINGS = "configuration"
"""The check that no message has a part in."""
_OF_ENDS = "settlement"


def as_far_as_stated(verdict: Verdict, terms: Terms, history: History) -> Verdict:
    """The verdict, *unknown* where it was a fail of consumers that may have been sent what they do not know. Where nothing shows that any task is
    ever completed, it is said that this may be why."""
    words = terms.dialect.ingress
    is_stated = words.body != _UNSTATED.body or bool(words.headers)
    is_open = verdict.outcome is Outcome.UNKNOWN and verdict.check == _OF_ENDS
    is_wrong = verdict.outcome is Outcome.FAIL and verdict.check != _READS_SETTINGS
    if not (is_open or is_wrong) or is_stated or not has_no_api(history):
        return verdict
    if history.of_kind(AttemptSucceeded) or not history.of_kind(AttemptFailed):
        return verdict
    message = (
        f"no attempt of any task succeeded, and nobody said how a message of this queue is worded: {words.body} was sent, so this is not "
        "held against the service. State body in taskguard.toml, below [ingress], and as headers the message's attributes"
    )
    return verdict.left_open(Finding(task_id=None, message=message))
