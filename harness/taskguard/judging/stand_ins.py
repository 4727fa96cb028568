"""What is left open by functions that ran on another version than their runtime has: what cannot be loaded, or is not there, may be so on Lambda.

A syntax of another version's, a module or a function that came or went, or a package that was built for another: who fails for such a reason is not accused.
A pass stays one. This must not know which versions there are.
"""

from __future__ import annotations

import re
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

_LACKS_SOMETHING = re.compile(
    r".* is not a (function|constructor)|.*\bis not defined|(module|type object) '.*' has no attribute .*"
    r"|'(?!NoneType)\w+' object has no attribute .*|.*(unexpected keyword argument|takes no keyword arguments).*",
    re.DOTALL,
)
"""What Node.js and Python say of a function, a method, a name or an argument that there is not, wherever it is used."""

_READS_SETTINGS = "configuration"
"""This check asks what was deployed, and not what became of it."""


def as_far_as_loaded(verdict: Verdict, stand_ins: Sequence[StandIn], history: History) -> Verdict:
    """The verdict, *unknown* where it was a fail that a version may be the reason of."""
    if verdict.outcome is not Outcome.FAIL or verdict.check == _READS_SETTINGS:
        return verdict
    of_function = {name: each for each in stand_ins for name in each.functions}
    failed = next(
        (each for each in history.of_kind(InvocationFailed) if each.function in of_function and _was_not_there(each)),
        None,
    )
    if failed is None:
        return verdict
    stand_in = of_function[failed.function]
    message = (
        f"{failed.function} failed ({failed.error_type}: {failed.message}) on {stand_in.runs_on}, which stands in for {stand_in.runtime} and may "
        "lack what it needs, so this is not held against the service"
    )
    finding = Finding(task_id=None, message=message, events=(history.position(failed),))
    return verdict.left_open(finding)


def _was_not_there(event: InvocationFailed) -> bool:
    if event.loaded and event.error_type not in _WHILE_RUNNING:
        return event.error_type in _WHILE_LOADING and _LACKS_SOMETHING.fullmatch(event.message) is not None
    return event.error_type in _WHILE_LOADING
