"""What is left open by functions that asked the account for a parameter or a secret that it does not have: an engine's account is empty.

Who fails for want of it is not accused. A pass stays one. This must not know what it was for.
"""

from __future__ import annotations

from taskguard.history import History, NotInAccount
from taskguard.history.wording import not_in_account
from taskguard.judging.verdict import Finding, Outcome, Verdict

_READS_SETTINGS = "configuration"
"""This check asks what was deployed, and not what became of it."""


def as_far_as_provided(verdict: Verdict, history: History) -> Verdict:
    """The verdict, *unknown* where it was a fail that something which the account lacks may be the reason of; and why."""
    asked = history.of_kind(NotInAccount)
    if not asked or verdict.check == _READS_SETTINGS or verdict.outcome not in (Outcome.FAIL, Outcome.UNKNOWN):
        return verdict
    message = f"{not_in_account(asked)}, so this is not held against the service"
    return verdict.left_open(
        Finding(task_id=None, message=message, events=tuple(history.position(each) for each in asked))
    )
