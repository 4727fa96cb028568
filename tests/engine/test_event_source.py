"""A message that nobody looks for does not hold the engine's clock; one that a mapping is about to take does."""

from __future__ import annotations

import time

import pytest
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.mapped import Map, mapped

__all__ = ["mapped"]


def test_a_message_in_a_queue_without_a_mapping_does_not_hold_the_clock(mapped: Map, endpoint: Endpoint) -> None:
    if endpoint.clock.scale == 1:
        pytest.skip("it is the machine's clock")
    off, hidden = mapped(), mapped(reserved=0, hidden_seconds=600, BatchSize=1)
    endpoint.functions().update_event_source_mapping(UUID=off.uuid, Enabled=False)
    wait_for(lambda: off.state() == "Disabled", seconds=20)
    off.send({"name": "nobody looks for it"})
    hidden.send({"name": "due again in ten minutes"})
    wait_for(lambda: hidden.holds("NotVisible"), seconds=20)
    began, real = endpoint.clock.now_ms(), time.monotonic()

    def gained_seconds() -> float:
        return (endpoint.clock.now_ms() - began) / 1000 - (time.monotonic() - real)

    # Held, it goes as the machine's does. How often nobody works, so that it runs, is up to the other tests.
    wait_for(lambda: gained_seconds() > 15, seconds=120)
