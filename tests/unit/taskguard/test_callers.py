"""Which request of a function a call belongs to, and whether it was done in time."""

from taskguard.engine.recorder.flight_recorder import Caller


def test_a_call_is_late_once_its_request_has_ended() -> None:
    caller = Caller("f", "e")
    caller.begin("r1")
    assert not caller.is_late("r1", "waited-for")
    caller.end()
    assert caller.is_late("r1", "not-waited-for")
    assert caller.is_late("r1", None)
    caller.begin("r2")
    assert caller.is_late("r1", "not-waited-for-either")
    assert not caller.is_late("r2", "of-the-next")


def test_one_whose_client_tried_again_and_was_answered_then_is_not_late() -> None:
    caller = Caller("f", "e")
    caller.begin("r1")
    assert not caller.is_late("r1", "tried-twice")
    caller.end()
    assert not caller.is_late("r1", "tried-twice")


def test_what_is_done_after_an_answer_belongs_to_the_request_before() -> None:
    caller = Caller("f", "e")
    caller.begin("r1")
    caller.end()
    assert caller.request_id == "r1"
