"""What a contract demands of a setting fails, what it advises is told and fails nothing, and what it leaves out is not judged."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from taskguard.contract.contract import Attempts, Settings, Weight
from taskguard.contract.terms import Terms
from taskguard.contract.waiting import Waiting
from taskguard.history import ConfigurationObserved, Event, Permission
from taskguard.judging.verdict import Outcome, Verdict

from tests.terms import demanding
from tests.unit.judging.building import CONFIGURATION, DEAD, EXPECTED, FIRST_TRY, changed, judge, run

EVENTS = run(FIRST_TRY, DEAD)
WORK, DEAD_QUEUE = CONFIGURATION.queues
WORKER, MONITOR = CONFIGURATION.consumers
WILD = Permission(holder="worker", actions=("sqs:*",), resources=("arn:aws:sqs:eu-central-1:0:work",))


def with_queue(**changes: Any) -> ConfigurationObserved:
    return replace(CONFIGURATION, queues=(replace(WORK, **changes), DEAD_QUEUE))


def with_worker(**changes: Any) -> ConfigurationObserved:
    return replace(CONFIGURATION, consumers=(replace(WORKER, **changes), MONITOR))


WRONG = {
    "partial_batches": with_worker(partial_batches=False),
    "encryption": with_queue(encrypted=False),
    "tls": with_queue(unencrypted_refused=False),
    "least_privilege": replace(CONFIGURATION, permissions=(*CONFIGURATION.permissions, WILD)),
    "visibility": with_queue(visibility_timeout_seconds=14.0),
    "retention": with_queue(retention_seconds=20.0),
}
UNREAD = {
    "partial_batches": with_worker(partial_batches=None),
    "encryption": replace(CONFIGURATION, store_encrypted=None),
    "least_privilege": replace(CONFIGURATION, permissions=()),
    "visibility": with_queue(visibility_timeout_seconds=None),
    "retention": with_queue(retention_seconds=None),
}


def weighing(setting: str, weight: Weight) -> Terms:
    """Our terms, with one setting of another weight."""
    contract = EXPECTED.contract
    settings = msgspec.structs.replace(contract.settings, **{setting: weight})
    return msgspec.structs.replace(EXPECTED, contract=msgspec.structs.replace(contract, settings=settings))


def of(observed: ConfigurationObserved, terms: Terms, events: list[Event] | None = None) -> Verdict:
    others = [event for event in events or EVENTS if event is not CONFIGURATION]
    return judge("configuration", [*others, observed], terms)


def test_every_setting_is_tried() -> None:
    assert list(WRONG) == list(Settings.__struct_fields__)


@pytest.mark.parametrize("setting", WRONG)
def test_a_setting_that_is_a_must_fails(setting: str) -> None:
    verdict = of(WRONG[setting], weighing(setting, Weight.MUST))
    assert (verdict.outcome, len(verdict.findings), verdict.figures["violations"]) == (Outcome.FAIL, 1, 1)


@pytest.mark.parametrize("setting", WRONG)
def test_a_setting_that_is_advised_is_told_and_fails_nothing(setting: str) -> None:
    must, advised = (of(WRONG[setting], weighing(setting, weight)) for weight in (Weight.MUST, Weight.ADVICE))
    assert (advised.outcome, advised.figures["violations"]) == (Outcome.PASS, 0)
    assert [finding.message for finding in advised.findings] == [f"advised otherwise: {must.findings[0].message}"]
    assert advised.findings[0].events == must.findings[0].events


@pytest.mark.parametrize("setting", WRONG)
def test_a_setting_that_is_off_is_not_looked_at(setting: str) -> None:
    for observed in (WRONG[setting], UNREAD.get(setting, CONFIGURATION)):
        verdict = of(observed, weighing(setting, Weight.OFF))
        assert (verdict.outcome, verdict.findings) == (Outcome.PASS, ())


@pytest.mark.parametrize("setting", UNREAD)
def test_a_setting_that_was_not_read_is_unknown_if_it_is_a_must_alone(setting: str) -> None:
    outcomes = [of(UNREAD[setting], weighing(setting, weight)).outcome for weight in Weight]
    assert outcomes == [Outcome.UNKNOWN, Outcome.PASS, Outcome.PASS]


def test_what_is_expected_names_what_must_be_and_nothing_else() -> None:
    assert of(CONFIGURATION, EXPECTED).expected == (
        "3 receives before death, hidden while worked on, consumers on with partial batches, encryption, "
        "retention above the waits, no wildcards"
    )
    bare = msgspec.structs.replace(EXPECTED, contract=demanding(settings=Settings(), attempts=Attempts()))
    assert of(CONFIGURATION, bare).expected == "consumers on"


def test_what_other_demands_need_is_a_must_whatever_the_settings_weigh() -> None:
    bare = msgspec.structs.replace(EXPECTED, contract=demanding(settings=Settings()))
    for observed in (
        with_queue(max_receives=0),
        with_worker(enabled=False),
        replace(CONFIGURATION, consumers=(WORKER,)),
    ):
        assert of(observed, bare).outcome is Outcome.FAIL


def test_a_dead_letter_queue_without_a_consumer_is_right_where_no_log_is_asked_for() -> None:
    unlogged = msgspec.structs.replace(EXPECTED, contract=demanding(dead_letter=type(EXPECTED.contract.dead_letter)()))
    observed = replace(CONFIGURATION, consumers=(WORKER,), dead_letter_consumer=False)
    assert of(observed, unlogged).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("receives", "outcome"), [(1, Outcome.FAIL), (2, Outcome.PASS), (3, Outcome.PASS), (4, Outcome.FAIL)]
)
def test_of_a_range_of_receives_any_will_do(receives: int, outcome: Outcome) -> None:
    contract = demanding(attempts=Attempts(most=(2, 3)), waiting=Waiting())
    verdict = of(with_queue(max_receives=receives), msgspec.structs.replace(EXPECTED, contract=contract))
    assert verdict.outcome is outcome
    if outcome is Outcome.FAIL:
        assert verdict.findings[0].message.endswith("expected 2 to 3")


def test_changing_nothing_keeps_the_verdict() -> None:
    assert of(CONFIGURATION, EXPECTED) == judge("configuration", changed(EVENTS, CONFIGURATION), EXPECTED)
