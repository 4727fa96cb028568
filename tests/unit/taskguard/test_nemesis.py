"""What is done to a stack from outside: at its time, told of, and undone whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from taskguard.errors import TaskGuardError
from taskguard.history import FaultInjected
from taskguard.run import switching as module
from taskguard.run.injecting import nemesis as strikes
from taskguard.run.injecting.nemesis import Nemesis
from taskguard.support.waiting import wait_for

from tests.unit.taskguard.fake_aws import Fakes
from tests.unit.taskguard.nemesis_place import Mappings, Place, kinds, soon
from tests.unit.taskguard.recorder_lines import STACK

pytestmark = pytest.mark.usefixtures("engine_is_there")


@pytest.fixture(autouse=True)
def often_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these mappings become takes one look; a pause between two is of no use."""
    monkeypatch.setattr(strikes, "_LOOK_EVERY_SECONDS", 0.001)

    def looks(look: Callable[[], bool], *, seconds: float, **_: float) -> bool:
        return wait_for(look, seconds=seconds, every=0.001, at_most_every=0.01)

    monkeypatch.setattr(module, "wait_for", looks)


@pytest.mark.parametrize(("kind", "mapping"), [("consumer-off", "work"), ("monitor-off", "dead")])
def test_a_consumer_is_switched_off_at_its_time_and_on_again_after_its_while(kind: str, mapping: str) -> None:
    place = Place()
    with place.nemesis(f"{kind} from=20 for=5") as nemesis:
        place.clock.go_on(19.9)
        assert place.mappings.asked == []
        place.clock.go_on(0.1)
        place.seen(**{mapping: "Disabled"})
        place.clock.go_on(4.9)
        assert (mapping, True) not in place.mappings.asked
        place.seen_in_time(5.0, **{mapping: "Enabled"})
    assert place.mappings.asked == [(mapping, False), (mapping, True)]
    (event,) = nemesis.events
    assert isinstance(event, FaultInjected)
    assert (event.kind, event.fault) == (kind, f"{kind} from=20.0 for=5.0")
    assert event.at_ms == 1_020_000.0
    assert event.until_ms is not None
    assert event.until_ms >= 1_025_000.0
    assert event.task_ids == ()


def test_a_consumer_that_its_owner_switched_off_stays_so() -> None:
    place = Place()
    with place.nemesis("consumer-off for=1"):
        place.seen(work="Disabled")
    assert place.mappings.states["off"] == "Disabled"


def test_a_run_that_ends_early_leaves_all_switched_on_and_is_told_what_struck() -> None:
    place = Place()
    with place.nemesis("consumer-off for=1000; monitor-off from=500") as nemesis:
        place.seen(work="Disabled")
    assert place.mappings.states["work"] == place.mappings.states["dead"] == "Enabled"
    assert kinds(nemesis) == ["consumer-off"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_whatever_ends_a_run_all_is_switched_on_again(error: type[BaseException]) -> None:
    place = Place()

    def interrupted() -> None:
        with place.nemesis("consumer-off for=1000; monitor-off for=1000"):
            place.seen(work="Disabled", dead="Disabled")
            raise error

    with pytest.raises(error):
        interrupted()
    assert place.mappings.states["work"] == place.mappings.states["dead"] == "Enabled"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("nemesis")]


def switched_off_by(nemesis: Nemesis) -> int:
    return nemesis._switches["consumer-off"]._off_for


def test_two_that_overlap_leave_it_off_until_both_are_over() -> None:
    place = Place()
    with place.nemesis("consumer-off for=5; consumer-off from=3 for=5000") as nemesis:
        place.seen(work="Disabled")
        place.clock.go_on(3.0)
        soon(lambda: switched_off_by(nemesis) == 2)

        def is_over_for_one() -> bool:
            place.clock.go_on(0.5)
            return switched_off_by(nemesis) == 1

        wait_for(is_over_for_one, seconds=10, every=0.01, at_most_every=0.01)
        assert place.mappings.states["work"] == "Disabled"
    assert place.mappings.states["work"] == "Enabled"
    assert len(nemesis.events) == 2


