"""While callers wait for functions' answers, messages come together before they are received."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from taskguard.engine.events import gathering


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Any:
    """One with a message, which others are waited for longer than any test takes."""
    monkeypatch.setattr(gathering, "_GATHERING_SECONDS", 600)
    return SimpleNamespace(visible=SimpleNamespace(queue=["first"]))


def _gathering(queue: Any) -> threading.Thread:
    thread = threading.Thread(target=gathering.let_gather, args=(queue, 3), daemon=True)
    thread.start()
    return thread


def test_they_come_together_until_the_batch_is_full(queue: Any) -> None:
    with gathering.waiting():
        thread = _gathering(queue)
        queue.visible.queue.append("second")
        assert thread.is_alive()
        queue.visible.queue.append("third")
        thread.join(20)
        assert not thread.is_alive()


def test_they_come_together_until_nobody_waits(queue: Any) -> None:
    with gathering.waiting(), gathering.waiting():
        thread = _gathering(queue)
        assert thread.is_alive()
    thread.join(20)
    assert not thread.is_alive()


def test_they_come_together_for_a_moment_at_most(queue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_GATHERING_SECONDS", 0.1)
    with gathering.waiting():
        thread = _gathering(queue)
        thread.join(20)
        assert not thread.is_alive()


def test_nothing_is_waited_for_where_only_a_mapping_invokes_a_function(queue: Any) -> None:
    with gathering.for_a_mapping(), gathering.waiting():
        thread = _gathering(queue)
        thread.join(20)
        assert not thread.is_alive()
