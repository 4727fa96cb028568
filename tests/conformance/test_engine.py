"""What AWS documents of queues and event source mappings holds on the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from taskguard.conformance.behaviour import Outcome, Result
from taskguard.conformance.catalogue import ALL, chosen
from taskguard.conformance.running import try_all
from taskguard.targets.localstack import LocalStack

from tests.places import PLACES

CLOCK_SCALE = 60


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Result]]:
    """What came of the behaviours that this session asks for, all tried at once."""
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    asked = [each["behaviour"] for each in parameters if "behaviour" in each]
    engine = LocalStack(tmp_path_factory.mktemp("engine"), cache=PLACES.cache, recording=False, clock_scale=CLOCK_SCALE)
    with engine:
        yield {result.id: result for result in try_all(chosen(asked), engine.start())}


@pytest.mark.parametrize("behaviour", [each.id for each in ALL])
def test_the_engine_does_as_documented(results: Mapping[str, Result], behaviour: str) -> None:
    result = results[behaviour]
    assert result.outcome is Outcome.RIGHT, f"{result.outcome}: {result.seen}"