def test_one_that_begins_while_another_switches_on_leaves_nothing_off() -> None:
    place = Place()
    with place.nemesis("consumer-off for=5; consumer-off from=10 for=1000") as nemesis:
        place.seen(work="Disabled")
        place.mappings.is_stuck = True
        place.seen_in_time(1.0, work="Enabling")
        place.go_on_to(20)
        place.mappings.is_stuck = False
        place.seen(work="Disabled")
        assert len(nemesis.events) == 1
    assert place.mappings.states["work"] == "Enabled"
    assert kinds(nemesis) == ["consumer-off"] * 2


def test_one_that_overlaps_strikes_only_when_it_is_off() -> None:
    place = Place()
    place.mappings.is_stuck = True
    with place.nemesis("consumer-off for=1000; consumer-off from=3 for=1") as nemesis:
        place.seen(work="Disabling")
        place.go_on_to(50)
        place.clock.go_on(50)
        assert kinds(nemesis) == []
        place.mappings.is_stuck = False
        place.seen_in_time(1.0, work="Disabled")

        def is_over_for_one() -> bool:
            place.clock.go_on(0.5)
            return len(nemesis.events) == 1

        wait_for(is_over_for_one, seconds=10, every=0.01, at_most_every=0.01)
        assert place.mappings.states["work"] == "Disabled"
    assert kinds(nemesis) == ["consumer-off"] * 2
    the_shorter, _ = nemesis.events
    assert the_shorter.at_ms >= 1_100_000.0


def test_where_nothing_is_on_nothing_strikes() -> None:
    place = Place(mappings=Mappings(states={"work": "Disabled", "dead": "Enabled", "off": "Disabled"}))
    with place.nemesis("consumer-off for=1") as nemesis:
        soon(lambda: place.mappings.listed)
    assert (nemesis.events, place.mappings.asked) == ((), [])


def test_while_something_is_off_a_file_says_how_to_switch_it_on(tmp_path: Path) -> None:
    place, note = Place(), tmp_path / "engine" / module.NOTE
    with place.nemesis("consumer-off for=1000; monitor-off for=1000", tmp_path / "engine"):
        place.seen(work="Disabled", dead="Disabled")
        said = note.read_text()
    for mapping in ("work", "dead"):
        assert f"aws lambda update-event-source-mapping --uuid {mapping} --enabled --region eu-central-1" in said
    assert "--uuid off" not in said
    assert not note.exists()


def test_an_interrupt_while_it_is_switched_on_says_how_to_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()

    def interrupt(_self: Mappings, *, UUID: str) -> dict[str, str]:  # noqa: N803
        raise KeyboardInterrupt if threading.current_thread() is threading.main_thread() else TaskGuardError(UUID)

    def interrupted() -> None:
        with place.nemesis("consumer-off for=1000"):
            place.seen(work="Disabled")
            monkeypatch.setattr(Mappings, "get_event_source_mapping", interrupt)

    with pytest.raises(TaskGuardError, match=r"interrupted\n.*\naws lambda .* --uuid work --enabled"):
        interrupted()


def test_a_mapping_that_is_being_changed_is_asked_again() -> None:
    place = Place(mappings=Mappings(busy=3))
    with place.nemesis("consumer-off for=1000"):
        place.seen(work="Disabled")
    assert place.mappings.states["work"] == "Enabled"


def test_a_consumer_that_cannot_be_switched_on_again_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()

    def stuck() -> None:
        with place.nemesis("consumer-off for=1000"):
            place.seen(work="Disabled")
            place.mappings.busy = 1_000_000
            monkeypatch.setattr(module, "_SWITCHED_WITHIN_SECONDS", 0.02)

    with pytest.raises(TaskGuardError, match=r"(?s)Look at them with.*--uuid work --enabled"):
        stuck()


def test_on_an_engine_that_has_ended_nothing_is_switched_and_the_note_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place, note = Place(), tmp_path / "switched-off.txt"
    endpoint = Fakes(lambdas=place.mappings, clock=place.clock)  # type: ignore[arg-type]
    switch = module.Switch(endpoint, STACK.work_queue.arn, module.Note(note), threading.Event())
    with switch.off():
        monkeypatch.setattr("taskguard.run.switching.has_ended", lambda _: True)
    switch.on_for_good()
    assert place.mappings.asked == [("work", False)]
    assert "--uuid work --enabled" in note.read_text()
