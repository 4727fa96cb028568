"""A fail is *unknown* where a function could not be loaded on another version than its runtime has, and the rest is as it was."""

from __future__ import annotations

import pytest
from taskguard.history import BackoffRequested, Event, History, InvocationFailed, StandIn
from taskguard.judging.grading import Grade, grade, grade_run
from taskguard.judging.verdict import Outcome
from taskguard.reports.engine import stand_in_note

from tests.unit.judging.batches import whole
from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, START_MS, without
from tests.unit.judging.failing import invocation_failed
from tests.unit.judging.reporting import manifest_of

WRONG = without(whole(FIRST_TRY, SECOND_TRY, DEAD), BackoffRequested)
STAND_IN = StandIn(runtime="python3.14", runs_on="Python 3.11.7", functions=("worker",))


def failed(
    error_type: str, message: str = "it said why", *, loaded: bool = False, function: str = "worker"
) -> InvocationFailed:
    return invocation_failed(
        at_ms=START_MS + 10, function=function, error_type=error_type, message=message, loaded=loaded, log_bytes=10
    )


def judged(events: list[Event], *stand_ins: StandIn) -> Grade:
    return grade_run(History(events), manifest_of(stand_ins=stand_ins))


@pytest.mark.parametrize(
    "failure",
    [
        failed("Runtime.UserCodeSyntaxError"),
        failed("Runtime.ImportModuleError"),
        failed("AttributeError"),
        failed("ModuleNotFoundError", loaded=True),
    ],
    ids=["a syntax error", "a module", "what a module lacks", "a module that is loaded late"],
)
def test_what_fails_where_something_cannot_be_loaded_is_unknown_and_says_why(failure: InvocationFailed) -> None:
    events = [*WRONG, failure]
    plain, open_ = grade(History(events), EXPECTED), judged(events, STAND_IN)
    fails = {each.check for each in plain.verdicts if each.outcome is Outcome.FAIL}
    assert fails
    assert open_.outcome is Outcome.UNKNOWN
    said = {each.findings[0].message for each in open_.verdicts if each.check in fails}
    assert said == {
        f"worker failed ({failure.error_type}: {failure.message}) on Python 3.11.7, which stands in for python3.14 and may lack what it "
        "needs, so this is not held against the service"
    }


@pytest.mark.parametrize(
    ("error_type", "message", "outcome"),
    [
        ("TypeError", "Object.groupBy is not a function", Outcome.UNKNOWN),
        ("TypeError", "Iterator.from is not a constructor", Outcome.UNKNOWN),
        ("TypeError", "zip() takes no keyword arguments", Outcome.UNKNOWN),
        ("TypeError", "Cannot read properties of undefined (reading 'taskId')", Outcome.FAIL),
        ("TypeError", "unsupported operand type(s) for +: 'int' and 'str'", Outcome.FAIL),
        ("ReferenceError", "WebSocket is not defined", Outcome.UNKNOWN),
        ("NameError", "name 'ExceptionGroup' is not defined", Outcome.UNKNOWN),
        ("AttributeError", "module 'itertools' has no attribute 'batched'", Outcome.UNKNOWN),
        ("AttributeError", "type object 'datetime.datetime' has no attribute 'UTC'", Outcome.UNKNOWN),
        ("AttributeError", "'str' object has no attribute 'removeprefix'", Outcome.UNKNOWN),
        ("AttributeError", "'NoneType' object has no attribute 'get'", Outcome.FAIL),
        ("Error", "work is not a function", Outcome.FAIL),
    ],
)
def test_what_another_version_may_have_is_looked_for_while_a_handler_works(
    error_type: str, message: str, outcome: Outcome
) -> None:
    assert judged([*WRONG, failed(error_type, message, loaded=True)], STAND_IN).outcome is outcome
    assert judged([*WRONG, failed(error_type, message, loaded=True)]).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("events", "stand_ins"),
    [
        ([*WRONG, failed("Runtime.UserCodeSyntaxError")], ()),
        ([*WRONG, failed("Runtime.UserCodeSyntaxError", function="other")], (STAND_IN,)),
        ([*WRONG, failed("ValueError", loaded=True)], (STAND_IN,)),
        ([*WRONG, failed("Sandbox.Timedout")], (STAND_IN,)),
        ([*WRONG, failed("RuntimeError")], (STAND_IN,)),
        (WRONG, (STAND_IN,)),
    ],
    ids=[
        "on its own version",
        "of another function",
        "while it works",
        "out of time",
        "raised by itself",
        "none at all",
    ],
)
def test_other_errors_are_the_services_own(events: list[Event], stand_ins: tuple[StandIn, ...]) -> None:
    assert judged(events, *stand_ins).outcome is Outcome.FAIL


def test_the_report_names_what_stood_in_for_what() -> None:
    said = stand_in_note(manifest_of(stand_ins=(STAND_IN,)))
    assert "Python 3.11.7 in place of python3.14 (worker)" in said
    assert stand_in_note(manifest_of()) == ""
