"""A consumer that fails on each message that nobody stated is not accused; as soon as one succeeds, or the words were stated, it is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from taskguard.contract.dialect import IngressWords
from taskguard.history import AttemptSucceeded, Event, History
from taskguard.judging.grading import grade
from taskguard.judging.unstated import as_far_as_stated
from taskguard.judging.verdict import Outcome, Verdict

from tests.unit.judging.building import CONFIGURATION, DEAD, EXPECTED, SECOND_TRY, changed, run, without

UNSTATED = IngressWords()
FAILING = without(run(SECOND_TRY, DEAD), AttemptSucceeded)


def of_queue(events: list[Event], *, api: bool = False) -> list[Event]:
    return changed(events, CONFIGURATION, api=api)


def outcome(events: list[Event], words: IngressWords = UNSTATED) -> Outcome:
    terms = replace(EXPECTED, dialect=replace(EXPECTED.dialect, ingress=words))
    history = History(events)
    [verdict] = [each for each in grade(history, terms).verdicts if each.check == "settlement"]
    assert verdict.outcome is Outcome.FAIL
    return as_far_as_stated(verdict, terms, history).outcome


def test_what_fails_is_unknown_where_no_attempt_succeeded_on_words_of_our_own() -> None:
    assert outcome(of_queue(FAILING)) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (of_queue(FAILING, api=True), UNSTATED),
        (of_queue(FAILING), IngressWords(body='{"id": "${id}"}')),
        (of_queue(FAILING), IngressWords(headers={"tries": "1"})),
        (
            of_queue(
                [*FAILING, *[each for each in run(SECOND_TRY, SECOND_TRY) if isinstance(each, AttemptSucceeded)][1:]]
            ),
            UNSTATED,
        ),
    ],
    ids=["by an API", "a body was stated", "attributes were stated", "one succeeded"],
)
def test_it_fails_otherwise(events: list[Event], words: IngressWords) -> None:
    assert outcome(events, words) is Outcome.FAIL


@pytest.mark.parametrize(("check", "is_said"), [("settlement", True), ("partial_batches", False)])
def test_where_nothing_was_completed_it_is_said_that_the_message_may_be_another(check: str, *, is_said: bool) -> None:
    terms = replace(EXPECTED, dialect=replace(EXPECTED.dialect, ingress=UNSTATED))
    open_one = Verdict(check=check, outcome=Outcome.UNKNOWN, claim="", expected="", observed="")
    told = as_far_as_stated(open_one, terms, History(of_queue(FAILING)))
    assert told.outcome is Outcome.UNKNOWN
    assert ["State body in taskguard.toml" in each.message for each in told.findings] == [True] * is_said
