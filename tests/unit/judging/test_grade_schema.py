"""What is written as grade.json is what `docs/grade.schema.json` says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from taskguard.contract.terms import Terms
from taskguard.history import DeadLettered, DeadLetterLogged, Delivered, Event, History
from taskguard.judging.checks import CHECKS
from taskguard.judging.grading import grade
from taskguard.reports.as_json import as_json, as_text

from tests.places import PROJECT
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    THIRD_TRY,
    UNSEEDED,
    missing,
    run,
    without,
)

SCHEMA = json.loads((PROJECT / "docs" / "grade.schema.json").read_text(encoding="utf-8"))
EVENTS = run(FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD)


def written(events: list[Event], terms: Terms = EXPECTED) -> dict[str, Any]:
    history = History(events)
    document: dict[str, Any] = json.loads(as_text(as_json(grade(history, terms), history, terms, 60)))
    return document


def test_the_reason_of_an_unknown_check_is_why_it_is_unknown() -> None:
    without_its_end = without(EVENTS, DeadLettered)
    [told] = [each for each in written(without_its_end)["checks"] if each["check"] == "settlement"]
    assert (told["outcome"], "neither completed nor dead-lettered" in told["reason"]) == ("fail", True)
    [told] = [
        each for each in written([*without_its_end, missing("DeadLettered")])["checks"] if each["check"] == "settlement"
    ]
    assert (told["outcome"], told["reason"]) == ("unknown", "evidence missing from the recorder: a damaged line")
    assert any("neither completed nor dead-lettered" in each for each in told["findings"])


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("events", "terms"),
    [
        (EVENTS, EXPECTED),
        (EVENTS, UNSEEDED),
        (run(FIRST_TRY, DEAD, late_ms=5000), EXPECTED),
        (without(EVENTS, DeadLetterLogged), EXPECTED),
        ([*without(EVENTS, Delivered), missing("Delivered")], EXPECTED),
        ([], EXPECTED),
    ],
    ids=["right", "unseeded", "late", "not logged", "missing evidence", "empty"],
)
def test_a_grade_is_as_the_schema_says(events: list[Event], terms: Terms) -> None:
    document = written(events, terms)
    Draft202012Validator(SCHEMA).validate(document)
    assert list(document) == list(SCHEMA["properties"])
    assert [each["check"] for each in document["checks"]] == list(document["times"]["checks"]) == list(CHECKS)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("fates"),
        lambda document: document.update(more=1),
        lambda document: document.update(success=-1),
        lambda document: document["checks"][0].update(outcome="passed"),
        lambda document: document["fates"][0].update(end="lost"),
        lambda document: document["times"].pop("started_at"),
    ],
)
def test_the_schema_refuses_what_is_no_grade(spoil: Callable[[dict[str, Any]], object]) -> None:
    document = written(EVENTS)
    spoil(document)
    assert not Draft202012Validator(SCHEMA).is_valid(document)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("terms", [EXPECTED, UNSEEDED], ids=["seeded", "unseeded"])
@pytest.mark.parametrize("late_ms", [50.0, 3000.0], ids=["right", "late"])
def test_what_a_check_says_beside_its_findings_holds_no_measured_time(check: str, terms: Terms, late_ms: float) -> None:
    fates = (FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD, FIRST_TRY)
    one, other = (CHECKS[check](History(run(*fates, late_ms=late)), terms) for late in (late_ms, late_ms + 7.123))
    assert (one.outcome, one.expected, one.observed, one.figures) == (
        other.outcome,
        other.expected,
        other.observed,
        other.figures,
    )
