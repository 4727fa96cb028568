"""What a run's report says, as data: the grade, the verdicts, the pictures, the tasks, and what was run.

Made from a grade, its history and its manifest alone, without a clock or a file. It must not know how a page looks, nor
which checks there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from taskguard.history import History, Manifest
from taskguard.history.wording import seconds, times
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import NOT_EXERCISED, Finding, Outcome, Verdict
from taskguard.reports.chosen import chosen_in_words
from taskguard.reports.html.axis import Axis
from taskguard.reports.html.rates import Rate, rates_of
from taskguard.reports.html.spreads import Spread, time_to_settle, waits_by_attempt
from taskguard.reports.html.tasks import Group, by_urgency, groups_of, task_anchor
from taskguard.reports.html.timelines import common_axis
from taskguard.reports.html.visible import shown
from taskguard.reports.left_running import left_running
from taskguard.reports.log_excerpt import Log, logs_of
from taskguard.reports.moments import moment, written
from taskguard.reports.nemesis import Nemesis, nemesis_of
from taskguard.reports.notes import notes_of
from taskguard.support.json_values import Json
from taskguard.support.typed import untyped

_NOTE_BYTES = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that a report says, beside the grade and the manifest themselves. `anchors` has the tasks that findings name and something
    was seen of: where each is shown, or nothing. `logs` are of what was wrong: the
    lines of the invocation that a finding speaks of, each once. `facts` are values with their names, by subject. `nemesis` is none when nothing was
    broken on purpose."""

    grade: Grade
    manifest: Manifest
    headline: str
    subtitle: str
    ends: str
    notes: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    anchors: Mapping[str, str]
    logs: Mapping[Finding, Log]
    nemesis: Nemesis | None
    waits: Spread
    rates: tuple[Rate, ...]
    settling: Spread
    common_axis: Axis
    groups: tuple[Group, ...]
    facts: tuple[tuple[str, Mapping[str, Json]], ...]


def page_of(grade: Grade, history: History, manifest: Manifest) -> Page:
    """Return what the report of a run says."""
    terms = manifest.terms
    told_of, verdicts = _told_of(grade), by_urgency(grade.verdicts)
    groups = groups_of(grade, history, terms, told_of)
    shown_tasks = {task.anchor for group in groups for task in group.tasks}
    named = {finding.task_id for verdict in verdicts for finding in verdict.findings if finding.task_id is not None}
    anchors = {task_id: task_anchor(task_id, history) for task_id in named if history.of_task(task_id)}
    seed = f"seed {shown(manifest.seed, 60)}" if manifest.seed is not None else "random failures"
    return Page(
        grade=grade,
        manifest=manifest,
        headline=_headline(grade),
        subtitle=f"{times(len(grade.counted), 'task')} on {shown(manifest.target, 60)}, {seed}",
        ends=_ends(grade),
        notes=tuple(
            shown(note, _NOTE_BYTES).replace("'", "\u2019")
            for note in (*notes_of(manifest, history), *left_running(history))
        ),
        verdicts=tuple(verdicts),
        anchors={task_id: anchor if anchor in shown_tasks else "" for task_id, anchor in anchors.items()},
        logs=logs_of(verdicts, history),
        nemesis=nemesis_of(history, manifest),
        waits=waits_by_attempt(history, terms, told_of),
        rates=rates_of(verdicts, terms),
        settling=time_to_settle(history, grade, terms, under_faults=manifest.plan is not None),
        common_axis=common_axis(terms),
        groups=groups,
        facts=tuple(_facts(history, manifest)),
    )


def _told_of(grade: Grade) -> frozenset[int]:
    """The indexes of the events that show what is wrong, or may be."""
    wrong = (verdict for verdict in grade.verdicts if verdict.outcome in (Outcome.FAIL, Outcome.UNKNOWN))
    return frozenset(number for verdict in wrong for finding in verdict.findings for number in finding.events)


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


def _facts(history: History, manifest: Manifest) -> Iterator[tuple[str, Mapping[str, Json]]]:
    # A clock that ran fast is ahead of the machine's.
    has_its_own = manifest.clock_scale != 1
    by_the_pipelines, by_the_machines = (
        (", by the pipeline's clock", ", by the machine's clock") if has_its_own else ("", "")
    )
    ran: dict[str, Json] = {
        "target": manifest.target,
        "stage": manifest.stage,
        "region": manifest.region,
        "tasks": manifest.tasks,
        "seed": manifest.seed if manifest.seed is not None else "none: failures were random",
        "failure rate": manifest.rate,
        "clock scale": manifest.clock_scale,
        **({"faults": len(manifest.faults), "seed of the faults": manifest.fault_seed} if manifest.faults else {}),
        f"began{by_the_pipelines}": moment(datetime.fromtimestamp(history[0].at_ms / 1000, UTC))
        if len(history)
        else "nothing was seen",
        f"took{by_the_pipelines}": seconds((history[-1].at_ms - history[0].at_ms) / 1000) if len(history) else "–",
        f"written{by_the_machines}": written(manifest.created_at),
        "events": len(history),
    }
    yield "What was run", ran
    expected: dict[str, Json] = {}
    for part in (manifest.contract, manifest.tolerances):
        for name, value in untyped(part).items():
            of_it = value if isinstance(value, Mapping) else {name: value}
            expected |= {
                each if each == name else f"{name} {each}": found
                for each, found in of_it.items()
                if found not in (None, [])
            }
    yield "What was expected", expected
    yield "Versions", {"taskguard": manifest.taskguard_version, **manifest.versions}
    yield "Settings", manifest.settings
    yield "Digests (SHA-256)", manifest.digests
