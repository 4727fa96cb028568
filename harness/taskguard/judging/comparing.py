"""What two runs tell differently: of what was run, of how it was judged, of what became of each task, and of the times.

A pure function of two saved runs and their grades, for instance of one seed on LocalStack and on AWS. It judges neither, and
must not know how a comparison is shown.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from taskguard.errors import HistoryError
from taskguard.history import DeadLettered, History, SavedRun
from taskguard.judging.grading import Grade, TaskFate, seconds_to_settle
from taskguard.support.json_values import Json, same_json
from taskguard.support.typed import untyped

ABSENT = "absent"
"""Stands for what one of the two does not have."""

_TOLD_LATER = ("exercised", "chosen", "reason", "findings")
"""What grades of before do not have."""

_REASONS = ("reason", "findings")
"""Sentences, which may tell measured times."""

_FOLLOWS = ("format_version", "exit_code")
"""What follows from how a grade is written, and from the rest of it."""

_WORDS = ("claim", "expected", "observed")
"""What a check says of itself: other words are no other judgement."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that has a name, and what it is in the one run and in the other."""

    name: str
    one: Json
    other: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How a time is spread, in seconds."""

    count: int
    least: float
    median: float
    most: float


@dataclass(frozen=True, slots=True)
class Spread:
    """A time of many tasks, in the one run and in the other; None where there was none."""

    name: str
    one: Distribution | None
    other: Distribution | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs side by side.

    `manifest` has what was run otherwise; it does not count when it is asked whether the runs tell the same, and nor do
    `spreads`, the times. `verdicts`, `numbers` and `fates` have what differs; a fate is its attempts and its end.
    `tasks_in_both` counts the accepted tasks that are in both runs, `only_in_one` and `only_in_other` name the rest.
    """

    manifest: tuple[Difference, ...]
    verdicts: tuple[Difference, ...]
    numbers: tuple[Difference, ...]
    fates: tuple[Difference, ...]
    tasks_in_both: int
    only_in_one: tuple[str, ...]
    only_in_other: tuple[str, ...]
    spreads: tuple[Spread, ...]

    @property
    def same(self) -> bool:
        """Whether both were judged alike, and each task fared alike."""
        return not (self.verdicts or self.numbers or self.fates or self.only_in_one or self.only_in_other)


@dataclass(frozen=True, slots=True)
class Graded:
    """A saved run, and how it was judged."""

    run: SavedRun
    grade: Grade


def compare(one: Graded, other: Graded) -> Comparison:
    """Put two runs side by side.

    Raises:
        HistoryError: they have no task in common, so that nothing can be said of any.
    """
    fates = {fate.task_id: fate for fate in one.grade.fates}
    others = {fate.task_id: fate for fate in other.grade.fates}
    both = sorted(fates.keys() & others.keys())
    if not both:
        # That of failures decides the tasks, too, where there is one.
        draws, tasks = one.run.manifest.draws.seed, one.run.manifest.tasks_seed
        seed = f"--seed {shlex.quote(draws)}" if draws is not None else f"--tasks-seed {shlex.quote(tasks or '…')}"
        raise HistoryError(
            "comparing two runs: no task was accepted in both, so that nothing can be compared. Runs of one seed have the "
            f"same tasks: make the second one again with `{seed}`"
        )
    return Comparison(
        manifest=_differing(_of_manifest(one), _of_manifest(other)),
        verdicts=_differing(_of_verdicts(one.grade), _of_verdicts(other.grade)),
        numbers=_differing(_numbers(one.grade), _numbers(other.grade)),
        fates=tuple(
            Difference(task_id, in_words(fates[task_id]), in_words(others[task_id]))
            for task_id in both
            if fates[task_id] != others[task_id]
        ),
        tasks_in_both=len(both),
        only_in_one=tuple(sorted(fates.keys() - others.keys())),
        only_in_other=tuple(sorted(others.keys() - fates.keys())),
        spreads=tuple(_spreads(one.run.history, other.run.history)),
    )


def verdicts_that_differ(one: Grade, other: Grade) -> tuple[Difference, ...]:
    """The checks that came out otherwise, whatever the tasks of the two runs were."""
    return _differing(_of_verdicts(one), _of_verdicts(other))


