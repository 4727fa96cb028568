"""A contract may say what each check is worth; it must know the checks, and nothing else has points."""

from __future__ import annotations

import pytest
from taskguard.contract.contract import Contract
from taskguard.contract.points import CHECK_NAMES
from taskguard.judging.checks import CHECKS
from taskguard.support.typed import Refused, typed, typed_toml, untyped


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


SETTINGS = '[settings]\nencryption = "must"\ntls = "advice"\n'


@pytest.mark.parametrize(
    "points", ["settings.encryption = 2", '"settings.encryption" = 2', "settings = { encryption = 2 }"]
)
def test_a_setting_can_have_points_of_its_own(points: str) -> None:
    contract = typed_toml(Contract, f"[points]\n{points}\nbackoff = 3\n{SETTINGS}")
    assert (contract.worth("settings.encryption"), contract.worth("configuration")) == (2, 1)
    assert contract.settings_with_points == {"settings.encryption": "queues and records are encrypted at rest"}
    said = "Points: backoff 3, settings.encryption 2; each other check 1; configuration is for all other settings."
    assert said in contract.in_words()
    assert typed(Contract, untyped(contract)) == contract, "as it is kept in a manifest"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("settings.encrypt = 2", r'points has no setting "settings.encrypt"; did you mean "settings.encryption"\?'),
        ("settings.tls = 2", r'settings.tls is worth 2, and \[settings\] tls is not "must"'),
        ("settings.retention = 2", r'\[settings\] retention is not "must": nothing could earn them'),
        ("settings.encryption = -1", "points.*expected a number"),
        ("api.idempotent = 1", "points.api is a table: give a number, or points to settings, as settings.tls = 2"),
    ],
)
def test_points_of_settings_are_read_strictly(text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        typed_toml(Contract, f"[points]\n{text}\n{SETTINGS}")


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
