"""A fault that was injected may excuse something, and never accuses anybody: what passed without it passes with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from taskguard.faults.kinds import KINDS
from taskguard.faults.plan import Fault, Phase
from taskguard.history import Delivered, Event, FaultInjected, History, TaskSubmitted
from taskguard.judging.grading import grade_run
from taskguard.judging.guarantees import GUARANTEES
from taskguard.judging.verdict import Outcome
from taskguard.reports.as_json import as_json, as_text

from tests.places import PROJECT
from tests.unit.guarantees.faulty import fault, judged
from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, START_MS, THIRD_TRY, run
from tests.unit.judging.reporting import manifest_of

EVENTS = run(FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD)
IDS = [event.task_id for event in EVENTS if isinstance(event, TaskSubmitted)]
DELIVERIES = [event.delivery_id for event in EVENTS if isinstance(event, Delivered)]


@st.composite
def faults(draw: st.DrawFn) -> FaultInjected:
    """Any fault that an engine may tell of."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    planned: dict[str, Any] = {"when": draw(st.sampled_from(Phase))} if KINDS[kind].two_phases else {}
    line = str(Fault(kind=kind, **planned))
    at_ms = START_MS + draw(st.floats(0, 60_000))
    return fault(
        line,
        at_ms,
        *draw(st.lists(st.sampled_from(IDS), unique=True)),
        until_ms=draw(st.none() | st.just(at_ms + 5000)),
        function=draw(st.sampled_from(["worker", "monitor", "submitTask", "work", "dead-letter", None])),
        receive_count=draw(st.none() | st.integers(1, 5)),
        delivery_id=draw(st.none() | st.sampled_from(DELIVERIES)),
    )


@given(st.lists(faults(), max_size=6), st.lists(st.sampled_from(EVENTS), max_size=4))
@settings(deadline=None)
def test_a_fault_never_makes_a_verdict_worse(injected: list[FaultInjected], lost: list[Event]) -> None:
    worse = {Outcome.PASS: 0, Outcome.UNKNOWN: 1, Outcome.FAIL: 2}
    events = [event for event in EVENTS if not any(event is each for each in lost)]
    for guarantee in GUARANTEES:
        before, after = judged(guarantee, events), judged(guarantee, [*events, *injected])
        assert worse[after.outcome] <= worse[before.outcome], after


@given(st.lists(faults(), max_size=6))
@settings(deadline=None)
def test_a_fault_is_in_the_history_of_each_task_that_it_struck_and_of_no_other(injected: list[FaultInjected]) -> None:
    history = History([*EVENTS, *injected])
    for task_id in history.task_ids:
        named = [each for each in injected if task_id in each.task_ids]
        assert [each for each in history.of_task(task_id) if isinstance(each, FaultInjected)] == sorted(
            named, key=lambda each: each.at_ms
        )


@pytest.mark.parametrize("lines", [("lose",), ("lose", "kill when=after")])
def test_the_grade_of_a_run_with_faults_is_as_its_schema_says(lines: tuple[str, ...]) -> None:
    history = History([*EVENTS, fault("lose", START_MS + 50, IDS[0])])
    graded = grade_run(history, manifest_of(faults=lines, fault_seed="f"))
    document = json.loads(as_text(as_json(graded, history, EXPECTED, 60)))
    schema = json.loads((PROJECT / "docs" / "grade.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(document)
    assert [each["check"] for each in document["checks"]] == list(GUARANTEES)
    assert document["outcome"] == ("pass" if len(lines) == 1 else "unknown")
