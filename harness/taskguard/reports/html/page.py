"""What a run's report says, as data: the grade, the verdicts, the pictures, the tasks, and what was run.

Made from a grade, its history and its manifest alone, without a clock or a file. It must not know how a page looks, nor
which checks there are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from taskguard.history import History, Manifest
from taskguard.history.wording import seconds, times
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import NOT_EXERCISED, Finding, Outcome, Verdict
from taskguard.reports.chosen import chosen_in_words
from taskguard.reports.clock import clock_note
from taskguard.reports.html.axis import Axis
from taskguard.reports.html.rates import Rate, rates_of
from taskguard.reports.html.spreads import Spread, time_to_settle, waits_by_attempt
from taskguard.reports.html.tasks import Group, by_urgency, groups_of, task_anchor, task_name
from taskguard.reports.html.timelines import common_axis
from taskguard.reports.html.visible import shown
from taskguard.reports.nemesis import HEADINGS, nemesis_of
from taskguard.support.json_values import Json
from taskguard.support.this_command import runnable
from taskguard.support.typed import untyped

MOST_FINDINGS = 10
"""How many findings of a verdict are listed."""

MOST_FIGURES = 30
"""How many figures of a verdict, or entries of a part of the manifest, are listed."""

_SENTENCE, _VALUE = 600, 300


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding; `anchor` is where its task is shown, or nothing when it is not."""

    message: str
    task: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView:
    """A verdict as it is shown; a ``hollow`` one passed of nothing."""

    check: str
    outcome: str
    hollow: bool
    in_words: str
    claim: str
    expected: str
    observed: str
    findings: tuple[FindingView, ...]
    more_findings: str
    figures: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one subject: names with their values."""

    heading: str
    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class NemesisView:
    """What was broken on purpose, as a table."""

    summary: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that a report says. `repeat` is the command that makes the run again, or nothing when there is none; `nemesis` is
    none when nothing was broken on purpose."""

    outcome: str
    headline: str
    title: str
    subtitle: str
    success: int
    failure: int
    ends: str
    clock_note: str
    verdicts: tuple[VerdictView, ...]
    nemesis: NemesisView | None
    waits: Spread
    rates: tuple[Rate, ...]
    confidence: str
    settling: Spread
    common_axis: Axis
    groups: tuple[Group, ...]
    repeat: str
    facts: tuple[Facts, ...]
    taskguard_version: str


def page_of(grade: Grade, history: History, manifest: Manifest) -> Page:
    """Return what the report of a run says."""
    terms = manifest.terms
    groups = groups_of(grade, history, terms)
    shown_tasks = {task.anchor for group in groups for task in group.tasks}
    verdicts = tuple(_verdict(verdict, history, shown_tasks) for verdict in by_urgency(grade.verdicts))
    seed = f"seed {shown(manifest.seed, 60)}" if manifest.seed is not None else "random failures"
    subtitle = f"{times(len(grade.counted), 'task')} on {shown(manifest.target, 60)}, {seed}"
    return Page(
        outcome=str(grade.outcome),
        headline=_headline(grade),
        title=f"{str(grade.outcome).capitalize()}: {subtitle}",
        subtitle=subtitle,
        success=grade.success,
        failure=grade.failure,
        ends=_ends(grade),
        clock_note=clock_note(manifest).replace("'", "\u2019"),
        verdicts=verdicts,
        nemesis=_nemesis(history, manifest),
        waits=waits_by_attempt(history, terms),
        rates=rates_of(by_urgency(grade.verdicts), terms),
        confidence=f"{100 * (1 - terms.tolerances.significance):g} %",
        settling=time_to_settle(history, grade, terms),
        common_axis=common_axis(terms),
        groups=groups,
        repeat=shown(runnable(manifest.repeat), 2000) if manifest.repeat else "",
        facts=tuple(_facts(history, manifest)),
        taskguard_version=shown(manifest.taskguard_version, 60),
    )


def _headline(grade: Grade) -> str:
    found = Counter(verdict.outcome for verdict in grade.verdicts)
    left_out = found[Outcome.NOT_APPLICABLE]
    count = len(grade.verdicts) - left_out
    if not count:
        return "No check was made" if not left_out else "No check is applicable"
    told = []
    if found[Outcome.PASS] == count:
        hollow = sum(verdict.is_hollow for verdict in grade.verdicts)
        beside = f", {hollow} of them {NOT_EXERCISED}" if hollow else ""
        told.append(f"All {times(count, 'check')} passed{beside}" if count > 1 else "The only check passed")
    if found[Outcome.FAIL]:
        told.append(f"{found[Outcome.FAIL]} of {times(count, 'check')} failed")
    if found[Outcome.UNKNOWN]:
        of = "" if told else f" of {times(count, 'check')}"
        told.append(f"{found[Outcome.UNKNOWN]}{of} could not be judged")
    if left_out:
        told.append(f"{left_out} not applicable")
    return ", ".join(told)


