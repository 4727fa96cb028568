"""What looks through a function's environments goes on when one is added, or taken away."""

from __future__ import annotations

from taskguard.engine.patches.environments_in_use import LookedThrough


def test_one_may_be_added_or_taken_away_while_they_are_looked_through() -> None:
    environments = LookedThrough({"one": 1, "other": 2})
    seen = []
    for each in environments.values():
        environments["new"] = 3
        environments.pop("one", None)
        seen.append(each)
    assert seen == [1, 2]
    assert environments == {"other": 2, "new": 3}
