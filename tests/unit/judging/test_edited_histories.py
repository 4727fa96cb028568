"""Whatever one line of a good run's history is doubled, lost, moved or made impossible, the run does not pass.

Each edit is made to the file, and judged as its digests were made anew: refused when it is read, or not passed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from taskguard.errors import HistoryError
from taskguard.history import (
    AttemptSucceeded,
    BackoffRequested,
    ConsumersOff,
    DeadLetterLogged,
    Delivered,
    Event,
    HeldUp,
    History,
    RecordChanged,
    RecordObserved,
    TaskSubmitted,
)
from taskguard.judging.grading import Grade, grade
from taskguard.judging.verdict import Outcome
from taskguard.support.typed import untyped

from tests.terms import our_terms
from tests.thoroughness import examples
from tests.unit.judging.batches import whole
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    SEED,
    START_MS,
    THIRD_TRY,
    changed,
    judge,
    missing,
    the,
)

BESIDES: list[Event] = [
    HeldUp(at_ms=START_MS, until_ms=START_MS + 10),
    ConsumersOff(at_ms=START_MS, until_ms=START_MS + 10, queue="work"),
]
"""What a run may have beside what it needs."""

GOOD = whole(FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD)
LINES = [json.dumps(untyped(event)) for event in History(GOOD)]
LONGER_LINES = [json.dumps(untyped(event)) for event in History([*GOOD, *BESIDES])]


def judged(folder: Path, lines: list[str]) -> Outcome | None:
    """How a file with these lines is judged; none if it is refused."""
    path = folder / "history.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    try:
        history = History.read(path)
    except HistoryError:
        return None
    return grade(history, EXPECTED).outcome


def test_what_is_edited_here_passes_as_it_is(tmp_path: Path) -> None:
    assert judged(tmp_path, LINES) is Outcome.PASS
    assert judged(tmp_path, LONGER_LINES) is Outcome.PASS


@pytest.mark.parametrize("index", range(len(LONGER_LINES)))
def test_no_event_may_be_there_twice(tmp_path: Path, index: int) -> None:
    doubled = [*LONGER_LINES[: index + 1], *LONGER_LINES[index:]]
    is_logged = '"DeadLetterLogged"' in LONGER_LINES[index]
    assert judged(tmp_path, doubled) is (Outcome.FAIL if is_logged else None)


@pytest.mark.parametrize("index", range(len(LINES)))
def test_no_event_may_be_lost(tmp_path: Path, index: int) -> None:
    assert judged(tmp_path, LINES[:index] + LINES[index + 1 :]) in (Outcome.FAIL, Outcome.UNKNOWN)


@pytest.mark.parametrize("index", range(len(LINES) - 1))
def test_no_two_neighbours_may_change_places(tmp_path: Path, index: int) -> None:
    one, other = LINES[index : index + 2]
    if json.loads(one)["at_ms"] != json.loads(other)["at_ms"]:
        assert judged(tmp_path, [*LINES[:index], other, one, *LINES[index + 2 :]]) is None


@settings(
    derandomize=True,
    deadline=None,
    max_examples=examples(40),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(kept=st.lists(st.integers(0, len(LINES) - 1), max_size=2 * len(LINES)))
def test_no_other_choice_or_order_of_the_lines_passes(tmp_path: Path, kept: list[int]) -> None:
    assume(kept != list(range(len(LINES))))
    assert judged(tmp_path, [LINES[index] for index in kept]) is not Outcome.PASS


Edit = Callable[[list[Event]], list[Event]]


def _earlier(kind: type[Event], by_ms: float = 5000.0) -> Edit:
    return lambda events: changed(events, the(events, kind), at_ms=the(events, kind).at_ms - by_ms)


def _with(kind: type[Event], **changes: Any) -> Edit:
    return lambda events: changed(events, the(events, kind), **changes)


def _outcome_of_change(events: list[Event]) -> list[Event]:
    return changed(events, the(events, RecordChanged, where=lambda e: e.outcome == "SUCCEEDED"), outcome="SUCCEEDEDx")


def _outcome_of_attempt(events: list[Event]) -> list[Event]:
    record = the(events, RecordObserved)
    return changed(events, record, attempts=(replace(record.attempts[0], outcome="SUCCEEDEDx"),))


def _created_before(events: list[Event]) -> list[Event]:
    record = the(events, RecordObserved)
    assert record.created_at_ms is not None
    return changed(events, record, created_at_ms=record.created_at_ms - 5000)


IMPOSSIBLE: dict[str, tuple[Edit, str]] = {
    "a delivery before its submission": (_earlier(Delivered), "it was submitted"),
    "a success before its delivery": (_earlier(AttemptSucceeded, 8.0 + 9.0), "before its delivery"),
    "a backoff asked for before its delivery": (_earlier(BackoffRequested, 4.0 + 5.5), "before its delivery"),
    "a backoff granted before it was asked for": (_with(BackoffRequested, answered_ms=START_MS), "before it began"),
    "an answer before the request": (_with(TaskSubmitted, answered_ms=START_MS - 6), "before it began"),
    "an acceptance by an answer that accepts none": (_with(TaskSubmitted, status_code=500), "which accepts none"),
    "a hold-up that ends before it begins": (
        lambda events: [*events, HeldUp(at_ms=START_MS + 10, until_ms=START_MS)],
        "before it began",
    ),
    "a dead letter logged before the death": (_earlier(DeadLetterLogged), "before it was one"),
    "a record created before its submission": (_created_before, "before it was submitted"),
    "an outcome of a change that is none": (_outcome_of_change, "with SUCCEEDEDx as the outcome"),
    "an outcome of an attempt that is none": (_outcome_of_attempt, "SUCCEEDEDx, expected SUCCEEDED"),
}


def _messages(found: Grade) -> list[str]:
    return [finding.message for verdict in found.verdicts for finding in verdict.findings]


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_cannot_be_does_not_pass(tmp_path: Path, name: str) -> None:
    edit, words = IMPOSSIBLE[name]
    events = History(edit(GOOD))
    assert judged(tmp_path, [json.dumps(untyped(event)) for event in events]) in (Outcome.FAIL, Outcome.UNKNOWN)
    assert any(words in message for message in _messages(grade(events, EXPECTED)))


ONLY_A_PIPELINE = {
    "a dead letter logged before the death": "dead_letter_log",
    "a record created before its submission": "record",
    "an outcome of a change that is none": "transitions",
    "an outcome of an attempt that is none": "record",
}
"""What a pipeline can bring about, and which check fails for it; all else is evidence that is wrong, and accuses nobody."""


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_only_what_a_pipeline_can_bring_about_fails(name: str) -> None:
    found = grade(History(IMPOSSIBLE[name][0](GOOD)), EXPECTED)
    failed = {verdict.check for verdict in found.verdicts if verdict.outcome is Outcome.FAIL}
    assert failed == ({ONLY_A_PIPELINE[name]} if name in ONLY_A_PIPELINE else set())
    if not failed:
        assert {verdict.outcome for verdict in found.verdicts} == {Outcome.UNKNOWN, Outcome.NOT_APPLICABLE}
        assert found.verdicts[0].findings[0].message.startswith("the evidence contradicts itself")


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_within_the_tolerance_of_the_clocks_nothing_is_impossible(name: str) -> None:
    if "none" not in name:
        found = grade(History(IMPOSSIBLE[name][0](GOOD)), our_terms(SEED, clock_ms=60_000))
        assert not any(IMPOSSIBLE[name][1] in message for message in _messages(found))


def test_a_death_that_may_have_come_before_excuses_its_log() -> None:
    events = _earlier(DeadLetterLogged)(GOOD)
    assert judge("dead_letter_log", events).outcome is Outcome.FAIL
    assert judge("dead_letter_log", [*events, missing("DeadLettered")]).outcome is Outcome.UNKNOWN


def test_a_record_that_tells_its_creation_to_the_second_is_believed() -> None:
    record = the(GOOD, RecordObserved)
    submitted = the(GOOD, TaskSubmitted, where=lambda event: event.task_id == record.task_id)
    events = changed(GOOD, submitted, at_ms=START_MS + 7)
    for created_ms, outcome in (
        (START_MS, Outcome.PASS),
        (START_MS - 1000, Outcome.FAIL),
        (START_MS + 1, Outcome.FAIL),
    ):
        assert judge("record", changed(events, record, created_at_ms=created_ms)).outcome is outcome, created_ms


def test_what_is_called_under_way_may_be_what_a_broken_attempt_is_called_at_the_end() -> None:
    died = the(GOOD, RecordChanged, where=lambda change: change.status == "DEAD_LETTER")
    assert judge("transitions", changed(GOOD, died, outcome="STARTED")).outcome is Outcome.PASS
    assert judge("transitions", changed(GOOD, died, outcome="STOPPED")).outcome is Outcome.FAIL


def test_a_submission_without_an_answer_counts_as_the_first_one() -> None:
    submitted = the(GOOD, TaskSubmitted)
    in_doubt = replace(submitted, accepted=False, status_code=0)
    again = replace(submitted, at_ms=submitted.at_ms + 200, answered_ms=submitted.at_ms + 210)
    found = grade(
        History([*changed(GOOD, submitted, at_ms=again.at_ms, answered_ms=again.answered_ms), in_doubt]), EXPECTED
    )
    assert not any("before it was submitted" in message for message in _messages(found))
