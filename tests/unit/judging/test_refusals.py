"""What is no task is refused with a 4xx, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from taskguard.contract.contract import Api, Weight
from taskguard.contract.dialect import IngressWords
from taskguard.contract.terms import Terms
from taskguard.history import Called, Delivered, Event, InvalidSubmitted, RecordObserved
from taskguard.ingress.invalid import TOO_LARGE
from taskguard.judging.verdict import Outcome, Verdict

from tests.terms import demanding
from tests.unit.judging.building import EXPECTED, FIRST_TRY, judge, missing, probed, run, the
from tests.unit.judging.calling import call

EVENTS = probed(run(FIRST_TRY))
REQUEST = the(EVENTS, InvalidSubmitted)
WHAT = "a request was no task, since its body is no JSON: it got "


def refusals(events: list[Event], terms: Terms = EXPECTED) -> Verdict:
    return judge("refusals", events, terms)


def answered(status: int) -> list[Event]:
    return [replace(event, status_code=status) if event is REQUEST else event for event in EVENTS]


def weighing(weight: str) -> Terms:
    return msgspec.structs.replace(EXPECTED, contract=demanding(api=Api(refuses_invalid=Weight(weight))))


@pytest.mark.parametrize("status", [400, 404, 405, 413, 415, 422])
def test_a_4xx_that_leaves_nothing_passes(status: int) -> None:
    verdict = refusals(answered(status))
    assert (verdict.outcome, verdict.findings) == (Outcome.PASS, ())
    assert verdict.observed == "1 invalid request: 1 refused, 0 not"


@pytest.mark.parametrize("status", [200, 202, 302, 500, 502])
def test_an_acceptance_and_a_server_s_error_fail(status: int) -> None:
    verdict = refusals(answered(status))
    assert verdict.outcome is Outcome.FAIL
    assert [each.message for each in verdict.findings] == [f"{WHAT}HTTP {status}, expected a 4xx"]


@pytest.mark.parametrize(("status", "said"), [(0, "no answer"), (429, "HTTP 429")])
def test_no_answer_and_too_many_requests_are_unknown(status: int, said: str) -> None:
    verdict = refusals(answered(status))
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.findings[0].message == f"{WHAT}{said}"


def delivered() -> Event:
    return replace(the(EVENTS, Delivered), task_id=REQUEST.task_id, message_id="m", at_ms=REQUEST.at_ms + 20)


def stored(status: str | None) -> Event:
    return replace(the(EVENTS, RecordObserved), task_id=REQUEST.task_id, status=status)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (call(REQUEST.task_id, "r"), "worker called dynamodb.PutItem on results"),
        (delivered(), "it was delivered to a consumer"),
        (stored("PENDING"), "there is a record of it"),
        (stored(""), "there is a record of it"),
    ],
    ids=["a call", "a delivery", "a record", "a record without a status"],
)
def test_what_is_refused_and_left_something_fails(left: Event, said: str) -> None:
    verdict = refusals([*EVENTS, left])
    assert verdict.outcome is Outcome.FAIL
    assert verdict.findings[0].message == f"{WHAT}HTTP 400, and {said}"


@pytest.mark.parametrize(
    "left",
    [
        call(REQUEST.task_id, "r", status=400, error="ConditionalCheckFailedException"),
        call("another", "r"),
        stored(None),
    ],
    ids=["a call in vain", "another's call", "no record"],
)
def test_what_had_no_effect_is_nothing_left(left: Event) -> None:
    assert refusals([*EVENTS, left]).outcome is Outcome.PASS


def test_what_is_larger_than_its_queue_takes_may_be_taken_if_something_is_done_for_it() -> None:
    large = replace(REQUEST, what=TOO_LARGE, status_code=202)
    taken = [large if event is REQUEST else event for event in EVENTS]
    for done in (call(REQUEST.task_id, "r"), delivered(), stored("PENDING")):
        verdict = refusals([*taken, done])
        assert (verdict.outcome, verdict.observed) == (Outcome.PASS, "1 invalid request: 0 refused, 1 not")
    what = f"a request was no task, since {TOO_LARGE}: it got HTTP 202, and nothing of it was sent, stored or worked on"
    lost = refusals([*taken, call("another", "r")])
    assert (lost.outcome, [each.message for each in lost.findings]) == (Outcome.FAIL, [what])
    unseen = refusals([event for event in taken if not isinstance(event, Called)])
    assert (unseen.outcome, [each.message for each in unseen.findings]) == (
        Outcome.UNKNOWN,
        [f"{what}, as far as was seen"],
    )
    ids_of_its_own = msgspec.structs.replace(
        EXPECTED, dialect=msgspec.structs.replace(EXPECTED.dialect, ingress=IngressWords(id="answer"))
    )
    assert refusals(taken, ids_of_its_own).outcome is Outcome.PASS


def test_a_run_that_sent_none_is_unknown_and_says_how_to_exercise_it() -> None:
    verdict = refusals(run(FIRST_TRY))
    assert (verdict.outcome, verdict.exercised) == (Outcome.UNKNOWN, False)
    assert verdict.findings[0].message.startswith("not exercised: 0 invalid requests")
    assert refusals([*EVENTS, missing("InvalidSubmitted")]).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("weight", "outcome", "told"),
    [("must", Outcome.FAIL, 1), ("advice", Outcome.PASS, 1), ("off", Outcome.NOT_APPLICABLE, 0)],
)
def test_it_counts_as_the_contract_has_it(weight: str, outcome: Outcome, told: int) -> None:
    verdict: Any = refusals(answered(202), weighing(weight))
    assert (verdict.outcome, len(verdict.findings)) == (outcome, told)
