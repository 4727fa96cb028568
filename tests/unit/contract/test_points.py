"""A contract may say what each check is worth; it must know the checks, and nothing else has points."""

from __future__ import annotations

import pytest
from taskguard.contract.contract import Contract
from taskguard.contract.points import CHECK_NAMES
from taskguard.judging.checks import CHECKS
from taskguard.support.typed import Refused, typed_toml


def test_each_check_can_be_given_points() -> None:
    assert list(CHECKS) == list(CHECK_NAMES)


def test_a_check_is_worth_one_point_unless_the_contract_says_otherwise() -> None:
    contract = typed_toml(Contract, "[points]\nbackoff = 3\nrecord = 0")
    assert [contract.worth(check) for check in ("backoff", "record", "redrive")] == [3, 0, 1]
    assert "Points: backoff 3, record 0; each other check 1." in contract.in_words()
    assert not [words for words in Contract().in_words() if "oints" in words]


def test_what_is_only_advised_is_worth_nothing() -> None:
    contract = typed_toml(Contract, '[points]\nrefusals = 4\n[api]\nidempotent = "advice"\nrefuses_invalid = "must"')
    assert (contract.worth("idempotency"), contract.worth("refusals")) == (0, 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("backof = 3", r'points has no check "backof"; did you mean "backoff"\?'),
        ("backoff = -1", "points: expected a number .*found -1"),
        ('backoff = "much"', 'points: expected a number.*"much"'),
        ("backoff = inf", "points: expected a number"),
        ("backoff = nan", "points: expected a number"),
    ],
)
def test_points_are_read_strictly(text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        typed_toml(Contract, f"[points]\n{text}")
