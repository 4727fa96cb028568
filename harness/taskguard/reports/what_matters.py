"""What matters most of a grade, in words that its author can act on: at most three findings, the dearest first.

The same run graded again is to have the same words, so measured times are rounded, and what chance decides is left out: ids that
a run brings about, and how many tasks were struck. It must
not know how findings are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from taskguard.contract.contract import Contract
from taskguard.judging.causes import Cause
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import Finding, Outcome, Verdict

MOST = 3
_PLACE = re.compile(r"/var/task/([\w./-]+(?::\d+|\", line \d+))")
_IN_PYTHON = "Traceback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing to act on, or to look at: of which ``checks``, how these came out, and a few sentences."""

    checks: tuple[str, ...]
    outcome: Outcome
    text: str


def what_matters(grade: Grade, contract: Contract, most: int = MOST) -> tuple[Said, ...]:
    """The causes of failures, then what failed, the dearest first, then what could not be judged, then what is advised."""
    explained = grade.cause_of
    order = {Outcome.FAIL: 0, Outcome.UNKNOWN: 1}
    verdicts = sorted(
        (each for each in grade.verdicts if each.outcome in order and each.check not in explained),
        key=lambda each: (order[each.outcome], -contract.worth(each.check)),
    )
    said = [*map(_of_cause, grade.causes), *map(_of_verdict, verdicts), *_advice(grade.verdicts)]
    return tuple(said[:most])


def _of_cause(cause: Cause) -> Said:
    text = (
        f"{cause.function} {cause.what}: {cause.error_type}: {cause.message}.{_where(cause)} {cause.effect_in_words}."
    )
    return Said(checks=cause.checks, outcome=Outcome.FAIL, text=steady(text))


def _where(cause: Cause) -> str:
    """The place in the function's own code, where its log tells one: the last one that Python names, the first one of others."""
    places = [place for line in cause.lines for place in _PLACE.findall(line)]
    if not places:
        return ""
    return f" See {places[-1 if any(_IN_PYTHON in line for line in cause.lines) else 0]}."


def _of_verdict(verdict: Verdict) -> Said:
    if verdict.outcome is Outcome.UNKNOWN:
        why = verdict.findings[0].message if verdict.findings else verdict.observed
        return Said(checks=(verdict.check,), outcome=verdict.outcome, text=steady(f"Could not be judged: {why}."))
    # What is advised besides did not decide it.
    decided = verdict.findings[: verdict.proven or None]
    example = _example(decided)
    tasks = len({each.task_id for each in decided if each.task_id is not None})
    # How many hangs on which messages came in one batch.
    among = " (and the like of other tasks)" if tasks > 1 else ""
    found = f"{example.message}{among}" if example is not None else verdict.observed
    look = f" Look at {example.place}." if example is not None and example.place is not None else ""
    text = f"{verdict.claim} Expected: {verdict.expected}. Found: {steady(found)}.{steady(look)}"
    return Said(checks=(verdict.check,), outcome=verdict.outcome, text=_in_one_line(text))


def _advice(verdicts: Sequence[Verdict]) -> Iterator[Said]:
    for verdict in verdicts:
        if verdict.outcome is Outcome.PASS:
            for finding in verdict.findings:
                look = f" Look at {finding.place}." if finding.place is not None else ""
                yield Said(checks=(verdict.check,), outcome=Outcome.PASS, text=steady(f"{finding.message}.{look}"))


def _example(findings: Sequence[Finding]) -> Finding | None:
    """The finding to show: the one that tells no measured time, of the first task."""
    return min(
        findings,
        key=lambda each: (bool(_MEASURED.search(each.message)), each.task_id or "", each.message),
        default=None,
    )


_MEASURED = re.compile(r"(?<!expected )(?<!asked for )\b\d+\.\d+ (?=m?s\b)")
"""A time that was measured: one that was asked for, or is demanded, stays as it is."""
_UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_OF_A_DEPLOY = re.compile(r"\b([A-Za-z][\w-]*[A-Za-z0-9])-[0-9a-f]{8}\b")
"""A function's name where the platform makes it: with an ending that is another one at each deploy."""
_STOPS = re.compile(r"([.!?])\.(?=\s|$)")


def steady(text: str) -> str:
    """The text without what differs from run to run of the same service: fractions of seconds, and ids that the platform makes."""
    whole = _MEASURED.sub(
        lambda found: f"about {round(float(found[0]))} ", _OF_A_DEPLOY.sub(r"\1", _UUID.sub("…", text))
    )
    return _in_one_line(whole)


def _in_one_line(text: str) -> str:
    return _STOPS.sub(r"\1", " ".join(text.split()))
