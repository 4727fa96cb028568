"""How durations are told to people."""

from __future__ import annotations

import pytest
from taskguard.history.wording import long_time


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0 s"),
        (35.0, "35 s"),
        (3600.0, "1 hour"),
        (43_200.0, "12 hours"),
        (86_400.0, "1 day"),
        (1_209_600.0, "14 days"),
        (86_401.0, "86401 s"),
        (3600.5, "3600.5 s"),
    ],
)
def test_a_long_time_is_told_in_the_largest_unit_that_it_is_made_of(value: float, words: str) -> None:
    assert long_time(value) == words
