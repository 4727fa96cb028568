"""While callers wait for functions' answers, messages are received together."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest
from taskguard.engine.events import callers, event_source
from taskguard.engine.events.event_source import QueuePoller


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Any:
    """One with a message, which a poller would wait beside for longer than any test takes."""
    monkeypatch.setattr(event_source, "_GATHERS_SECONDS", 600)
    return SimpleNamespace(visible=SimpleNamespace(queue=["first"]))


def _gathering(queue: Any) -> threading.Thread:
    poller = cast(QueuePoller, SimpleNamespace(_batch=SimpleNamespace(most=3)))
    thread = threading.Thread(target=QueuePoller._gather, args=(poller, queue), daemon=True)
    thread.start()
    return thread


def test_they_come_together_until_the_batch_is_full(queue: Any) -> None:
    with callers.waiting():
        gathering = _gathering(queue)
        queue.visible.queue.append("second")
        assert gathering.is_alive()
        queue.visible.queue.append("third")
        gathering.join(20)
    assert not gathering.is_alive()


def test_they_come_together_until_nobody_waits(queue: Any) -> None:
    with callers.waiting():
        gathering = _gathering(queue)
        assert gathering.is_alive()
    gathering.join(20)
    assert not gathering.is_alive()


def test_they_come_together_for_a_moment_at_most(queue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_source, "_GATHERS_SECONDS", 0.1)
    with callers.waiting():
        gathering = _gathering(queue)
        gathering.join(20)
        assert not gathering.is_alive()


def test_a_mapping_is_no_caller() -> None:
    with callers.for_a_mapping(), callers.waiting():
        assert not callers.wait()
    with callers.waiting(), callers.waiting():
        assert callers.wait()
    assert not callers.wait()
