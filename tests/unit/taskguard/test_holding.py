"""What is held back is delivered once: when it is due, when it has been overtaken, or when its plan has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from taskguard.engine.clock.pacer import RealTimePacer
from taskguard.engine.faults import holding
from taskguard.engine.faults.holding import HeldBack, Rendezvous
from taskguard.support.waiting import wait_for

LONG = 1e6


class Told(list[str]):
    def of(self, name: str) -> Callable[[], None]:
        return lambda: self.append(name)


@pytest.fixture
def held() -> HeldBack:
    return HeldBack(RealTimePacer())


@pytest.fixture
def told() -> Told:
    return Told()


def test_each_is_delivered_when_it_is_due(held: HeldBack, told: Told) -> None:
    held.hold(told.of("late"), seconds=LONG, queue_arn="q", plan_id="p")
    held.hold(told.of("second"), seconds=0.05, queue_arn="q", plan_id="p")
    held.hold(told.of("first"), seconds=0.0, queue_arn="q", plan_id="p")
    wait_for(lambda: len(told) == 2, seconds=10)
    assert told == ["first", "second"]


def test_the_next_that_is_due_is_told_to_the_clock(held: HeldBack, told: Told) -> None:
    assert held.next_due() is None
    before = time.time()
    for seconds in (LONG, LONG / 2):
        held.hold(told.of("late"), seconds=seconds, queue_arn="q", plan_id="p")
    due = held.next_due()
    assert due is not None
    assert before + LONG / 2 <= due <= time.time() + LONG / 2


def test_only_a_later_batch_of_the_same_queue_overtakes(held: HeldBack, told: Told) -> None:
    earlier = time.monotonic()
    held.hold(told.of("it"), seconds=LONG, queue_arn="q", plan_id="p", to_be_overtaken=True)
    held.hold(told.of("late"), seconds=LONG, queue_arn="q", plan_id="p")
    held.overtake("q", earlier)
    held.overtake("another", time.monotonic())
    assert told == []
    held.overtake("q", time.monotonic())
    held.overtake("q", time.monotonic())
    assert told == ["it"]


def test_what_is_held_for_a_plan_goes_on_when_that_ends(held: HeldBack, told: Told) -> None:
    for plan in ("one", "two"):
        held.hold(told.of(plan), seconds=LONG, queue_arn="q", plan_id=plan)
    held.release("one")
    held.release("one")
    assert told == ["one"]


def test_two_that_share_messages_wait_for_each_other() -> None:
    meeting, order = Rendezvous(), list[str]()
    meeting.arrange("m")
    meeting.arrange("n")

    def first() -> None:
        meeting.meet(["m", "n"])
        order.append("went on")

    waiting = threading.Thread(target=first)
    waiting.start()
    order.append("the other is ready")
    meeting.meet(["n", "m", "others"])
    waiting.join(10)
    assert order == ["the other is ready", "went on"]
    # They have met: nobody waits for a third.
    meeting.meet(["m"])


def test_one_whose_partner_does_not_come_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "_MEET_WITHIN_SECONDS", 0.01)
    meeting = Rendezvous()
    meeting.arrange("m")
    meeting.meet(["m"])
    meeting.meet(["m"])
