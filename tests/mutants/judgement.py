"""Whether a variant was rejected as it should be: by the check that is meant for it, with the finding that it is meant for.

Pure: it must not know how a variant came to its grades.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from taskguard.judging.grading import Grade
from taskguard.judging.verdict import Outcome, Verdict

from tests.mutants.table import Row
from tests.mutants.variants import FromLogs, Variant

_OUTCOMES = {
    FromLogs.REJECTED: Outcome.FAIL,
    FromLogs.UNKNOWN: Outcome.UNKNOWN,
}


def faults(variant: Variant, seen: Grade, from_logs: Grade) -> Iterator[str]:
    """What is wrong with how a variant was judged, as sentences; none when it was rejected as it should be."""
    meant = _of(seen, variant.meant)
    if meant.outcome is not Outcome.FAIL:
        yield f"{variant.meant}, which is meant for it, says {meant.outcome}: {meant.observed}"
    elif _finding(variant, meant) is None:
        yield f"{variant.meant} fails without a finding like {variant.message!r}; it found {_first(meant)!r}"
    yield from (f"seen from outside, {each}" for each in _strangers(variant, seen))
    outcome = _of(from_logs, variant.meant).outcome
    if outcome is not _OUTCOMES.get(variant.from_logs, outcome):
        yield f"from its logs alone, {variant.meant} says {outcome}; it was to be {variant.from_logs}"
    yield from (f"from its logs alone, {each}" for each in _strangers(variant, from_logs))


def row(variant: Variant, seen: Grade, from_logs: Grade) -> Row:
    """The variant's line of the table."""
    meant, logged = _of(seen, variant.meant), _of(from_logs, variant.meant)
    return Row(
        name=variant.name,
        sentence=variant.sentence,
        check=variant.meant,
        outcome=meant.outcome,
        message=_finding(variant, meant) or _first(meant),
        from_logs=logged.outcome,
    )


def _strangers(variant: Variant, graded: Grade) -> Iterator[str]:
    """The checks that fail though this variant is not theirs."""
    for verdict in graded.verdicts:
        if verdict.outcome is Outcome.FAIL and verdict.check not in variant.caught_by:
            yield f"{verdict.check} fails too, which is not meant for it: {_first(verdict)}"


def _of(graded: Grade, check: str) -> Verdict:
    return next(verdict for verdict in graded.verdicts if verdict.check == check)


def _finding(variant: Variant, verdict: Verdict) -> str | None:
    found = (finding.message for finding in verdict.findings)
    return next((message for message in found if re.search(variant.message, message)), None)


def _first(verdict: Verdict) -> str:
    return verdict.findings[0].message if verdict.findings else verdict.observed
