"""What fails only because functions ran out of time is *unknown* where the machine had more to do than it can."""

from __future__ import annotations

from typing import Any

import pytest
from taskguard.history import Event, HeldUp
from taskguard.judging.overload import MOST_LOAD
from taskguard.judging.verdict import Outcome, Verdict

from tests.unit.judging.failing import DIED, EVENTS, RETRIED, failures_of, judged, no_backoff

BUSY = {
    "error_type": "Sandbox.Timedout",
    "loaded": True,
    "message": "Task timed out after 15.00 seconds",
    "load": MOST_LOAD,
}


def late(*task_ids: str | None, **changes: Any) -> list[Event]:
    return failures_of(EVENTS, *task_ids, **(BUSY | changes))


def test_it_is_not_held_against_the_service_and_says_why() -> None:
    graded = judged([*no_backoff(RETRIED), *late(RETRIED)])
    assert graded.outcome is Outcome.UNKNOWN
    [backoff] = [each for each in graded.verdicts if each.check == "backoff"]
    assert backoff.findings[0].message == (
        "work ran out of time in 1 invocation (Task timed out after 15.00 seconds) while the machine had more to do than it can, so this is "
        "not held against the service; run again when it has less to do"
    )
    assert backoff.findings[1].task_id == RETRIED
    assert graded.causes == ()


def test_so_it_is_where_the_engine_was_held_up() -> None:
    ended_late = late(RETRIED, load=0.0)
    at_ms = ended_late[0].at_ms
    events = [*no_backoff(RETRIED), *ended_late, HeldUp(at_ms=at_ms - 4, until_ms=at_ms - 2)]
    assert judged(events).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "failures",
    [
        late(RETRIED, load=MOST_LOAD - 1),
        late(RETRIED, error_type="Runtime.ExitError"),
        late(RETRIED, log_bytes=50_000_000),
        late(DIED),
    ],
    ids=["the machine had time", "it crashed", "it flooded its log", "another task ran out of time"],
)
def test_it_is_where_the_machine_is_not_the_reason(failures: list[Event]) -> None:
    assert judged([*no_backoff(RETRIED), *failures]).outcome is Outcome.FAIL


def test_a_check_that_finds_something_of_another_task_still_fails() -> None:
    graded = judged([*no_backoff(RETRIED, DIED), *late(RETRIED)])
    assert [each.check for each in graded.verdicts if each.outcome is Outcome.FAIL] == ["backoff", "record"]


def test_a_pass_stays_one() -> None:
    assert judged([*EVENTS, *late(RETRIED)]).outcome is Outcome.PASS


def test_what_a_part_of_a_check_lost_by_it_is_open_and_what_another_has_is_not() -> None:
    parts = {"size": Outcome.FAIL, "title": Outcome.PASS}
    failed = Verdict(check="it", outcome=Outcome.FAIL, claim="", expected="", observed="", proven=1, parts=parts)
    assert failed.left_open().parts == {"size": Outcome.UNKNOWN, "title": Outcome.PASS}
    assert failed.left_open(wholly=True).parts == dict.fromkeys(parts, Outcome.UNKNOWN)
