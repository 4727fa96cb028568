"""The tasks of a report: which are shown, in which order, and what is said of each; those worth a look come first.

A run may have had 100,000 tasks and a report has room for some hundred: each group shows its first ones and says how
many more it has. It must not know which checks there are, nor how a task is drawn.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import TypeAlias

from taskguard.contract.terms import Terms
from taskguard.history import History
from taskguard.history.wording import describe, seconds, times
from taskguard.judging.grading import Grade, TaskFate, seconds_to_settle
from taskguard.judging.verdict import Finding, Outcome, Verdict
from taskguard.reports.html.timelines import Timeline, timeline_of, zero_of
from taskguard.reports.html.visible import shown, shown_json, size

MOST_EVENTS = 30
"""How many events of a task are listed."""

MOST_NAMINGS = 6
"""How many findings are repeated beside the task that they name."""

_ID_BYTES = 96

_BYTES = 500_000
"""What all tasks together may take of the report, which stays below a megabyte."""


@dataclass(frozen=True, slots=True)
class Naming:
    """A finding that names the task, of a verdict that is not a pass."""

    check: str
    outcome: str
    message: str


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event of a task: when, since its submission, what, and the checks whose findings it shows."""

    at: str
    what: str
    shows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """A task as it is shown. `brief`: the picture and the fate only, without its events."""

    anchor: str
    name: str
    fate: str
    payload: str
    namings: tuple[Naming, ...]
    more_namings: str
    timeline: Timeline
    events: tuple[EventLine, ...]
    more_events: str
    brief: bool

    @property
    def weight(self) -> int:
        """About how many bytes of HTML it takes, hardly ever less."""
        texts = [self.name, self.fate, self.payload, self.timeline.alternative, self.more_namings, self.more_events]
        texts += [naming.message for naming in self.namings]
        texts += [text for line in self.events for text in (line.at, line.what, *line.shows)]
        marked_up = 900 + 150 * len(self.namings) + 90 * len(self.events) + 60 * len(self.timeline.axis.ticks)
        return marked_up + 700 * len(self.timeline.lanes) + sum(map(size, texts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of tasks; folded up when there are more than ``unfolded_up_to``."""

    anchor: str
    heading: str
    most: int
    unfolded_up_to: int = 100_000
    brief: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks of one kind: as many as are shown, of ``count``."""

    kind: Kind
    count: int
    tasks: tuple[TaskView, ...]

    @property
    def heading(self) -> str:
        return self.kind.heading

    @property
    def left_out(self) -> str:
        """How many more there are, or nothing."""
        more = self.count - len(self.tasks)
        return f"{times(more, 'more task')} of this kind: see fates in grade.json, and history.jsonl." if more else ""


_FAILED = Kind(anchor="failed", heading="Named by a failed verdict", most=60)
_OPEN = Kind(anchor="open", heading="Named by a verdict that could not be reached", most=40)
_ODD = Kind(anchor="odd", heading="Not ended, or ended twice", most=40)
_DEAD = Kind(anchor="dead", heading="Dead-lettered", most=30)
_RETRIED = Kind(anchor="retried", heading="Completed after a retry", most=60, unfolded_up_to=15)
_AT_ONCE = Kind(anchor="at-once", heading="Completed at the first attempt", most=120, unfolded_up_to=0, brief=True)

_Named: TypeAlias = dict[str, list[tuple[Verdict, Finding]]]
"""By task, what the findings of verdicts that are not a pass say of it."""


def groups_of(grade: Grade, history: History, terms: Terms, told_of: Container[int] | None = None) -> tuple[Group, ...]:
    """Return the groups that have tasks, those worth a look first, with as many of their tasks as there is room for. ``told_of`` as of
    :func:`taskguard.reports.html.waits.waits_of`."""
    named = _named(grade.verdicts)
    kinds: dict[Kind, list[str]] = {kind: [] for kind in (_FAILED, _OPEN, _ODD, _DEAD, _RETRIED, _AT_ONCE)}
    for task_id, found in named.items():
        if history.of_task(task_id):
            failed = any(verdict.outcome is Outcome.FAIL for verdict, _ in found)
            kinds[_FAILED if failed else _OPEN].append(task_id)
    for fate in grade.fates:
        if fate.task_id not in named:
            kinds[_kind(fate)].append(fate.task_id)
    viewer = _Viewer(history, terms, named, {fate.task_id: fate for fate in grade.fates}, told_of)
    left = _BYTES
    groups = []
    for kind, ids in kinds.items():
        views: list[TaskView] = []
        for task_id in ids[: kind.most]:
            view = viewer.view(task_id, brief=kind.brief)
            if view.weight > left:
                break
            left -= view.weight
            views.append(view)
        if ids:
            groups.append(Group(kind, len(ids), tuple(views)))
    return tuple(groups)


def task_anchor(task_id: str, history: History) -> str:
    """The id, in the page, of a task that something was seen of: ids of tasks may hold anything."""
    return f"task-{history.position(history.of_task(task_id)[0])}"


def task_name(task_id: str) -> str:
    return shown(task_id, _ID_BYTES)


def _named(verdicts: Iterable[Verdict]) -> _Named:
    """First the first task of each verdict, failed ones before open ones, and so on."""
    judged = [[(verdict, finding) for finding in verdict.findings] for verdict in by_urgency(verdicts)]
    named: _Named = {}
    for round_of_findings in zip_longest(*judged):
        for verdict, finding in filter(None, round_of_findings):
            if finding.task_id is not None and verdict.outcome is not Outcome.PASS:
                named.setdefault(finding.task_id, []).append((verdict, finding))
    return named


def by_urgency(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the verdicts: first those that failed, then those that could not be reached, last
    those that are not applicable, each in their order."""
    urgency = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.PASS, Outcome.NOT_APPLICABLE)
    return sorted(verdicts, key=lambda verdict: urgency.index(verdict.outcome))


def _kind(fate: TaskFate) -> Kind:
    if fate.end == "dead-lettered":
        return _DEAD
    if fate.end != "completed":
        return _ODD
    return _AT_ONCE if len(fate.attempts) == 1 else _RETRIED


@dataclass(frozen=True, slots=True)
class _Viewer:
    history: History
    terms: Terms
    named: _Named
    fates: Mapping[str, TaskFate]
    told_of: Container[int] | None

    def view(self, task_id: str, *, brief: bool) -> TaskView:
        found = self.named.get(task_id, [])
        events = self.history.of_task(task_id)
        submission = self.history.accepted.get(task_id)
        return TaskView(
            anchor=task_anchor(task_id, self.history),
            name=task_name(task_id),
            fate=self._fate(task_id, brief=brief),
            payload=shown_json(submission.payload) if submission is not None and not brief else "",
            namings=tuple(
                Naming(verdict.check, str(verdict.outcome), shown(finding.message))
                for verdict, finding in found[:MOST_NAMINGS]
            ),
            more_namings=_more(len(found) - MOST_NAMINGS, "more finding", "in grade.json"),
            timeline=timeline_of(task_id, self.history, self.terms, self.told_of),
            events=() if brief else tuple(islice(self._lines(task_id, found), MOST_EVENTS)),
            more_events="" if brief else _more(len(events) - MOST_EVENTS, "more event", "in history.jsonl"),
            brief=brief,
        )

    def _fate(self, task_id: str, *, brief: bool) -> str:
        fate = self.fates.get(task_id)
        if fate is None:
            return "never accepted"
        attempts = times(len(fate.attempts), "attempt")
        told = {
            "completed": f"completed at attempt {len(fate.attempts)}",
            "dead-lettered": f"dead-lettered after {attempts}",
            "both": f"both completed and dead-lettered, {attempts}",
        }.get(fate.end, f"unsettled after {attempts}")
        took_seconds = seconds_to_settle(self.history, task_id)
        if took_seconds is None or fate.end == "both":
            return told
        took = f"in {seconds(took_seconds)}"
        return took if brief else f"{told}, {took}"

    def _lines(self, task_id: str, found: Sequence[tuple[Verdict, Finding]]) -> Iterator[EventLine]:
        showing: dict[int, dict[str, None]] = {}
        for verdict, finding in found:
            for position in finding.events:
                showing.setdefault(position, {})[verdict.check] = None
        zero_ms = zero_of(task_id, self.history)
        for event in self.history.of_task(task_id):
            after = (event.at_ms - zero_ms) / 1000
            shows = tuple(showing.get(self.history.position(event), ()))
            yield EventLine(f"{after:+.3f} s", shown(describe(event)), shows)


def _more(count: int, noun: str, where: str) -> str:
    return f"and {times(count, noun)}, {where}" if count > 0 else ""
