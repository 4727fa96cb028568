"""The cause is told first and once, by evidence alone; and each report folds below it the checks that fail only because of it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace
from rich.console import Console
from taskguard.history import (
    BackoffRequested,
    Delivered,
    Event,
    FaultInjected,
    HeldUp,
    History,
    InvocationFailed,
    InvocationsCounted,
    TaskSubmitted,
)
from taskguard.judging.causes import Cause, causes_of
from taskguard.judging.grading import Grade, grade
from taskguard.judging.verdict import Outcome
from taskguard.reports.as_json import as_json, as_text
from taskguard.reports.as_junit import as_junit
from taskguard.reports.console import print_grade
from taskguard.reports.html.page import page_of
from taskguard.reports.html.rendering import render

from tests.places import PROJECT
from tests.unit.judging.batches import whole
from tests.unit.judging.building import EXPECTED, SECOND_TRY, missing, without
from tests.unit.judging.failing import AT_ONCE, BOOM, DIED, EVENTS, RETRIED, failures_of, judged, no_backoff
from tests.unit.judging.reporting import manifest_of


def the_cause(events: list[Event]) -> Cause:
    [cause] = judged(events).causes
    return cause


CRASHED = [*no_backoff(RETRIED), *failures_of(EVENTS, RETRIED)]


def test_a_check_whose_findings_are_all_of_tasks_that_were_struck_stands_below_the_cause() -> None:
    graded = judged(CRASHED)
    assert [each.check for each in graded.verdicts if each.outcome is Outcome.FAIL] == ["backoff", "record"]
    [cause] = graded.causes
    assert cause.checks == ("backoff", "record")
    assert (cause.invocations, cause.first_task, cause.tasks) == (1, RETRIED, 1)
    assert cause.in_words == (
        f"work could not be loaded in 1 of its 7 invocations, the first with task {RETRIED}: "
        "Runtime.ImportModuleError: Unable to import module 'work': boom at import"
    )


def test_a_check_that_finds_something_of_another_task_stands_by_itself() -> None:
    events = [*no_backoff(RETRIED, DIED), *failures_of(EVENTS, RETRIED)]
    assert all("backoff" not in cause.checks for cause in judged(events).causes)


def test_a_run_that_passes_has_no_cause() -> None:
    graded = judged([*EVENTS, *failures_of(EVENTS, RETRIED)])
    assert graded.outcome is Outcome.PASS
    assert graded.causes == ()


def test_what_is_said_of_no_task_in_particular_has_no_cause() -> None:
    events = [*EVENTS, *failures_of(EVENTS, RETRIED, DIED), missing("BackoffRequested")]
    graded = judged(events)
    assert graded.outcome is Outcome.UNKNOWN
    assert graded.causes == ()


def test_evidence_that_is_missing_of_tasks_that_were_struck_has_the_cause() -> None:
    events = [*EVENTS, *failures_of(EVENTS, RETRIED), replace(missing("BackoffRequested"), task_ids=(RETRIED,))]
    assert the_cause(events).checks == tuple(
        each.check for each in judged(events).verdicts if each.outcome is Outcome.UNKNOWN
    )


def test_an_api_that_takes_no_task_in_is_the_cause_of_all_that_speaks_of_tasks() -> None:
    refused = [replace(event, accepted=False, status_code=502) for event in EVENTS if isinstance(event, TaskSubmitted)]
    kept = [event for event in EVENTS if getattr(event, "task_id", None) is None]
    found = [
        replace(failures_of(EVENTS, RETRIED)[0], function="submit", task_ids=(event.task_id,)) for event in refused
    ]
    graded = judged([*kept, *refused, *found])
    [cause] = graded.causes
    assert (cause.function, cause.invocations, cause.of) == ("submit", 5, None)
    assert "settlement" in cause.checks
    [one_was_answered] = [judged([*kept, *refused, *found[2:]]).causes]
    assert one_was_answered == ()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({}, "could not be loaded"),
        ({"error_type": "SyntaxError"}, "could not be loaded"),
        ({"error_type": "Sandbox.Timedout", "loaded": True}, "ran out of time"),
        ({"error_type": "Sandbox.Timedout"}, "ran out of time while it was loaded"),
        ({"error_type": "Runtime.ExitError", "message": "signal: killed", "loaded": True}, "was ended by a signal"),
        ({"error_type": "Runtime.ExitError", "message": "exit status 3", "loaded": True}, "exited"),
        (
            {"error_type": "Sandbox.Timedout", "loaded": True, "log_bytes": 104_900_000},
            "ran out of time with up to 104 MB in its log",
        ),
    ],
)
def test_how_a_function_ended_is_said_in_words(changes: dict[str, Any], what: str) -> None:
    assert the_cause([*no_backoff(RETRIED), *failures_of(EVENTS, RETRIED, **changes)]).what == what


def test_floods_of_all_sizes_are_one_cause() -> None:
    late = failures_of(EVENTS, RETRIED, DIED, error_type="Sandbox.Timedout", loaded=True)
    sized = [
        replace(each, log_bytes=number * 20_000_000) if isinstance(each, InvocationFailed) else each
        for number, each in enumerate(late)
    ]
    cause = the_cause([*no_backoff(RETRIED, DIED), *sized])
    assert (cause.invocations, cause.what) == (4, "ran out of time with up to 60 MB in its log")


def test_an_error_of_the_handlers_own_may_be_a_simulated_failure() -> None:
    raised = failures_of(EVENTS, RETRIED, error_type="RuntimeError", loaded=True)
    assert judged([*no_backoff(RETRIED), *raised]).causes == ()


@pytest.mark.parametrize(("counted", "is_told"), [(12, True), (13, False)])
def test_an_error_that_a_handler_raises_each_time_is_a_cause(counted: int, is_told: bool) -> None:
    events = whole(*[SECOND_TRY] * 12)
    ids = [event.task_id for event in events if isinstance(event, TaskSubmitted)]
    raised = [
        replace(each, invocations=counted) if isinstance(each, InvocationsCounted) else each
        for each in failures_of(events, *ids, error_type="KeyError", message="'taskId'", loaded=True)
    ]
    assert bool(judged([*without(events, BackoffRequested), *raised]).causes) == is_told


def fault(failure: Event, **changes: Any) -> FaultInjected:
    injected = FaultInjected(
        at_ms=failure.at_ms - 3,
        until_ms=None,
        kind="kill",
        when=None,
        fault="kill",
        function="work",
        call=None,
        number=None,
        task_ids=(),
        receive_count=None,
    )
    return replace(injected, **changes)


def test_what_was_broken_on_purpose_is_no_cause() -> None:
    failure = CRASHED[-2]
    assert isinstance(failure, InvocationFailed)
    for struck in (
        fault(failure, delivery_id=failure.delivery_id, task_ids=failure.task_ids),
        fault(failure),
        fault(failure, until_ms=failure.at_ms),
    ):
        assert causes_with(struck) == ()
    # What it struck, or when, was another invocation.
    assert causes_with(fault(failure, delivery_id="another", task_ids=(AT_ONCE,)))
    assert causes_with(fault(failure, until_ms=failure.at_ms - 100, at_ms=failure.at_ms - 200))


def causes_with(struck: FaultInjected) -> tuple[Cause, ...]:
    """Of the run that crashed, judged by the checks of one without faults."""
    history = History([*CRASHED, struck])
    return causes_of(history, EXPECTED, grade(history, EXPECTED).verdicts)


@pytest.mark.parametrize(
    ("held_up_ms", "log_bytes", "is_told"),
    [
        (2, 100, False),
        (1, 100, True),
        # A flood is what held it up.
        (2, 50_000_000, True),
    ],
)
def test_a_timeout_while_the_engine_was_held_up_is_no_cause(held_up_ms: float, log_bytes: int, is_told: bool) -> None:
    late = failures_of(EVENTS, RETRIED, error_type="Sandbox.Timedout", loaded=True, log_bytes=log_bytes)
    held_up = HeldUp(at_ms=late[0].at_ms - 4, until_ms=late[0].at_ms - 4 + held_up_ms)
    assert bool(judged([*no_backoff(RETRIED), *late, held_up]).causes) == is_told


def test_a_history_that_contradicts_itself_has_no_cause() -> None:
    delivered = next(event for event in EVENTS if isinstance(event, Delivered) and event.task_id == RETRIED)
    graded = judged([*without(CRASHED, delivered), replace(delivered, at_ms=delivered.at_ms - 5000)])
    assert graded.outcome is Outcome.UNKNOWN
    assert graded.causes == ()


def test_the_commonest_cause_comes_first_and_each_check_stands_below_one() -> None:
    events = [
        *no_backoff(RETRIED, DIED),
        *failures_of(EVENTS, RETRIED, DIED),
        *failures_of(EVENTS, RETRIED, DIED, function="bury", task_ids=(RETRIED, DIED))[:2],
    ]
    assert [cause.function for cause in judged(events).causes] == ["work"]


def test_of_two_that_struck_the_same_tasks_the_one_seen_first_comes_first_however_often_the_other_failed() -> None:
    buried = failures_of(EVENTS, RETRIED, DIED, function="bury")[:-1]
    later = [replace(each, at_ms=each.at_ms + 60_000 * n) for n in (1, 2, 3) for each in buried]
    events = [*no_backoff(RETRIED, DIED), *failures_of(EVENTS, RETRIED, DIED), *later]
    assert [cause.function for cause in judged(events).causes] == ["work"]


def printed(graded: Grade, history: History, *, verbose: bool = False) -> str:
    file = io.StringIO()
    print_grade(Console(file=file, width=10_000), graded, history, verbose=verbose)
    return file.getvalue()


def test_the_console_says_the_cause_first_and_once() -> None:
    graded, history = judged(CRASHED), History(CRASHED)
    first, line, *_ = printed(graded, history).splitlines()
    assert first == f"Most likely cause: {graded.causes[0].in_words}"
    assert line.strip() == BOOM
    assert printed(graded, history).count(BOOM) == 1
    assert "2 checks do not pass because of this: backoff, record; -v and the report tell" in printed(graded, history)
    [backoff] = (verdict for verdict in graded.verdicts if verdict.check == "backoff")
    assert backoff.claim not in printed(graded, history)
    assert backoff.claim in printed(graded, history, verbose=True)


def test_junit_has_the_cause_in_each_case_that_it_explains() -> None:
    failures = list(as_junit(judged(CRASHED), History(CRASHED), "localstack").iter("failure"))
    assert len(failures) == 2
    for failure in failures:
        assert failure.get("message", "").startswith("most likely cause: work could not be loaded")
        assert BOOM in str(failure.text)


def test_json_has_the_causes_as_its_schema_says() -> None:
    history, manifest = History(CRASHED), manifest_of()
    document = json.loads(as_text(as_json(judged(CRASHED), history, manifest.terms)))
    schema = json.loads((PROJECT / "docs" / "grade.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(document)
    [cause] = document["causes"]
    assert (cause["function"], cause["checks"], cause["lines"]) == ("work", ["backoff", "record"], [BOOM])


def test_the_page_has_the_cause_on_top_and_folds_what_it_explains() -> None:
    history = History(CRASHED)
    page = render(page_of(judged(CRASHED), history, manifest_of()))
    assert page.index('id="causes"') < page.index('id="verdicts"')
    assert "boom at import" in page
    [folded] = [line for line in page.splitlines() if 'id="check-backoff"' in line]
    assert not folded.endswith(" open>")
    assert 'id="causes"' not in render(page_of(judged(EVENTS), History(EVENTS), manifest_of()))


def test_a_run_with_its_failures_is_read_as_it_was_written(tmp_path: Path) -> None:
    history = History(CRASHED)
    history.write(tmp_path / "history.jsonl")
    assert History.read(tmp_path / "history.jsonl") == history
