"""Order: tests that mostly wait are started first, each in a process of its own, so that the others fill the time."""

from itertools import chain, zip_longest

import pytest


@pytest.hookimpl(trylast=True)  # after tests have been deselected, or two long ones may end up side by side
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # pytest-xdist hands out tests in pairs: a long one must not be paired with another.
    long = [item for item in items if item.get_closest_marker("long")]
    short = [item for item in items if not item.get_closest_marker("long")]
    pairs = zip_longest(long, short[: len(long)])
    items[:] = [item for item in chain.from_iterable(pairs) if item is not None] + short[len(long) :]
