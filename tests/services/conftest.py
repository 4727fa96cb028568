"""The engine on which services are graded, one for each process of pytest."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from taskguard.testing.plugin import asked

from tests.places import STATE
from tests.services.engines import Engines


@pytest.fixture(scope="session")
def engines(request: pytest.FixtureRequest) -> Iterator[Engines]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    with Engines(STATE / "services" / f"engines-{worker}", float(asked(request.config, "clock-scale"))) as engines:
        yield engines