def differing_grades(before: Mapping[str, Json], now: Mapping[str, Json]) -> tuple[Difference, ...]:
    """What two grades of one run, as JSON objects, tell differently, by its place in them; times aside, a check's
    findings in words, which may tell of times, what follows from the rest, and what an older TaskGuard did not tell."""
    told, tells = _flat(_judgement(before)), _flat(_judgement(now))
    untold = {name for name in tells.keys() - told.keys() if name.rpartition(".")[2] in _TOLD_LATER}
    found = _differing(told, {name: value for name, value in tells.items() if name not in untold})
    return tuple(each for each in found if each.name.rpartition(".")[2] not in _REASONS)


def is_another_judgement(differences: Iterable[Difference]) -> bool:
    """Whether two grades of one run differ in more than their words."""
    return any(each.name.rpartition(".")[2] not in _WORDS for each in differences)


def checks_that_differ(differences: Iterable[Difference]) -> tuple[str, ...]:
    """The checks of which two grades of one run have other verdicts, or one has none."""
    places = (each.name.split(".") for each in differences)
    return tuple(place[1] for place in places if place[0] == "checks" and place[2:] == ["outcome"])


def in_words(fate: TaskFate) -> str:
    """A task's fate in one line: `failed, succeeded: completed`."""
    return f"{', '.join(fate.attempts) or 'no attempt'}: {fate.end}"


def _differing(one: Mapping[str, Json], other: Mapping[str, Json]) -> tuple[Difference, ...]:
    pairs = ((name, one.get(name, ABSENT), other.get(name, ABSENT)) for name in {**one, **other})
    return tuple(Difference(name, here, there) for name, here, there in pairs if not same_json(here, there))


def _of_manifest(graded: Graded) -> dict[str, Json]:
    found: dict[str, Json] = untyped(graded.run.manifest)
    # Each run has its own.
    for name in ("created_at", "repeat"):
        del found[name]
    return _flat(found)


def _of_verdicts(grade: Grade) -> dict[str, Json]:
    return {verdict.check: verdict.in_words for verdict in grade.verdicts}


def _numbers(grade: Grade) -> dict[str, Json]:
    return {
        "SUCCESS": grade.success,
        "FAILURE": grade.failure,
        "completed": grade.completed,
        "dead": grade.dead,
        "unsettled": grade.unsettled,
    }


def _judgement(document: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in document.items() if name not in ("times", *_FOLLOWS)}


def _flat(value: Mapping[str, Json], place: str = "") -> dict[str, Json]:
    """All that is in objects within objects, by its place: `checks.backoff.outcome`; what a list holds, by its name."""
    found: dict[str, Json] = {}
    for name, item in value.items():
        here = f"{place}{name}"
        named = _by_name(item)
        if named:
            found |= _flat(named, f"{here}.")
        else:
            found[here] = item
    return found


def _by_name(value: Json) -> Mapping[str, Json]:
    """An object, or a list of objects that have names, as an object; else nothing."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, (list, tuple)):
        for key in ("check", "task"):
            if all(isinstance(item, Mapping) and key in item for item in value):
                return {str(item[key]): item for item in value if isinstance(item, Mapping)}
    return {}


def _spreads(one: History, other: History) -> Iterator[Spread]:
    times, others = _times(one), _times(other)
    for name in {**times, **others}:
        yield Spread(name, _distribution(times.get(name)), _distribution(others.get(name)))


def _times(history: History) -> dict[str, list[float]]:
    """The seconds of each task, by what took them: each failed attempt until the task was seen next, and all to its end."""
    gaps: dict[int, list[float]] = {}
    for task_id in history.accepted:
        for number, seconds in _gaps(history, task_id):
            gaps.setdefault(number, []).append(seconds)
    settled = [each for task_id in history.accepted if (each := seconds_to_settle(history, task_id)) is not None]
    named = {f"from attempt {number} until seen next": gaps[number] for number in sorted(gaps)}
    return named | {"from submission to the end": settled}


def _gaps(history: History, task_id: str) -> Iterator[tuple[int, float]]:
    chains = history.chains_of(task_id)
    if len(chains) != 1:
        # What follows what cannot be told.
        return
    attempts = chains[0].attempts
    for attempt, following in pairwise(attempts):
        yield attempt.number, (following.at_ms - attempt.at_ms) / 1000
    died = next((event for event in history.of_task(task_id) if isinstance(event, DeadLettered)), None)
    if died is not None and attempts[-1].failed is not None:
        yield attempts[-1].number, (died.at_ms - attempts[-1].at_ms) / 1000


def _distribution(seconds: list[float] | None) -> Distribution | None:
    if not seconds:
        return None
    least, middle, most = (round(each, 3) for each in (min(seconds), median(seconds), max(seconds)))
    return Distribution(count=len(seconds), least=least, median=middle, most=most)
