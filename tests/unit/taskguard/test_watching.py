"""The loop of `taskguard watch`: which orders begin a run, of what kind, and that it goes on whatever goes wrong with one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from taskguard.errors import DeploymentError, RunEndedEarly
from taskguard.history import History
from taskguard.judging import comparing
from taskguard.judging.grading import grade_run
from taskguard.loop import watching
from taskguard.loop.orders import Order, Orders
from taskguard.loop.watching import Watching
from taskguard.places import Places
from taskguard.reports.difference import print_difference
from taskguard.run.events import Graded, Tell, nobody
from taskguard.run.lasting_engine import LastingEngine
from taskguard.run.stages import Asked

from tests.unit.taskguard.saved_runs import BAD_EVENTS, EVENTS, run_of

GOOD, BAD = (run_of(History(events)) for events in (EVENTS, BAD_EVENTS))


@dataclass
class Place:
    """A service, what was asked of it, and what was told."""

    service: Path
    orders: Orders = field(default_factory=Orders)
    asked: list[tuple[Asked, bool]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    next: list[Callable[[], object]] = field(default_factory=list)
    """What happens after each run; the last one quits by itself."""

    @property
    def tell(self) -> Tell:
        return nobody

    def began(self, why: str) -> None:
        self.told.append(why)

    def graded(self, before: comparing.Graded | None, now: comparing.Graded, _folder: Path, _seconds: float) -> None:
        self.told.append(f"{'none' if before is None else before.grade.outcome} then {now.grade.outcome}")
        self.go_on()

    def broke_off(self, error: Exception) -> None:
        self.told.append(f"broke off: {error}")
        self.go_on()

    def opens(self, report: Path | None) -> None:
        self.told.append(f"opens {None if report is None else report.name}")

    def go_on(self) -> None:
        if self.next:
            self.next.pop(0)()
        else:
            self.orders.is_over = True
            self.orders.give(Order.QUIT)

    def change(self, text: str) -> Callable[[], object]:
        def changed() -> None:
            (self.service / "work.py").write_text(text)
            self.orders.give(Order.CHANGED)

        return changed

    def order(self, *orders: Order) -> Callable[[], object]:
        def ordered() -> None:
            for each in orders:
                self.orders.give(each)

        return ordered

    def watch(self) -> None:
        asked = Asked(places=Places.of(self.service), folder=self.service, clock_scale=60.0)
        Watching(asked, self.service / ".taskguard" / "watch", self.orders, self, "report.html").run()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    (tmp_path / "serverless.yml").write_text("service: jobs")
    (tmp_path / "work.py").write_text("good")
    place = Place(tmp_path)

    def grade(asked: Asked, _tell: Tell, lasting: LastingEngine | None = None) -> Graded:
        place.asked.append((asked, lasting is not None))
        text = (tmp_path / "work.py").read_text()
        if text == "does not build":
            raise DeploymentError("it does not build")
        if text == "interrupted":
            raise RunEndedEarly("interrupted", interrupt=KeyboardInterrupt())
        saved = BAD if text == "bad" else GOOD
        return Graded(saved, grade_run(saved.history, saved.manifest), asked.folder)

    monkeypatch.setattr("taskguard.session.grade", grade)
    return place


def test_each_change_is_graded_and_compared_with_the_run_before(place: Place) -> None:
    place.next = [place.change("bad"), place.change("good")]
    place.watch()
    assert place.told == [
        "the first run",
        "none then pass",
        "work.py changed",
        "pass then fail",
        "work.py changed",
        "fail then pass",
    ]
    assert all(lasting for _, lasting in place.asked)
    assert len({asked.folder for asked, _ in place.asked}) == 3


def test_what_is_saved_without_a_change_begins_no_run(place: Place) -> None:
    place.next = [place.change("good"), place.order(Order.AGAIN)]
    place.orders.give(Order.CHANGED)
    place.orders.give(Order.AGAIN)
    place.watch()
    assert place.told[:3] == ["the first run", "none then pass", "asked for, again"]


def test_a_build_that_fails_is_told_and_the_next_change_is_graded(place: Place) -> None:
    place.next = [place.change("does not build"), place.change("good")]
    place.watch()
    assert place.told[2:] == ["work.py changed", "broke off: it does not build", "work.py changed", "pass then pass"]


def test_a_configuration_that_cannot_be_read_is_told(place: Place) -> None:
    def spoil() -> None:
        (place.service / "taskguard.toml").write_text("[")
        place.orders.give(Order.CHANGED)

    place.next = [spoil]
    place.watch()
    assert place.told[2].startswith("broke off: Reading ")


def test_keys_ask_for_other_runs_which_are_compared_with_their_like(place: Place) -> None:
    place.next = [
        place.order(Order.REPORT, Order.REAL_TIME),
        place.order(Order.FAULTS),
        place.order(Order.REAL_TIME),
    ]
    place.watch()
    real, faults, _ = place.asked[1:]
    assert (real[0].clock_scale, real[0].plan, real[1]) == (1.0, None, False)
    assert (faults[0].clock_scale, faults[0].plan is None, faults[1]) == (60.0, False, False)
    assert [each for each in place.told if each.startswith("opens")] == ["opens report.html"]
    assert [each for each in place.told if "then" in each] == ["none then pass"] * 3 + ["pass then pass"]


def test_who_interrupts_ends_the_loop_and_who_quits_hears_nothing_of_it(place: Place) -> None:
    place.next = [place.change("interrupted")]
    with pytest.raises(RunEndedEarly):
        place.watch()
    place.orders.is_over = True
    place.watch()
    assert not any("broke off" in each for each in place.told)


def test_only_the_last_runs_are_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_RUNS_KEPT", 2)
    folder = place.service / ".taskguard" / "watch"
    for name in ("20200101T000000.000000Z", "20200102T000000.000000Z", "20200103T000000.000000Z", "engine-1"):
        (folder / name).mkdir(parents=True)
    place.watch()
    assert sorted(each.name for each in folder.iterdir()) == [
        "20200102T000000.000000Z",
        "20200103T000000.000000Z",
        "engine-1",
    ]


def test_what_differs_is_printed_in_few_lines(tmp_path: Path) -> None:
    good, bad = (comparing.Graded(each, grade_run(each.history, each.manifest)) for each in (GOOD, BAD))

    def printed(before: comparing.Graded | None, now: comparing.Graded) -> str:
        console = Console(width=200, record=True, file=StringIO())
        print_difference(console, before, now, tmp_path, 3.21)
        return console.export_text()

    assert printed(None, good).startswith("PASS: ")
    assert "after 3.2 s" in printed(None, good)
    worse = printed(good, bad)
    assert "changed from pass to fail: record" in worse
    assert "\nFAIL: " in worse
    assert "changed from fail to pass: record" in printed(bad, good)
    assert "As the run before: the verdicts are the same, and each of 4 tasks fared alike." in printed(good, good)
