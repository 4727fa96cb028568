"""What a report says, as data: waits, timelines, spreads, rates, and which tasks are shown."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskguard.contract.files import built_in
from taskguard.history import AttemptFailed, AttemptSucceeded, BackoffRequested, DeadLettered, Delivered, Event, History
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.reports.html import tasks
from taskguard.reports.html.axis import Axis, Span
from taskguard.reports.html.rates import rates_of
from taskguard.reports.html.spreads import MOST_DOTS, time_to_settle, waits_by_attempt
from taskguard.reports.html.timelines import Symbol, timeline_of
from taskguard.reports.html.visible import shown, shown_json, size
from taskguard.reports.html.waits import Wait, waits_of
from taskguard.reports.plain import printable
from taskguard.support.json_values import Json

from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    changed,
    run,
    the,
    without,
)
from tests.unit.judging.reporting import broken, good, graded, page


def waits(events: list[Event]) -> list[Wait]:
    history = History(events)
    return [wait for chain in history.chains for wait in waits_of(chain, history, EXPECTED)]


def test_a_wait_runs_from_the_request_to_the_return_and_keeps_to_the_schedule() -> None:
    found = waits(run(DEAD))
    assert [wait.due_seconds for wait in found] == [5, 10, 20]
    assert [wait.seconds for wait in found] == pytest.approx([5.053, 10.053, 20.053])
    assert [wait.outside for wait in found] == [False] * 3
    assert [wait.dead for wait in found] == [False, False, True]


@pytest.mark.parametrize(
    ("moved_ms", "outside"), [(-54.0, True), (-53.0, False), (0.0, False), (1950.0, False), (1951.0, True)]
)
def test_a_wait_is_outside_when_shorter_than_due_or_longer_than_the_tolerance(moved_ms: float, outside: bool) -> None:
    events = run(SECOND_TRY)
    for event in [each for each in events if getattr(each, "receive_count", 0) == 2]:
        events = changed(events, event, at_ms=event.at_ms + moved_ms)
    assert [wait.outside for wait in waits(events)] == [outside]


def test_a_wait_without_a_request_runs_from_the_failure_and_one_without_an_end_is_outside() -> None:
    events = run(SECOND_TRY)
    failed = the(events, AttemptFailed)
    [wait] = waits(without(events, BackoffRequested))
    assert wait.since_ms == failed.at_ms
    second = the(events, Delivered, 1)
    [endless] = waits(without(events, second, the(events, AttemptSucceeded)))
    assert (endless.seconds, endless.late_seconds, endless.outside) == (None, None, True)


def test_a_timeline_has_a_lane_for_each_attempt_and_draws_the_wait_over_what_is_due() -> None:
    events = run(DEAD)
    task_id = the(events, DeadLettered).task_id or ""
    drawn = timeline_of(task_id, History(events), EXPECTED)
    assert (drawn.axis.end, drawn.own_scale) == (40, False)
    assert [lane.due.length for lane in drawn.lanes if lane.due] == ["12.5%", "25%", "50%"]
    assert [lane.allowed.length for lane in drawn.lanes if lane.allowed] == ["5%"] * 3
    assert [lane.wait.length for lane in drawn.lanes if lane.wait] == ["12.63%", "25.13%", "50.13%"]
    assert [[mark.symbol for mark in lane.marks] for lane in drawn.lanes] == [
        [Symbol.SUBMITTED, Symbol.FAILED],
        [Symbol.FAILED],
        [Symbol.FAILED, Symbol.DEAD],
    ]
    assert [lane.words.text for lane in drawn.lanes if lane.words] == ["5.053 s", "10.053 s", "20.053 s"]
    assert [lane.words.anchor for lane in drawn.lanes if lane.words] == ["start", "start", "end"]
    assert drawn.alternative == (
        "attempt 1 failed, then away for 5.053 s; attempt 2 failed, then away for 10.053 s; "
        "attempt 3 failed, then away for 20.053 s, then dead-lettered"
    )


def test_a_timeline_says_of_a_wrong_wait_what_was_due() -> None:
    history = History(broken())
    task_id = next(each for each in history.task_ids if each.startswith("t2-"))
    first = timeline_of(task_id, history, EXPECTED).lanes[0]
    assert first.outside
    assert first.words is not None
    assert first.words.text == "1.053 s, 5 s due"
    lost = next(each for each in history.task_ids if each.startswith("t6-"))
    [lane] = timeline_of(lost, history, EXPECTED).lanes
    assert lane.words is not None
    assert (lane.open, lane.words.text) == (True, "never came back")


def test_a_task_that_takes_longer_than_the_schedule_has_a_scale_of_its_own() -> None:
    events = run(FIRST_TRY)
    for event in [each for each in events if getattr(each, "receive_count", 0) == 1]:
        events = changed(events, event, at_ms=event.at_ms + 90_000)
    drawn = timeline_of(History(events).task_ids[0], History(events), EXPECTED)
    assert (drawn.own_scale, drawn.axis.end) == (True, 100)
    assert drawn.lanes[0].queued == Span("0%", "90.03%")
    assert drawn.lanes[0].words is not None
    assert (drawn.lanes[0].words.text, drawn.lanes[0].words.anchor) == ("succeeded", "end")


@pytest.mark.parametrize(
    ("late_ms", "anchors"), [(50.0, ["start", "start", "end"]), (1900.0, ["start", "start", "end"])]
)
def test_a_label_is_beside_what_it_names(late_ms: float, anchors: list[str]) -> None:
    events = run(DEAD, late_ms=late_ms)
    drawn = timeline_of(the(events, DeadLettered).task_id or "", History(events), EXPECTED)
    assert [lane.words.anchor for lane in drawn.lanes if lane.words] == anchors


def test_a_task_that_was_never_delivered_has_a_timeline() -> None:
    events = without(run(FIRST_TRY), Delivered, AttemptSucceeded)
    drawn = timeline_of(History(events).task_ids[0], History(events), EXPECTED)
    assert drawn.alternative == "submitted, and never seen to be delivered"
    assert len(drawn.lanes) == 1


@given(st.floats(min_value=0, max_value=1e9))
def test_an_axis_has_room_and_few_round_ticks(most: float) -> None:
    axis = Axis.reaching(most)
    assert axis.end >= most * 0.999_999
    assert 2 <= len(axis.ticks) <= 10
    assert axis.ticks[0].at == "0%"
    assert axis.ticks[-1].at == "100%"
    assert axis.ticks[-1].label.endswith(" s")
    assert axis.at(most * 2 + 1) == "100%"


def test_the_waits_are_spread_by_attempt_with_those_outside_apart() -> None:
    spread = waits_by_attempt(History(broken()), EXPECTED)
    assert [row.name for row in spread.rows] == ["after attempt 1", "after attempt 2", "after attempt 3"]
    assert [len(row.dots) for row in spread.rows] == [3, 1, 0]
    assert [len(row.outside) for row in spread.rows] == [1, 1, 1]
    assert spread.rows[0].observed == "4 waits: 1.053 to 5.053 s, 1 outside, 1 without end"
    assert spread.rows[0].expected == "5 s due, up to 7 s allowed"
    assert spread.rows[2].cells == ("3", "20 s", "22 s", "1", "23.353 s", "23.353 s", "23.353 s", "1", "0")
    assert all(len(row.cells) == len(spread.headings) for row in spread.rows)
    assert spread.left_out == ""


def test_waits_that_no_contract_has_are_spread_by_attempt_with_nothing_beside_them() -> None:
    terms = msgspec.structs.replace(EXPECTED, contract=built_in("as-deployed"))
    spread = waits_by_attempt(History(run(FIRST_TRY, DEAD)), terms)
    assert [row.name for row in spread.rows] == ["after attempt 1", "after attempt 2", "after attempt 3"]
    assert [row.observed for row in spread.rows] == ["1 wait: 5.053 s", "1 wait: 10.053 s", "1 wait: 20.053 s"]
    assert {(row.expected, row.due_at, row.band, row.cells[1:3]) for row in spread.rows} == {
        ("", None, None, ("–", "–"))
    }
    assert waits_by_attempt(History(run(FIRST_TRY)), terms).rows == ()


def test_a_spread_of_many_keeps_the_least_and_the_most_and_says_what_it_leaves_out() -> None:
    events = [event for number in range(200) for event in run_at(number)]
    spread = waits_by_attempt(History(events), EXPECTED)
    dots = spread.rows[0].dots
    assert len(dots) == MOST_DOTS
    ends = [float(dot.at.removesuffix("%")) / 100 * spread.axis.end for dot in (dots[0], dots[-1])]
    assert ends == pytest.approx([5.003, 5.998], abs=0.01)
    assert spread.left_out == "120 of 200 waits drawn, evenly by rank; the numbers are of all."


def run_at(number: int) -> list[Event]:
    renamed = []
    for event in run(SECOND_TRY, late_ms=5.0 * number)[:-3]:
        ids = {name: f"{number}" for name in ("task_id", "message_id") if hasattr(event, name)}
        renamed += changed([event], event, **ids)
    return renamed


def test_the_time_to_settle_is_spread_by_how_tasks_ended() -> None:
    grade, history = graded(good())
    spread = time_to_settle(history, grade, EXPECTED)
    assert [row.name for row in spread.rows] == [
        "completed at attempt 1",
        "completed at attempt 2",
        "completed at attempt 3",
        "dead-lettered after 3 attempts",
    ]
    assert [row.expected for row in spread.rows] == [
        "no backoff",
        "5 s of backoff",
        "15 s of backoff",
        "35 s of backoff",
    ]
    assert spread.rows[0].observed == "11 tasks: 0.039 s"
    assert spread.summary == "Half of the tasks ended within 0.039 s, 95 % within 35.201 s, all within 35.201 s."
    empty, nothing = graded([])
    assert time_to_settle(nothing, empty, EXPECTED).summary == "No task was seen to end."


def verdict(**figures: Json) -> Verdict:
    return Verdict(check="a_rate", outcome=Outcome.PASS, claim="c", expected="e", observed="o", figures=figures)


def test_rates_are_read_from_the_figures_of_whatever_verdict_has_them() -> None:
    [rate] = rates_of([verdict(rate=0.25, interval=[0.1, 0.4])], EXPECTED)
    assert (rate.name, rate.at, rate.interval, rate.expected_at, rate.outside) == (
        "a_rate",
        "25%",
        Span("10%", "30%"),
        "30%",
        False,
    )
    [other] = rates_of([verdict(rate=0.25, interval=[0.1, 0.4], expected_rate=0.5)], EXPECTED)
    assert (other.expected_at, other.outside) == ("50%", True)


@pytest.mark.parametrize(
    "figures",
    [
        {},
        {"interval": [0, 1]},
        {"rate": "0.3", "interval": [0, 1]},
        {"rate": 3, "interval": [0, 1]},
        {"rate": True, "interval": [0, 1]},
    ],
)
def test_figures_that_are_no_rate_are_left_alone(figures: dict[str, Json]) -> None:
    assert rates_of([verdict(**figures)], EXPECTED) == ()


@pytest.mark.parametrize("interval", [None, [0, None], "01", [0, 1, 1], [-1, 1]])
def test_a_rate_without_an_interval_is_drawn_alone(interval: Json) -> None:
    [rate] = rates_of([verdict(rate=0.25, interval=interval)], EXPECTED)
    assert (rate.observed, rate.interval, rate.outside) == ("25 % observed", None, False)
    assert rate.cells == ("a_rate", "30 %", "25 %", "–", "–")


def test_tasks_worth_a_look_come_first_each_once() -> None:
    found = page(broken()).groups
    assert [group.heading for group in found] == [
        "Named by a failed verdict",
        "Completed at the first attempt",
    ]
    named = [task.name.split("-")[0] for task in found[0].tasks]
    assert sorted(named) == ["t2", "t4", "t5", "t6", "t7"]
    assert {naming.check for task in found[0].tasks for naming in task.namings} >= {"settlement", "backoff", "record"}
    right = page(good()).groups
    assert [(group.heading, group.count) for group in right] == [
        ("Dead-lettered", 1),
        ("Completed after a retry", 4),
        ("Completed at the first attempt", 11),
    ]


def test_an_event_that_shows_a_finding_is_marked() -> None:
    [early] = [task for group in page(broken()).groups for task in group.tasks if task.name.startswith("t2-")]
    marked = [line.what for line in early.events if "backoff" in line.shows]
    assert "asked for a backoff of 1 s" in marked
    assert "delivered, receive 2" not in marked


def test_a_group_that_has_no_room_says_how_many_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_BYTES", 20_000)
    groups = page(good()).groups
    assert sum(task.weight for group in groups for task in group.tasks) <= 20_000
    last = groups[-1]
    missing = last.count - len(last.tasks)
    assert missing > 0
    assert last.left_out == f"{missing} more tasks of this kind: see fates in grade.json, and history.jsonl."


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_what_is_shown_is_cut_and_says_so(text: str, most: int) -> None:
    found = shown(text, most)
    if size(printable(text)) <= most:
        assert found == printable(text)
    else:
        kept, note = found.rsplit("… (", 1)
        assert printable(text).startswith(kept)
        assert size(kept) <= most
        assert note.endswith(("more character)", "more characters)"))


def test_texts_are_shown_as_escapes() -> None:
    assert shown("a\n\t\x1b[1m\u202eb\ud800é") == "a\\n\\t\\x1b[1m\\u202eb\\ud800é"
    assert shown("x" * 300, 10) == "xxxxxxxxxx… (290 more characters)"
    assert shown_json({"a": ["é", None]}) == '{"a": ["é", null]}'
