"""What is told of words that were learnt: that a service mixes them up, and which line decides a doubt; no outcome changes by it."""

from __future__ import annotations

import pytest
from taskguard.contract.learning.learnt import Learnt
from taskguard.judging.learnt import with_words_in_doubt
from taskguard.judging.verdict import Outcome, Verdict

MIXED = Learnt(
    table="record",
    key="completed",
    candidates=("Done", "done"),
    evidence="in state tasks that succeeded ended as Done (2) and done (1), one word in several spellings",
    inconsistent=True,
)
DOUBTFUL = Learnt(table="log", key="error", candidates=("cause", "why"), evidence="two fields may be it")
CERTAIN = Learnt(table="log", key="payload", value="asked", evidence="it is there")


def verdict(check: str, outcome: Outcome) -> Verdict:
    return Verdict(check=check, outcome=outcome, claim="", expected="", observed="")


@pytest.mark.parametrize("outcome", Outcome)
def test_a_service_that_mixes_up_its_own_words_is_told_so_whatever_the_verdict(outcome: Outcome) -> None:
    told = with_words_in_doubt(verdict("record", outcome), [MIXED, CERTAIN])
    assert told.outcome is outcome
    assert [each.message for each in told.findings] == [
        "the service's own words differ: in state tasks that succeeded ended as Done (2) and done (1), one word in several spellings; "
        'completed = ["Done", "done"] below [record] in taskguard.toml says which is meant'
    ]


def test_what_is_in_doubt_is_told_where_a_verdict_hangs_on_it() -> None:
    told = with_words_in_doubt(verdict("dead_letter_log", Outcome.UNKNOWN), [DOUBTFUL, CERTAIN])
    assert [each.message for each in told.findings] == [
        "what error of [log] is could not be learnt: two fields may be it; "
        'error = "cause" or error = "why" below [log] in taskguard.toml says which is meant'
    ]


@pytest.mark.parametrize(
    ("check", "outcome"),
    [("dead_letter_log", Outcome.PASS), ("dead_letter_log", Outcome.NOT_APPLICABLE), ("backoff", Outcome.UNKNOWN)],
)
def test_nobody_is_bothered_with_a_doubt_on_which_nothing_hangs(check: str, outcome: Outcome) -> None:
    assert with_words_in_doubt(verdict(check, outcome), [DOUBTFUL]) == verdict(check, outcome)
