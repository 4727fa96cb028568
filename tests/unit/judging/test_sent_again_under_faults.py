"""What is judged of a consumer that retries by a new message, where a message comes back though it was replaced, or a fault of the run's struck."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from taskguard.history import AttemptFailed, AttemptSucceeded, Delivered, Event, FaultInjected, History
from taskguard.judging.grading import grade
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import holds, judge, the
from tests.unit.judging.resending import RIGHT, SPOKEN_OF, life_of, run, terms, whose


def struck(delivered: Delivered, kind: str, when: str, at_ms: float) -> FaultInjected:
    """A fault of the run's own that struck this delivery at that moment."""
    return FaultInjected(
        at_ms=at_ms,
        until_ms=None,
        kind=kind,
        when=when,
        fault=kind,
        function="work",
        call=None,
        number=None,
        task_ids=(delivered.task_id or "",),
        receive_count=delivered.receive_count,
        delivery_id=delivered.delivery_id,
    )


def come_back() -> list[Event]:
    """The first message of a task that was sent again comes back, too."""
    first = the(RIGHT, Delivered, where=lambda event: event.task_id == "once")
    back = replace(first, at_ms=first.at_ms + 60_000, receive_count=2, delivery_id="back")
    done = AttemptSucceeded(at_ms=back.at_ms + 5, **{**whose("once", 1), "receive_count": 2, "delivery_id": "back"})
    return [back, done]


def test_what_the_run_itself_made_to_fail_the_consumer_did_not_count() -> None:
    """The first receive of the second message is withheld, and comes back by the queue's own visibility timeout."""
    events = run(life_of("t", [4.0, 8.0], dies=True))
    second = the(events, Delivered, where=lambda event: event.message_id == "t-2")
    withheld = {**whose("t", 2), "delivery_id": "withheld"}
    back = Delivered(at_ms=second.at_ms - 40, payload=second.payload, **withheld)
    later = [replace(each, receive_count=2) if getattr(each, "message_id", "") == "t-2" else each for each in events]
    later += [
        back,
        AttemptFailed(at_ms=second.at_ms - 30, reason="injected", **withheld),
        struck(back, "fail", "before", back.at_ms),
    ]
    assert holds(judge("redrive", later, terms()))


def test_one_that_comes_back_though_it_was_sent_again_is_in_several_messages_and_nobody_is_accused() -> None:
    for check in ("backoff", "redrive", "settlement", "effect"):
        verdict = judge(check, [*RIGHT, *come_back()], terms())
        assert verdict.outcome is Outcome.UNKNOWN
        assert "task once was sent in several messages" in verdict.findings[0].message


@pytest.mark.parametrize(("kind", "is_left_out"), [("kill", True), ("fail", False)])
def test_one_that_the_run_itself_broke_off_when_it_had_been_sent_again_is_left_out(
    kind: str, is_left_out: bool
) -> None:
    delivered = the(RIGHT, Delivered, where=lambda event: event.task_id == "once")
    fault = struck(delivered, kind, "after", delivered.at_ms + 7)
    verdicts = {each.check: each for each in grade(History([*RIGHT, *come_back(), fault]), terms()).verdicts}
    outcomes = {verdicts[check].outcome for check in SPOKEN_OF if check != "configuration"}
    assert (outcomes == {Outcome.PASS}) is is_left_out
    said_so = "not judged, since the run itself broke off an attempt that had sent the task again, so that two messages carried it: once"
    assert (said_so in {each.message for each in verdicts["settlement"].findings}) is is_left_out
