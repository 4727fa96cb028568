"""Nobody is accused for words that nobody stated, and numbers are JSON's unless the contract asks for more."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from taskguard.contract.contract import Contract, Payload
from taskguard.contract.dialect import TASKGUARD, Dialect, IngressWords, MessageWords
from taskguard.contract.files import built_in
from taskguard.contract.terms import Terms
from taskguard.history import AttemptSucceeded, Delivered, Event, History, TaskSubmitted
from taskguard.judging.grading import grade
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.support.json_values import same_json

from tests.unit.judging.building import DEAD, FIRST_TRY, run, the

EVENTS = run(FIRST_TRY, DEAD)
STATED = Terms(contract=built_in("as-deployed"), dialect=Dialect(message=MessageWords(id="taskId", payload="payload")))
UNSTATED = Terms(contract=built_in("as-deployed"), dialect=Dialect())


def settlement(events: list[Event], terms: Terms) -> Verdict:
    return next(each for each in grade(History(events), terms).verdicts if each.check == "settlement")


def delivered_otherwise(**changes: Any) -> list[Event]:
    """The run, in which the first task's message says something else."""
    task_id = the(EVENTS, AttemptSucceeded).task_id
    return [
        replace(event, **changes)
        if isinstance(event, (Delivered, AttemptSucceeded))
        and event.task_id == task_id
        and all(hasattr(event, name) for name in changes)
        else event
        for event in EVENTS
    ]


@pytest.mark.parametrize("terms", [STATED, UNSTATED])
def test_a_run_passes_whether_or_not_the_words_are_stated(terms: Terms) -> None:
    assert settlement(EVENTS, terms).outcome is Outcome.PASS


@pytest.mark.parametrize("task_id", [None, "an id of their own"])
def test_a_task_that_is_seen_in_no_message_may_be_in_one_whose_id_is_called_otherwise(task_id: str | None) -> None:
    events = delivered_otherwise(task_id=task_id)
    assert settlement(events, STATED).outcome is Outcome.FAIL
    verdict = settlement(events, UNSTATED)
    assert verdict.outcome is Outcome.UNKNOWN
    assert any("as id below [message]" in finding.message for finding in verdict.findings)


def test_a_payload_that_is_not_in_the_message_is_not_compared() -> None:
    events = delivered_otherwise(payload=None)
    assert settlement(events, STATED).outcome is Outcome.FAIL
    assert settlement(events, UNSTATED).outcome is Outcome.PASS


def test_another_payload_is_unknown_where_nobody_stated_its_field() -> None:
    events = delivered_otherwise(payload={"another": 1})
    assert settlement(events, STATED).outcome is Outcome.FAIL
    verdict = settlement(events, UNSTATED)
    assert verdict.outcome is Outcome.UNKNOWN
    assert any("as payload below [message]" in finding.message for finding in verdict.findings)


def test_where_requests_hold_no_payload_any_is_the_one_that_was_submitted() -> None:
    dialect = msgspec.structs.replace(STATED.dialect, ingress=IngressWords(body='{"id": "${id}"}'))
    terms = msgspec.structs.replace(STATED, dialect=dialect)
    assert settlement(delivered_otherwise(payload={"another": 1}), terms).outcome is Outcome.PASS


def test_a_text_may_have_been_read_as_what_it_says() -> None:
    terms = Terms(contract=Contract(), dialect=Dialect(ingress=IngressWords(body='{"id": "${id}", "x": "${text}"}')))
    assert terms.is_submitted('{"a": 1}', {"a": 1})
    assert not terms.is_submitted('{"a": 1}', {"a": 2})
    assert not terms.is_submitted("no json", {"a": 2})
    assert not terms.is_submitted('{"a": 1}', "other")


@pytest.mark.parametrize(("numbers", "outcome"), [("json", Outcome.PASS), ("exact", Outcome.FAIL)])
def test_numbers_are_those_of_json_unless_the_contract_asks_for_more(numbers: Any, outcome: Outcome) -> None:
    task_id = the(EVENTS, AttemptSucceeded).task_id
    events = [
        replace(each, payload={"ratio": 1.0 if isinstance(each, TaskSubmitted) else 1})
        if isinstance(each, (TaskSubmitted, Delivered)) and each.task_id == task_id
        else each
        for each in EVENTS
    ]
    contract = msgspec.structs.replace(STATED.contract, payload=Payload(numbers=numbers))
    assert settlement(events, msgspec.structs.replace(STATED, contract=contract)).outcome is outcome


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ({"a": [1, 2.0]}, {"a": [1.0, 2]}, True),
        (12345678901234567890, 12345678901234567000, True),
        (0, -0.0, True),
        (1, True, False),
        (0.1, 0.2, False),
        ("1", 1, False),
        ([1], [1, 1], False),
        (10**400, 10**400, True),
    ],
)
def test_numbers_in_double_precision(left: Any, right: Any, same: bool) -> None:
    assert same_json(left, right, exact=False) is same


def test_our_contract_asks_for_exact_numbers_and_our_words_are_stated() -> None:
    assert built_in("taskguard").payload.numbers == "exact"
    assert built_in("as-deployed").payload.numbers == "json"
    assert None not in (TASKGUARD.message.id, TASKGUARD.message.payload)
    assert TASKGUARD.ingress.accepted == (202,)
