"""Which stages look like production: by their words, whatever stands between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskguard.errors import TargetError
from taskguard.operating.stage_names import PRODUCTION_WORDS, looks_like_production, refuse_production

words = st.sampled_from(sorted(PRODUCTION_WORDS))
separators = st.sampled_from(["-", "_", ".", " ", "/", "--", "2", "-7-"])
harmless = st.sampled_from(
    ["dev", "test", "eu", "qa", "staging", "product", "reproduce", "alive", "domain", "mainly", "42"]
)
letters = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=5)


@pytest.mark.parametrize(
    "stage",
    [
        "prod",
        "PROD",
        "Production",
        "my-prod-eu",
        "eu1prod",
        "prod2",
        "live",
        "prd",
        "main",
        "myProdEu",
        "pre-prod",
        "EUProd",
    ],
)
def test_these_look_like_production(stage: str) -> None:
    assert looks_like_production(stage)


@pytest.mark.parametrize(
    "stage",
    ["dev", "test", "product-test", "preproduct", "delivery", "alive", "maintenance", "Producer", "prodlike", ""],
)
def test_these_do_not(stage: str) -> None:
    assert not looks_like_production(stage)


@given(words, st.lists(harmless, max_size=3), st.lists(harmless, max_size=3), separators, st.booleans())
def test_a_word_of_production_counts_wherever_it_stands(
    word: str, before: list[str], after: list[str], separator: str, upper: bool
) -> None:
    assert looks_like_production(separator.join([*before, word.upper() if upper else word, *after]))


@given(words, st.lists(harmless, max_size=3), st.lists(harmless, max_size=3))
def test_a_word_of_production_counts_in_camel_case(word: str, before: list[str], after: list[str]) -> None:
    parts = [*before, word, *after]
    assert looks_like_production(parts[0] + "".join(part.capitalize() for part in parts[1:]))


@given(st.lists(harmless, min_size=1, max_size=5), separators)
def test_harmless_words_are_no_production_together(parts: list[str], separator: str) -> None:
    assert not looks_like_production(separator.join(parts))


@given(words, letters)
def test_a_longer_word_is_another_word(word: str, more: str) -> None:
    if word + more not in PRODUCTION_WORDS:
        assert not looks_like_production(word + more)


@given(st.text())
def test_any_text_gets_an_answer(stage: str) -> None:
    assert looks_like_production(stage) == looks_like_production(f"-{stage}-")


def test_production_is_refused_unless_it_is_allowed() -> None:
    refuse_production("test", allowed=False)
    refuse_production("prod", allowed=True)
    with pytest.raises(TargetError, match=r"stage prod: its name looks like production.*--allow-production"):
        refuse_production("prod", allowed=False)
