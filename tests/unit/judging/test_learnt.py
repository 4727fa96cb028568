"""What is told of words that were learnt: that a service mixes them up, and which line decides a doubt; no outcome changes by it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from taskguard.contract.contract import Contract, DeadLetter
from taskguard.contract.dialect import Dialect, LogWords
from taskguard.contract.learning.learnt import Learnt
from taskguard.contract.terms import Terms
from taskguard.history import DeadLettered, Event, EvidenceMissing, History
from taskguard.judging.learnt import with_words_in_doubt
from taskguard.judging.verdict import Outcome, Verdict

from tests.unit.judging.building import DEAD, FIRST_TRY, run

MIXED = Learnt(
    table="record",
    key="completed",
    candidates=("Done", "done"),
    evidence="in state tasks that succeeded ended as Done (2) and done (1), one word in several spellings",
    inconsistent=True,
)
DOUBTFUL = Learnt(table="log", key="error", candidates=("cause", "why"), evidence="two fields may be it")
CERTAIN = Learnt(table="log", key="payload", value="asked", evidence="it is there")


TERMS = Terms(contract=Contract(dead_letter=DeadLetter(log=("task_id",))), dialect=Dialect())
STORY = run(DEAD, FIRST_TRY)


def told_of(
    verdict: Verdict, learnt: Sequence[Learnt], terms: Terms = TERMS, story: Sequence[Event] = STORY
) -> Verdict:
    return with_words_in_doubt(verdict, learnt, History(story), terms)


def verdict(check: str, outcome: Outcome) -> Verdict:
    return Verdict(check=check, outcome=outcome, claim="", expected="", observed="")


@pytest.mark.parametrize("outcome", Outcome)
def test_a_service_that_mixes_up_its_own_words_is_told_so_whatever_the_verdict(outcome: Outcome) -> None:
    told = told_of(verdict("record", outcome), [MIXED, CERTAIN])
    assert told.outcome is outcome
    assert [each.message for each in told.findings] == [
        "the service's own words differ: in state tasks that succeeded ended as Done (2) and done (1), one word in several spellings; "
        'completed = ["Done", "done"] below [record] in taskguard.toml says which is meant'
    ]


def test_what_is_in_doubt_is_told_where_a_verdict_hangs_on_it() -> None:
    told = told_of(verdict("dead_letter_log", Outcome.UNKNOWN), [DOUBTFUL, CERTAIN])
    assert [each.message for each in told.findings] == [
        "what error of [log] is could not be learnt: two fields may be it; "
        'error = "cause" or error = "why" below [log] in taskguard.toml says which is meant'
    ]


@pytest.mark.parametrize(
    ("check", "outcome"),
    [("dead_letter_log", Outcome.PASS), ("dead_letter_log", Outcome.NOT_APPLICABLE), ("backoff", Outcome.UNKNOWN)],
)
def test_nobody_is_bothered_with_a_doubt_on_which_nothing_hangs(check: str, outcome: Outcome) -> None:
    assert told_of(verdict(check, outcome), [DOUBTFUL]) == verdict(check, outcome)


def silence() -> Learnt:
    [dead] = {event.task_id for event in History(STORY).of_kind(DeadLettered)}
    return Learnt(table="log", key="event", evidence="nothing names it", untold=(str(dead),))


def test_a_death_that_no_log_names_in_any_words_was_not_logged() -> None:
    told = told_of(verdict("dead_letter_log", Outcome.UNKNOWN), [silence()])
    assert told.outcome is Outcome.FAIL
    [finding] = told.findings
    assert "nothing that was logged afterwards names it, in whatever words" in finding.message


def test_nobody_is_accused_of_silence_whose_words_are_stated_whose_log_was_not_read_or_need_not_name_tasks() -> None:
    unread = EvidenceMissing(at_ms=1, source="CloudWatch Logs", what="the logs", affects=("DeadLetterLogged",))
    asked = verdict("dead_letter_log", Outcome.UNKNOWN)
    stated = replace(TERMS, dialect=Dialect(log=LogWords(text="lost ${task_id}")))
    nameless = replace(TERMS, contract=Contract(dead_letter=DeadLetter(log=("error",))))
    for terms, story in ((stated, STORY), (nameless, STORY), (TERMS, [*STORY, unread])):
        assert told_of(asked, [silence()], terms, story).outcome is Outcome.UNKNOWN
    assert told_of(verdict("dead_letter_log", Outcome.NOT_APPLICABLE), [silence()]).outcome is Outcome.NOT_APPLICABLE


UNLIKE = Learnt(
    table="record",
    key="completed",
    candidates=("LOST", "SENT"),
    evidence="in state tasks that succeeded ended as LOST (2) and SENT (9); as LOST none that succeeded at once",
    unlike=("t-1", "t-2"),
)


@pytest.mark.parametrize(
    ("check", "outcome", "expected"),
    [
        ("settlement", Outcome.PASS, Outcome.UNKNOWN),
        ("settlement", Outcome.FAIL, Outcome.FAIL),
        ("effect", Outcome.PASS, Outcome.PASS),
    ],
)
def test_tasks_that_may_have_been_given_up_in_their_records_leave_settlement_open(
    check: str, outcome: Outcome, expected: Outcome
) -> None:
    told = told_of(verdict(check, outcome), [UNLIKE])
    assert told.outcome is expected
    if expected is Outcome.UNKNOWN:
        assert told.findings[0].task_id == "t-1"
        assert told.findings[0].message.startswith(
            "2 tasks that had failed were acknowledged later, and in state tasks that"
        )
        assert "completed = […] and dead = […] below [record] in taskguard.toml" in told.findings[0].message
