"""Dead tasks that are logged in plain text: facts are read by a template, and the template is learnt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.contract.dialect import Dialect, LogWords
from taskguard.contract.learning.deaths import Death
from taskguard.contract.learning.learnt import with_learnt
from taskguard.contract.learning.texts import words_of_texts
from taskguard.contract.log_text import facts_in
from taskguard.support.typed import Refused, typed, untyped

TEMPLATE = "gave up ${task_id} after ${attempts} tries: ${error} (${payload})"
JSON = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5), max_size=3)


@settings(deadline=None, derandomize=True)
@given(payload=JSON, attempts=st.integers(0, 99), error=st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_facts_are_read_as_they_were_written(payload: dict[str, Any], attempts: int, error: str) -> None:
    text = f"WARN gave up t-1 after {attempts} tries: {error} ({json.dumps(payload)})"
    assert facts_in(text, TEMPLATE) == {
        "text": TEMPLATE,
        "task_id": "t-1",
        "attempts": attempts,
        "error": error,
        "payload": payload,
    }


@pytest.mark.parametrize("error", ["it broke (really)", "it broke ({})"])
def test_an_error_may_have_the_words_that_follow_it(error: str) -> None:
    found = facts_in(f'gave up t-1 after 3 tries: {error} ({{"a)": ") (b"}})', TEMPLATE)
    assert found is not None
    assert (found["error"], found["payload"]) == (error, {"a)": ") (b"})


@pytest.mark.parametrize(
    "text", ["", "gave up t-1", "gave up t-1 after three tries: it broke ({})", "took t-1 after 3 tries: it broke ({})"]
)
def test_another_text_is_none(text: str) -> None:
    assert facts_in(text, TEMPLATE) is None


def test_at_the_end_of_a_text_an_error_is_all_that_follows() -> None:
    found = facts_in("lost t-1: no room\non the disk", "lost ${task_id}: ${error}")
    assert found is not None
    assert found["error"] == "no room\non the disk"


def test_a_text_names_its_own_fields_and_is_kept_as_it_is() -> None:
    words = LogWords(text=TEMPLATE)
    assert [words.name_of(name) for name in ("task_id", "payload", "created_at")] == ["task_id", "payload", None]
    assert typed(LogWords, untyped(words)) == words


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ({}, "by event and value, or by text"),
        ({"text": "it died"}, "has no ${task_id}"),
        ({"text": "${task_id} ${task}"}, 'there is no ${task}; did you mean "task_id"?'),
        ({"text": "${task_id}${error}"}, "something that tells them apart"),
        ({"text": "${task_id}", "task_id": "job"}, "task_id is of a record in JSON"),
        ({"text": "${task_id}", "event": "kind", "value": "lost"}, "event is of a record in JSON"),
    ],
)
def test_what_cannot_be_read_is_refused(stated: dict[str, str], why: str) -> None:
    with pytest.raises(Refused) as refused:
        typed(LogWords, stated)
    assert why in str(refused.value)


def death(number: int, *texts: str) -> Death:
    return Death(
        task_id=f"t-{number}",
        sent={"number": number},
        message_id=f"m-{number}",
        receives=3,
        own=3,
        created=(0, 1),
        failed=(0, 1),
        errors=(f"attempt 3 failed: broken pipe no {number}!",),
        records=(),
        texts=texts,
    )


def learnt_of(lines: Sequence[str], others: Sequence[str] = ()) -> str | None:
    deaths = [death(n, *(line.format(n=n) for line in lines)) for n in (1, 2, 15)]
    log = with_learnt(Dialect(), words_of_texts(deaths, others)).log
    return log.text if log is not None else None


def test_what_all_lines_of_the_dead_have_in_common_is_the_template() -> None:
    line = 'gave up t-{n} after 3 tries: broken pipe no {n}! ({{"number":  {n}}})'
    assert learnt_of([line]) == "gave up ${task_id} after ${attempts} tries: ${error} (${payload})"
    assert learnt_of(["t-{n} is lost (broken pipe no {n}); 3"]) == "${task_id} is lost (${error}); ${attempts}"
    # No attempt logged it so, and what is left may be a part of it.
    assert learnt_of(["gave up t-{n} after 3 tries: pipe {n} broke"]) is None
    assert learnt_of(["m-{n} is lost, task t-{n}"]) == "${message_id} is lost, task ${task_id}"


@pytest.mark.parametrize(
    ("lines", "others"),
    [
        (["t-{n}"], ()),
        (["lost t-{n} at last"], ["lost t-99 at last"]),
        (["lost t-{n} at last", "now gone is t-{n}"], ()),
        (["lost t-{n} at 2026-01-01T00:00:{n:02}Z"], ()),
        (["nobody is named"], ()),
    ],
)
def test_what_does_not_tell_or_is_not_one_is_not_learnt(lines: list[str], others: list[str]) -> None:
    assert learnt_of(lines, others) is None


@settings(deadline=None, derandomize=True)
@given(texts=st.lists(st.text() | JSON.map(json.dumps), max_size=4))
def test_any_texts_at_all_are_read_without_an_error(texts: list[str]) -> None:
    words_of_texts([death(1, *texts), death(2, *texts)], texts)
