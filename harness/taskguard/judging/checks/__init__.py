"""The checks: each a pure function from a history and what is expected to a verdict, one property a file.

`CHECKS` lists them in the order in which they are reported. A check must not know how the history was gathered, and
must not change it; a new one is a module with a `judge` function, and a line here.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from taskguard.contract.terms import Terms
from taskguard.history import History
from taskguard.judging.checks import (
    backoff,
    configuration,
    dead_letter_log,
    effect,
    first_failure_rate,
    idempotency,
    independence,
    ingress,
    later_failure_rate,
    order,
    partial_batches,
    record,
    redrive,
    refusals,
    settlement,
    transitions,
)
from taskguard.judging.verdict import Verdict

Check: TypeAlias = Callable[[History, Terms], Verdict]

_MODULES = (
    ingress,
    refusals,
    settlement,
    idempotency,
    effect,
    first_failure_rate,
    later_failure_rate,
    independence,
    backoff,
    partial_batches,
    order,
    redrive,
    dead_letter_log,
    record,
    transitions,
    configuration,
)

CHECKS: Mapping[str, Check] = {module.QUESTION.check: module.judge for module in _MODULES}
"""Every check by its name."""

LASTING: Mapping[str, Callable[[History], bool]] = {
    module.QUESTION.check: module.QUESTION.lasts for module in _MODULES if module.QUESTION.lasts is not None
}
"""By the name of each check whose fail may last while the run goes on: whether it does."""

__all__ = ["CHECKS", "LASTING", "Check"]
