"""A contract comes back from its file as it was, and a mistake in one is named with its file, its place and what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.contract.contract import Contract, Weight
from taskguard.contract.files import built_in, contract_named, names_of_built_in, read_contract
from taskguard.contract.terms import Terms
from taskguard.contract.waiting import Waiting
from taskguard.errors import ConfigurationError
from taskguard.support.typed import Refused, typed, typed_toml, untyped

from tests.terms import our_terms
from tests.thoroughness import examples
from tests.unit.contract.writing import CONTRACTS, as_toml

KEYS = {table: list(untyped(built_in("taskguard"))[table]) for table in untyped(built_in("taskguard"))}


@given(contract=CONTRACTS)
@settings(max_examples=examples(200), deadline=None)
def test_a_contract_comes_back_as_it_was(contract: Contract) -> None:
    assert typed_toml(Contract, as_toml(untyped(contract))) == contract
    assert typed(Contract, untyped(contract)) == contract


@given(contract=CONTRACTS)
@settings(max_examples=examples(100), deadline=None)
def test_every_contract_can_be_told_in_words(contract: Contract) -> None:
    sentences = list(contract.in_words())
    assert len(sentences) >= 4
    assert all(sentence.endswith(".") for sentence in sentences)
    told = "\n".join(sentence for sentence in sentences if sentence.startswith("Settings"))
    for name, weight in msgspec.structs.asdict(contract.settings).items():
        assert (name in told) == (weight is not Weight.OFF)


def test_what_becomes_of_another_payload_is_told_where_something_is_asked_of_it() -> None:
    asked = '[api]\nother_payload = "kept-apart"\n'
    told = "Another payload under the id of a task: it is a task of its own."
    assert told in typed_toml(Contract, f'{asked}idempotent = "must"').in_words()
    assert told not in typed_toml(Contract, asked).in_words()
    assert told not in typed_toml(Contract, '[api]\nidempotent = "must"').in_words()


@given(place=st.sampled_from([(table, key) for table, keys in KEYS.items() for key in keys]), data=st.data())
@settings(max_examples=examples(200), deadline=None)
def test_a_misspelt_key_is_named_with_its_table_and_the_nearest_there_is(place: tuple[str, str], data: Any) -> None:
    table, key = place
    index = data.draw(st.integers(0, len(key) - 1))
    wrong = data.draw(st.sampled_from([key[:index] + key[index + 1 :], key[:index] + "x" + key[index:], key.upper()]))
    if wrong in KEYS[table] or not wrong or len(key) < 4:
        return
    with pytest.raises(Refused) as refused:
        typed(Contract, {table: {wrong: 1}})
    assert str(refused.value).startswith(f'{table}: unknown key "{wrong}"; ')
    assert key in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[atempts]\nmost = 3", 'unknown key "atempts"; did you mean "attempts"? docs/contract.md has'),
        (
            "colour = 1",
            'unknown key "colour"; there are attempts, waiting, failures, dead_letter, payload, settings, api',
        ),
        ('[attempts]\nmost = "3"', '[attempts] most: expected an integer or a list of 2 or "as-deployed", found "3"'),
        ("[attempts]\nmost = true", "found true"),
        ("[attempts]\nmost = 0", "attempts: most is 1 or more"),
        ("[attempts]\nmost = [3, 2]", "a range of such from low to high, not [3, 2]. docs"),
        ("[attempts]\nmost = [1, 2, 3]", "[attempts] most: expected an integer or a list of 2"),
        ("[waiting]\nschedule = [1, 'x']", '[waiting] schedule[1]: expected a number, found "x"'),
        ("[waiting]\nschedule = [1]\ngrows = 2", "waiting: schedule and grows contradict one another; give one"),
        ("[waiting]\nschedule = []", "a schedule has one wait or more"),
        ("[waiting]\nconstant = -1", "a wait is from 0 to 1209600 s, not -1 s"),
        ("[waiting]\nschedule = [5, 1e9]", "a wait is from 0 to 1209600 s, not 1e+09 s"),
        ("[waiting]\nfirst = nan", "a wait is from 0 to 1209600 s, not nan s"),
        ("[waiting]\ngrows = inf", "waits grow by a factor of 1 to 1000, not inf"),
        ("[waiting]\ngrows = 0.5", "waits grow by a factor of 1 to 1000, not 0.5"),
        ("[waiting]\nlast = 'fre'", '[waiting] last: expected "owed" or "free", found "fre"'),
        ("[attempts]\nmost = 3\n[waiting]\nschedule = [1, 2]", "the schedule has 2 waits for 3 attempts: give 3"),
        ("[failures]\nper = 'task'", "failures: Object missing required field rate"),
        ("[failures]\nrate = 2", "failures: rate is a probability, 0 to 1, not 2.0"),
        ("[dead_letter]\nlog = ['eror']", 'log has no field "eror"; did you mean "error"?'),
        ("[settings]\ntls = 'shall'", '[settings] tls: expected "must" or "advice" or "off", found "shall"'),
        ("settings = 3", "settings: expected a table, found 3"),
        ("[attempts", "it is no TOML: "),
    ],
)
def test_a_mistake_is_named_with_its_file_and_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "assignment.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        read_contract(path)
    assert str(raised.value).startswith(f"Reading the contract {path}: ")
    assert words in str(raised.value)


def test_the_last_attempt_may_owe_no_wait_of_the_schedule() -> None:
    contract = typed_toml(Contract, "[attempts]\nmost = 3\n[waiting]\nschedule = [1, 2]\nlast = 'free'")
    assert contract.waits == (1, 2)


def test_the_built_in_contracts_are_found_by_name_and_others_by_path(tmp_path: Path) -> None:
    assert names_of_built_in() == ["as-deployed", "taskguard"]
    assert contract_named("taskguard") == built_in("taskguard")
    (tmp_path / "own.toml").write_text("[attempts]\nmost = [2, 3]\n")
    assert contract_named("own.toml", tmp_path).attempts.range == (2, 3)
    with pytest.raises(ConfigurationError, match="it is not built in"):
        contract_named("task-guard", tmp_path)
    with pytest.raises(KeyError):
        built_in("task-guard")


def test_a_file_that_is_no_text_or_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        read_contract(tmp_path / "bytes.toml")
    with pytest.raises(ConfigurationError, match=r"Reading the contract .*directory"):
        read_contract(tmp_path)


def test_our_contract_is_what_it_always_was() -> None:
    ours = built_in("taskguard")
    assert (ours.attempts.most, ours.waits) == (3, (5, 10, 20))
    assert ours.waiting.owes(3, 3)
    assert ours.failures is not None
    assert (ours.failures.rate, ours.failures.per) == (0.3, "attempt")
    assert ours.dead_letter.log == ("task_id", "payload", "attempts", "error", "created_at", "failed_at")
    weights = [*msgspec.structs.astuple(ours.settings), *msgspec.structs.astuple(ours.api)]
    assert set(weights) == {Weight.MUST, "refused"}


def test_as_deployed_demands_nothing_but_what_the_stack_says() -> None:
    contract = built_in("as-deployed")
    assert (contract.attempts.most, contract.waiting.constant) == ("as-deployed", "as-deployed")
    bare = Contract(attempts=contract.attempts, waiting=contract.waiting)
    assert untyped(contract) == untyped(msgspec.structs.replace(bare, settings=contract.settings, api=contract.api))
    for asked in (contract.settings, contract.api):
        assert set(msgspec.structs.asdict(asked).values()) <= {Weight.OFF, Weight.ADVICE, "refused"}


@pytest.mark.parametrize(("wait", "told"), [(43_200.0, False), (43_201.0, True)])
def test_a_wait_beyond_what_sqs_hides_a_message_for_is_said_to_be_one(wait: float, told: bool) -> None:
    sentences = Contract(waiting=Waiting(schedule=(5.0, wait))).in_words()
    assert any(each.startswith("SQS hides a message for 43200 s at most") for each in sentences) is told


def test_terms_say_no_draw_where_none_is_known() -> None:
    assert our_terms("a seed").drawn_to_fail("t", 1) in (True, False)
    assert our_terms().drawn_to_fail("t", 1) is None
    by_task = typed(Terms, untyped(our_terms("a seed")) | {"contract": {"failures": {"rate": 0.3, "per": "task"}}})
    assert (by_task.seed, by_task.rate, by_task.drawn_to_fail("t", 1)) == (None, 0.3, None)
