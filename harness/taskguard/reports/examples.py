"""The one finding of a check that shows best what is wrong. It must not know how it is shown."""

from __future__ import annotations

from taskguard.history import History
from taskguard.judging.verdict import Finding, Verdict


def best_example(verdict: Verdict, history: History) -> Finding | None:
    """Return the finding to show first: one that decided the verdict, of a task that the run was asked for rather than of a probe, of which
    least happened; None where the check found nothing."""
    decided = verdict.findings[: verdict.proven or None]
    return min(decided, key=lambda each: _how_much_there_is_to_read(each, history), default=None)


def _how_much_there_is_to_read(finding: Finding, history: History) -> tuple[bool, bool, int]:
    task_id = finding.task_id
    if task_id is None:
        return True, False, 0
    return False, task_id in history.chosen, len(history.of_task(task_id))
