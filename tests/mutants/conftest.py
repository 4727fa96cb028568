"""The trials of variants, once a session; and the row that each test leaves for the table."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from taskguard.testing.shared_engine import SharedEngine

from tests.mutants.trials import Trials
from tests.mutants.variants import Variant


@pytest.fixture(scope="session")
def trials(request: pytest.FixtureRequest, shared_engine: SharedEngine) -> Iterator[Trials]:
    """All selected variants, begun."""
    endpoint = shared_engine.endpoint()
    if endpoint.recording is None:
        pytest.skip("what a variant really does is seen by the flight recorder, which --target localstack has")
    with Trials(endpoint, shared_engine.folder / "mutants") as trials:
        if "PYTEST_XDIST_WORKER" not in os.environ:
            trials.begin(_selected(request.session.items))
        yield trials


def _selected(items: list[pytest.Item]) -> list[Variant]:
    given = (getattr(item, "callspec", None) for item in items)
    found = (callspec.params.get("variant") for callspec in given if callspec is not None)
    return list(dict.fromkeys(each for each in found if isinstance(each, Variant)))
