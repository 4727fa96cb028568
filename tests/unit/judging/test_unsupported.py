"""A fail is *unknown* where the engine did not make a resource that may be missed, and the rest is as it was."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from taskguard.history import BackoffRequested, ConfigurationObserved, Event, History, Unsupported
from taskguard.judging.grading import Grade, grade, grade_run
from taskguard.judging.verdict import Outcome
from taskguard.reports.engine import unsupported_note

from tests.unit.judging.batches import whole
from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, queue_settings, without
from tests.unit.judging.reporting import manifest_of

EVENTS = whole(FIRST_TRY, SECOND_TRY, DEAD)
WRONG = without(EVENTS, BackoffRequested)
PIPE = Unsupported(type="AWS::Pipes::Pipe", logical_id="Forwarder")
BOARD = Unsupported(type="AWS::CloudWatch::Dashboard", logical_id="Board")
SIX_RECEIVES = (queue_settings("work", 6), queue_settings("dead-letter"))
POLICY = Unsupported(type="AWS::IAM::RolePolicy", logical_id="Rights")


def judged(events: list[Event], *unsupported: Unsupported) -> Grade:
    return grade_run(History(events), manifest_of(unsupported=unsupported))


def test_what_fails_is_unknown_and_says_for_the_want_of_what() -> None:
    plain, open_ = grade(History(WRONG), EXPECTED), judged(WRONG, PIPE)
    failed = {each.check for each in plain.verdicts if each.outcome is Outcome.FAIL}
    assert failed
    for before, after in zip(plain.verdicts, open_.verdicts, strict=True):
        if before.check not in failed - {"configuration"}:
            assert after == before
            continue
        assert after.outcome is Outcome.UNKNOWN
        assert after.findings[0].message == (
            "the engine did not make Forwarder (AWS::Pipes::Pipe), which may be why, so this is not held against the service"
        )
        assert after.findings[1:] == before.findings
    assert open_.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("resource", [BOARD, POLICY], ids=["a dashboard", "permissions, which nobody is refused"])
def test_what_is_in_no_messages_way_excuses_nothing(resource: Unsupported) -> None:
    assert judged(WRONG, resource) == judged(WRONG)
    assert judged(WRONG, resource).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("AWS::Pipes::Pipe", Outcome.FAIL),
        ("AWS::IAM::RolePolicy", Outcome.UNKNOWN),
        ("Custom::QueueSettings", Outcome.UNKNOWN),
    ],
)
def test_settings_that_were_read_are_wrong_unless_something_may_set_them(kind: str, outcome: Outcome) -> None:
    wrong = [replace(each, queues=SIX_RECEIVES) if isinstance(each, ConfigurationObserved) else each for each in EVENTS]
    before = judged(wrong).verdicts
    found = judged(wrong, Unsupported(type=kind, logical_id="It")).verdicts
    assert [each.outcome for each in before if each.check == "configuration"] == [Outcome.FAIL]
    assert [each.outcome for each in found if each.check == "configuration"] == [outcome]


def test_what_passes_missed_nothing() -> None:
    assert judged(EVENTS, PIPE, BOARD) == judged(EVENTS)


def test_the_report_names_them_by_their_types() -> None:
    other = Unsupported(type="AWS::Pipes::Pipe", logical_id="Other")
    said = unsupported_note(manifest_of(unsupported=(PIPE, BOARD, other)))
    assert "AWS::Pipes::Pipe: Forwarder, Other; AWS::CloudWatch::Dashboard: Board" in said
    assert unsupported_note(manifest_of()) == ""
