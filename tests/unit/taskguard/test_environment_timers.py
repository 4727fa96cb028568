"""One thread for all timers: each goes off when it is due, whatever was set before it, unless it was cancelled."""

import threading

import pytest
from taskguard.engine.patches import environment_timers
from taskguard.engine.patches.environment_timers import Alarms, Timer

LONG_SECONDS = 3_600
DEADLINE_SECONDS = 10


def test_a_timer_goes_off_before_one_that_was_set_earlier_and_is_due_later() -> None:
    alarms, gone_off, too_early = Alarms(), threading.Event(), threading.Event()
    Timer(alarms, LONG_SECONDS, too_early.set).start()
    Timer(alarms, 0.01, gone_off.set).start()
    assert gone_off.wait(DEADLINE_SECONDS), "the second timer did not go off"
    assert not too_early.is_set()


def test_a_timer_that_was_cancelled_does_not_go_off() -> None:
    alarms, gone_off = Alarms(), threading.Event()
    told: list[str] = []
    cancelled = Timer(alarms, 0.01, lambda: told.append("cancelled"))
    cancelled.start()
    cancelled.cancel()
    Timer(alarms, 0.02, gone_off.set).start()
    assert gone_off.wait(DEADLINE_SECONDS), "the timer after it did not go off"
    assert told == []


def test_what_a_timer_does_keeps_no_other_waiting() -> None:
    alarms, may_end, gone_off = Alarms(), threading.Event(), threading.Event()
    Timer(alarms, 0, may_end.wait).start()
    Timer(alarms, 0.01, gone_off.set).start()
    assert gone_off.wait(DEADLINE_SECONDS), "the second timer waited for what the first one does"
    may_end.set()


def test_a_timer_for_which_no_thread_can_be_started_goes_off_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment_timers, "_AGAIN_SECONDS", 0.01)
    refused: list[str] = []

    class Refused(Timer):
        def go_off(self) -> None:
            if not refused:
                refused.append("once")
                raise RuntimeError("can't start new thread")
            super().go_off()

    gone_off = threading.Event()
    Refused(Alarms(), 0, gone_off.set).start()
    assert gone_off.wait(DEADLINE_SECONDS), "it was not tried again"
    assert refused
