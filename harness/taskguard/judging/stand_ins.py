"""What is left open by functions that ran on another version than their runtime has: what cannot be loaded there may be loaded on Lambda.

A syntax of another version's, a module that came or went, or a package that was built for another: who fails for such a reason is not accused.
A pass stays one. This must not know which versions there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from taskguard.history import History, InvocationFailed, StandIn
from taskguard.judging.verdict import Finding, Outcome, Verdict

_WHILE_RUNNING = (
    "SyntaxError",
    "ImportError",
    "ModuleNotFoundError",
    "Runtime.ImportModuleError",
    "Runtime.UserCodeSyntaxError",
)
"""Errors of what a handler loads only when it is called."""

_WHILE_LOADING = (*_WHILE_RUNNING, "AttributeError", "TypeError", "NameError", "ReferenceError", "Runtime.ExitError")
"""And of what it does before: there a name that a version lacks, or a library that was built for another, is met, too. What the code
itself raises, as for want of a variable, has no version for a reason."""

_READS_SETTINGS = "configuration"
"""This check asks what was deployed, and not what became of it."""


def as_far_as_loaded(verdict: Verdict, stand_ins: Sequence[StandIn], history: History) -> Verdict:
    """The verdict, *unknown* where it was a fail that a version may be the reason of."""
    if verdict.outcome is not Outcome.FAIL or verdict.check == _READS_SETTINGS:
        return verdict
    of_function = {name: each for each in stand_ins for name in each.functions}
    failed = next(
        (each for each in history.of_kind(InvocationFailed) if each.function in of_function and _was_not_loaded(each)),
        None,
    )
    if failed is None:
        return verdict
    stand_in = of_function[failed.function]
    message = (
        f"{failed.function} could not load something ({failed.error_type}: {failed.message}) on {stand_in.runs_on}, which stands in for "
        f"{stand_in.runtime}, so this is not held against the service"
    )
    finding = Finding(task_id=None, message=message, events=(history.position(failed),))
    return verdict.left_open(finding)


def _was_not_loaded(event: InvocationFailed) -> bool:
    return event.error_type in (_WHILE_RUNNING if event.loaded else _WHILE_LOADING)
