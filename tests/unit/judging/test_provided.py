"""Who fails for want of what the engine's account does not have is not accused, and is told what to say."""

from __future__ import annotations

import pytest
from taskguard.history import AttemptSucceeded, DeadLettered, History, NotInAccount
from taskguard.judging.grading import grade_run
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.reports.engine import account_note

from tests.unit.judging.building import (
    CONFIGURATION,
    FIRST_TRY,
    SECOND_TRY,
    altered,
    changed,
    missing,
    run,
    the,
    without,
)
from tests.unit.judging.reporting import manifest_of

EVENTS = run(FIRST_TRY, SECOND_TRY)
LOST = without(EVENTS, the(EVENTS, AttemptSucceeded), DeadLettered)
ASKED = (
    NotInAccount(at_ms=the(EVENTS, AttemptSucceeded).at_ms, function="work", service="ssm", name="/shop/tax"),
    NotInAccount(at_ms=the(EVENTS, AttemptSucceeded).at_ms, function="work", service="secretsmanager", name="db"),
)


def verdict(check: str, *events: object) -> Verdict:
    graded = grade_run(History(events), manifest_of())  # type: ignore[arg-type]
    [found] = [each for each in graded.verdicts if each.check == check]
    return found


def test_a_fail_is_left_open_and_the_lines_are_told() -> None:
    assert verdict("settlement", *LOST).outcome is Outcome.FAIL
    found = verdict("settlement", *LOST, *ASKED)
    assert found.outcome is Outcome.UNKNOWN
    assert found.findings[0].message == (
        "work asked for /shop/tax, db, which the engine's account does not have (say what it has in taskguard.toml, below [service]: "
        'ssm = { "/shop/tax" = "…" } and secrets = { "db" = "…" }), so this is not held against the service'
    )


def test_what_is_unknown_is_told_why() -> None:
    unsure = [*EVENTS, missing("Delivered", "AttemptFailed")]
    assert verdict("backoff", *unsure, *ASKED).findings[1:] == verdict("backoff", *unsure).findings


def test_the_report_begins_with_it() -> None:
    assert account_note(History(EVENTS)) == ""
    assert account_note(History([*EVENTS, *ASKED])).startswith("Warning: work asked for /shop/tax, db, which")


def test_a_pass_stays_one() -> None:
    assert verdict("settlement", *EVENTS, *ASKED) == verdict("settlement", *EVENTS)


@pytest.mark.parametrize("asked", [(), ASKED])
def test_what_is_deployed_wrong_is_wrong_all_the_same(asked: tuple[NotInAccount, ...]) -> None:
    [work, dead] = CONFIGURATION.queues
    events = changed(EVENTS, CONFIGURATION, queues=(altered(work, encrypted=False), dead))
    assert verdict("configuration", *events, *asked).outcome is Outcome.FAIL
