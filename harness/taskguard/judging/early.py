"""Which checks fail already, of a run that goes on: by what was seen of it up to now.

Only those are asked whose fail lasts, as they say themselves (:attr:`Question.lasts`), and of what they find only what no missing event
could excuse. So what fails here fails at the end, too, unless all of the run comes to nothing: its evidence contradicts itself, or the
machine had too much to do. This module must not know what a check asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from taskguard.history import History, InvalidSubmitted, Manifest, TaskSubmitted
from taskguard.judging.checks import CHECKS, LASTING
from taskguard.judging.grading import grade_run
from taskguard.judging.verdict import Finding, Outcome


def failing_already(history: History, manifest: Manifest, left_out: Set[str]) -> Iterator[tuple[str, Finding]]:
    """Yield each check that fails, by its name, with what it found first. Nothing is told of tasks that are ``left_out``, which may come
    to be carried by several messages.

    What waits are right may hang on how the stack is set up: before that was read nothing is told. Nor is it where a function that cannot
    be loaded later may be the version's fault that stands in, or where something is broken on purpose; and of no task before its answer.
    """
    if history.configuration is None or manifest.stand_ins or manifest.plan is not None:
        return
    checks = {check: CHECKS[check] for check, lasts in LASTING.items() if lasts(history)}
    answered = {each.task_id for each in history.of_kind(TaskSubmitted)}
    answered |= {each.task_id for each in history.of_kind(InvalidSubmitted)}
    told = {None, *answered} - left_out
    for verdict in grade_run(history, manifest, checks).verdicts:
        if verdict.outcome is Outcome.FAIL:
            proven = verdict.findings[: verdict.proven]
            first = next((each for each in proven if each.task_id in told), None)
            if first is not None:
                yield verdict.check, first