def _ends(grade: Grade) -> str:
    both = sum(fate.end == "both" for fate in grade.counted)
    beside = chosen_in_words(grade)
    told = [
        f"{times(len(grade.counted), 'task')} accepted: {grade.completed} completed",
        f"{grade.dead} dead-lettered",
        f"{grade.unsettled} unsettled",
        *([f"{both} both completed and dead-lettered"] if both else []),
    ]
    return ", ".join(told) + (f". {beside}" if beside else "")


def _verdict(verdict: Verdict, history: History, shown_tasks: set[str]) -> VerdictView:
    more = len(verdict.findings) - MOST_FINDINGS
    return VerdictView(
        check=shown(verdict.check, 60),
        outcome=str(verdict.outcome),
        hollow=verdict.is_hollow,
        in_words=verdict.in_words,
        claim=shown(verdict.claim, _SENTENCE),
        expected=shown(verdict.expected, _SENTENCE),
        observed=shown(verdict.observed, _SENTENCE),
        findings=tuple(_finding(finding, history, shown_tasks) for finding in verdict.findings[:MOST_FINDINGS]),
        more_findings=f"and {times(more, 'more finding')}, in grade.json" if more > 0 else "",
        figures=_entries({**verdict.figures, **verdict.measured}),
    )


def _nemesis(history: History, manifest: Manifest) -> NemesisView | None:
    found = nemesis_of(history, manifest)
    if found is None:
        return None
    rows = tuple(tuple(shown(cell, _VALUE) for cell in row.cells()) for row in found.rows)
    return NemesisView(summary=shown(found.in_words(), _SENTENCE), headings=HEADINGS, rows=rows)


def _finding(finding: Finding, history: History, shown_tasks: set[str]) -> FindingView:
    message = shown(finding.message, 360)
    if finding.task_id is None or not history.of_task(finding.task_id):
        return FindingView(message, "", "")
    anchor = task_anchor(finding.task_id, history)
    return FindingView(message, task_name(finding.task_id), anchor if anchor in shown_tasks else "")


def _facts(history: History, manifest: Manifest) -> Iterator[Facts]:
    ran: dict[str, Json] = {
        "target": manifest.target,
        "stage": manifest.stage,
        "region": manifest.region,
        "tasks": manifest.tasks,
        "seed": manifest.seed if manifest.seed is not None else "none: failures were random",
        "failure rate": manifest.rate,
        "clock scale": manifest.clock_scale,
        **({"faults": len(manifest.faults), "seed of the faults": manifest.fault_seed} if manifest.faults else {}),
        "began": _moment(history[0].at_ms) if len(history) else "nothing was seen",
        "took": seconds((history[-1].at_ms - history[0].at_ms) / 1000) if len(history) else "–",
        "written": manifest.created_at,
        "events": len(history),
    }
    yield Facts("What was run", _entries(ran))
    expected: dict[str, Json] = {}
    for part in (manifest.contract, manifest.tolerances):
        for name, value in untyped(part).items():
            of_it = value if isinstance(value, Mapping) else {name: value}
            expected |= {
                each if each == name else f"{name} {each}": found
                for each, found in of_it.items()
                if found not in (None, [])
            }
    yield Facts("What was expected", _entries(expected))
    yield Facts("Versions", _entries({"taskguard": manifest.taskguard_version, **manifest.versions}))
    yield Facts("Settings", _entries(manifest.settings))
    yield Facts("Digests (SHA-256)", _entries(manifest.digests))


def _entries(values: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    entries = [(shown(name.replace("_", " "), 60), _value(value)) for name, value in values.items()]
    more = len(entries) - MOST_FIGURES
    return (*entries[:MOST_FIGURES], *([("…", f"and {more} more")] if more > 0 else []))


def _value(value: Json) -> str:
    if isinstance(value, Mapping) and not any(map(_nested, value.values())):
        return shown(", ".join(f"{name}: {_word(each)}" for name, each in value.items()), _VALUE) or "–"
    if isinstance(value, (list, tuple)) and not any(map(_nested, value)):
        return shown(", ".join(map(_word, value)), _VALUE) or "–"
    return shown(_word(value), _VALUE)


def _nested(value: Json) -> bool:
    items = value if isinstance(value, (list, tuple)) else ()
    return isinstance(value, Mapping) or any(isinstance(each, (Mapping, list, tuple)) for each in items)


def _word(value: Json) -> str:
    if isinstance(value, str):
        return value
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps(round(value) if whole and isinstance(value, float) else value, ensure_ascii=False)


def _moment(at_ms: float) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
