"""The stage of these tests: nobody else's, since what strikes a process strikes all messages that it was handed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from taskguard.service.ours import failure_parameters
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint
from taskguard.testing.plugin import asked

from tests.faults.batches import one_message_at_a_time


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, endpoint: Endpoint, deploy: Callable[..., Stack]) -> Stack:
    """A stage whose consumers have one message at a time; `pipeline` and `faults` are of this stage."""
    seed, rate = (asked(request.config, name) for name in ("failure-seed", "failure-rate"))
    found = deploy("struck", **failure_parameters(str(seed), float(rate)))
    one_message_at_a_time(endpoint, found)
    return found
