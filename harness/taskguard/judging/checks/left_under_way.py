"""Calls that a function did not wait for: it had answered before they were done.

Lambda freezes the environment then (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html): what is under way goes on at
its next invocation, if there is one and the connection still stands. Our engine freezes nothing, so that they are done here. This must
not know what a call is good for.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.history import Called, History
from taskguard.judging.places import of_function
from taskguard.judging.verdict import Violation


def left_under_way(history: History) -> Iterator[Violation]:
    """One finding for each task and what was done to it so."""
    told: set[tuple[str, str]] = set()
    for call in history.of_kind(Called):
        for task_id in call.task_ids if call.left and call.took_effect and not call.guessed else ():
            if (task_id, call.what) not in told:
                told.add((task_id, call.what))
                message = (
                    f"task {task_id}: {call.function} answered without waiting for {call.what}. Lambda freezes a function that has answered, so "
                    "this may be done late or never"
                )
                yield Violation(task_id, message, (call,), place=of_function(call.function))
