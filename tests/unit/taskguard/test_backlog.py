"""What waits, until when, and that all is on again whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskguard.errors import TaskGuardError
from taskguard.history import ConsumersOff, QueueDepth
from taskguard.history.values import QueueName
from taskguard.run import switching
from taskguard.run.backlog import Backlog
from taskguard.run.events import Announced, SessionEvent

from tests.terms import our_terms
from tests.unit.taskguard.fake_aws import Fakes
from tests.unit.taskguard.nemesis_place import Mappings, Place
from tests.unit.taskguard.recorder_lines import STACK

pytestmark = pytest.mark.usefixtures("clock", "engine_is_there")

EXPECTED = our_terms()
UNTIL_ALL_ARE_DEAD = 5 + 10 + 20 + 3 * EXPECTED.tolerances.late_seconds


def backlog_at(place: Place, note: Path | None = None, said: list[str] | None = None) -> Backlog:
    endpoint = Fakes(lambdas=place.mappings, clock=place.clock)  # type: ignore[arg-type]
    heard = [] if said is None else said

    def tell(event: SessionEvent) -> None:
        assert isinstance(event, Announced)
        heard.append(event.text)

    return Backlog(endpoint, STACK, EXPECTED, waiting=3, note=note, tell=tell)


def depths(work: int, dead: int) -> list[QueueDepth]:
    queues: list[tuple[QueueName, int]] = [("work", work), ("dead-letter", dead)]
    return [QueueDepth(at_ms=1.0, queue=queue, visible=0, in_flight=count, delayed=0) for queue, count in queues]


def test_both_consumers_are_off_until_each_is_let_go_and_the_history_has_for_how_long() -> None:
    place = Place()
    with backlog_at(place) as backlog:
        assert (place.mappings.states["work"], place.mappings.states["dead"]) == ("Disabled", "Disabled")
        place.clock.go_on(2)
        backlog.let_work_go()
        assert (place.mappings.states["work"], place.mappings.states["dead"]) == ("Enabled", "Disabled")
        place.clock.go_on(30)
        assert [backlog.look(depths(0, 2)), backlog.look(depths(0, 2))] == [False, True]
        assert place.mappings.states["dead"] == "Enabled"
        assert not backlog.look(depths(0, 2))
    began = 1_000_000.0
    assert backlog.events == (
        ConsumersOff(at_ms=began, until_ms=began + 2_000, queue="work"),
        ConsumersOff(at_ms=began, until_ms=began + 32_000, queue="dead-letter"),
    )
    assert place.mappings.states["off"] == "Disabled"


def test_dead_letters_wait_as_long_as_others_may_die() -> None:
    place = Place()
    with backlog_at(place) as backlog:
        assert not backlog.look(depths(0, 0)), "before the work has begun nobody has died"
        backlog.let_work_go()
        # A message on its way from one queue to the other is in neither for a moment.
        looks = [backlog.look(depths(work, 1)) for work in (0, 1, 0)]
        assert (looks, place.mappings.states["dead"]) == ([False] * 3, "Disabled")


def test_dead_letters_wait_no_longer_than_the_schedule_though_there_is_work_left() -> None:
    place = Place()
    with backlog_at(place) as backlog:
        backlog.let_work_go()
        place.clock.go_on(UNTIL_ALL_ARE_DEAD - 0.1)
        assert not backlog.look(depths(1, 1))
        place.clock.go_on(0.2)
        assert backlog.look()
        assert place.mappings.states["dead"] == "Enabled"


@pytest.mark.parametrize("error", [KeyboardInterrupt, TaskGuardError, OSError])
@pytest.mark.parametrize("let_go", [False, True])
def test_whatever_ends_a_run_all_is_on_again(error: type[BaseException], let_go: bool) -> None:
    place = Place()

    def interrupted() -> None:
        with backlog_at(place) as backlog:
            if let_go:
                backlog.let_work_go()
            raise error

    with pytest.raises(error):
        interrupted()
    assert place.mappings.states == {"work": "Enabled", "dead": "Enabled", "off": "Disabled"}


def test_how_to_switch_on_by_hand_is_written_down_as_long_as_something_is_off(tmp_path: Path) -> None:
    place, note = Place(), tmp_path / "engine" / switching.NOTE
    with backlog_at(place, note) as backlog:
        assert [note.read_text().count(f"--uuid {each} --enabled") for each in ("work", "dead")] == [1, 1]
        backlog.let_work_go()
        assert "--uuid dead --enabled" in note.read_text()
    assert not note.exists()


def test_where_nothing_can_be_switched_nothing_waits_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise TaskGuardError("not here")

    place, said = Place(), list[str]()
    monkeypatch.setattr(Mappings, "update_event_source_mapping", refused)
    with backlog_at(place, said=said) as backlog:
        backlog.let_work_go()
        assert not backlog.look(depths(0, 0))
    assert said == ["No task waits, so messages may come one by one: not here"]
    assert place.mappings.states["work"] == place.mappings.states["dead"] == "Enabled"


def test_a_consumer_that_its_owner_switched_off_stays_off_and_is_none_of_the_run_s_doing() -> None:
    place = Place(mappings=Mappings(states={"work": "Enabled", "dead": "Disabled", "off": "Disabled"}))
    with backlog_at(place) as backlog:
        backlog.let_work_go()
    assert place.mappings.states["dead"] == "Disabled"
    assert [event.queue for event in backlog.events] == ["work"]
