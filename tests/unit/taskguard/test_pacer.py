"""The engine's clock runs fast while messages wait, and only then."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from localstack.aws.chain import HandlerChain
from localstack.http import Response
from taskguard.engine.clock import pacer as pacing
from taskguard.engine.clock.pacer import Pacer
from taskguard.engine.recorder.flight_recorder import Caller
from taskguard.support.scaled_clock import SharedClock, create
from taskguard.support.waiting import wait_for

SCALE = 1e6


@pytest.fixture
def clock(tmp_path: Path) -> SharedClock:
    create(str(tmp_path / "clock"))
    return SharedClock(str(tmp_path / "clock"), writing=True)


@pytest.fixture
def pacer(clock: SharedClock) -> Iterator[Pacer]:
    pacer = Pacer(clock, SCALE)
    yield pacer
    pacer.close()


def reaches(clock: SharedClock, moment: float) -> None:
    wait_for(lambda: clock.now() >= moment, seconds=10)


def test_it_runs_fast_to_the_next_message_and_no_further(clock: SharedClock, pacer: Pacer) -> None:
    due = clock.now() + 3600
    pacer.next_due = lambda: due
    pacer.touch()
    reaches(clock, due)
    assert clock.now() < due + 60


def test_it_does_not_run_fast_when_no_message_waits(clock: SharedClock, pacer: Pacer) -> None:
    looked = threading.Event()

    def none_waits() -> None:
        looked.set()

    before = clock.now()
    pacer.next_due = none_waits
    pacer.touch()
    assert looked.wait(10)
    assert clock.now() < before + 60


def test_it_does_not_run_fast_while_anything_is_at_work(clock: SharedClock, pacer: Pacer) -> None:
    due, before = clock.now() + 3600, clock.now()
    with pacer.work():
        pacer.next_due = lambda: due
        with pacer.work():
            pass
        pacer.touch()
        assert pacer.seconds_until(due) == pytest.approx(3600, abs=60)
    assert clock.now() < before + 60
    reaches(clock, due)


def test_after_work_that_nobody_waits_for_it_runs_fast_at_once(
    clock: SharedClock, pacer: Pacer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "_LINGER_SECONDS", 0.0)
    due = clock.now() + 3600
    pacer.next_due = lambda: due
    pacer.touch()
    reaches(clock, due)
    # From here on somebody who waits is waited for longer than this test may take.
    monkeypatch.setattr(pacing, "_LINGER_SECONDS", 1e6)
    pacer._last_work -= 2e6
    later = clock.now() + 3600
    pacer.next_due = lambda: later
    with pacer.unheard(), pacer.work():
        pacer.touch()
    reaches(clock, later)


@pytest.mark.parametrize(
    ("operation", "service", "caller", "is_work"),
    [
        ("UpdateItem", "dynamodb", None, True),
        ("UpdateItem", "dynamodb", Caller("f", "e", is_answered=True), True),
        ("UpdateItem", "dynamodb", Caller("f", "e", is_answered=False), False),
        ("Publish", "sns", Caller("f", "e", is_answered=False), True),
        ("GetItem", "dynamodb", None, False),
        ("PutLogEvents", "logs", None, False),
    ],
)
def test_work_is_what_changes_something_and_is_not_of_a_function_that_is_at_work_anyway(
    operation: str, service: str, caller: Caller | None, is_work: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched = list[str]()
    monkeypatch.setattr(pacing, "pacer", lambda: SimpleNamespace(touch=lambda: touched.append(operation)))
    monkeypatch.setattr(pacing, "caller_of", lambda _: caller)
    context: Any = SimpleNamespace(
        operation=SimpleNamespace(name=operation), service=SimpleNamespace(service_name=service)
    )
    pacing.note_call(HandlerChain(), context, Response())
    assert touched == [operation] * is_work


def test_work_that_begins_slows_it_down_at_once_and_is_told(clock: SharedClock, pacer: Pacer) -> None:
    told = threading.Semaphore(0)
    pacer.tell = told.release
    pacer.next_due = lambda: clock.now() + 1e12
    pacer.touch()
    assert told.acquire(timeout=10)
    assert pacer.seconds_until(clock.now() + 1e6) < 10
    with pacer.work():
        assert told.acquire(timeout=10)
        assert pacer.seconds_until(clock.now() + 1e6) == pytest.approx(1e6, rel=1e-3)
