"""Log groups are read as they grow: each line once, whatever the pages look like and however late it comes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.evidence.log_lines import LogGroups, LogLine

from tests.unit.taskguard.fake_aws import Fakes, LogService

GROUP, OTHER = "/aws/lambda/work", "/aws/lambda/other"
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "FilterLogEvents")
# AWS; an engine that gives no ids; one that gives neither ids nor a token for what lies beyond its largest page.
ENGINES: list[dict[str, Any]] = [{}, {"ids": False}, {"ids": False, "tokens": False}]


def groups(service: LogService, *names: str, since_ms: float = 0, overlap_seconds: float = 30) -> LogGroups:
    return LogGroups(Fakes(log_service=service), names or (GROUP,), since_ms, overlap_seconds)


def messages(lines: list[LogLine]) -> list[str]:
    return [line.message for line in lines]


@pytest.fixture(params=ENGINES, ids=["aws", "without ids", "without tokens"])
def service(request: pytest.FixtureRequest) -> LogService:
    return LogService(**request.param)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> int:
    """The largest page takes three lines."""
    monkeypatch.setattr("taskguard.evidence.log_lines.MOST_EVENTS_A_PAGE", 3)
    return 3


def test_a_line_says_where_and_when_it_was_logged() -> None:
    service = LogService()
    service.put(GROUP, "stream", 1234, "a message")
    assert list(groups(service).read_new()) == [LogLine(GROUP, "stream", 1234, "a message")]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7, 20])
def test_every_page_is_read(service: LogService, small_pages: int, count: int) -> None:
    for number in range(count):
        service.put(GROUP, "stream", number, f"line {number}")
    assert messages(list(groups(service).read_new())) == [f"line {number}" for number in range(count)]


def test_an_empty_page_with_a_token_is_not_the_end() -> None:
    service = LogService()
    service.put(GROUP, "stream", 1, "late but there")
    pages: list[dict[str, Any]] = [{"events": [], "nextToken": "0"}, {"events": [], "nextToken": "0"}]
    answer = service.filter_log_events

    class Slow(LogService):
        def filter_log_events(self, **request: Any) -> dict[str, Any]:
            return pages.pop() if pages else answer(**request)

    assert messages(list(groups(Slow()).read_new())) == ["late but there"]


def test_pages_of_any_size_are_read() -> None:
    service = LogService(page=1)
    for number in range(5):
        service.put(GROUP, f"stream {number % 2}", number // 2, f"line {number}")
    assert len(messages(list(groups(service).read_new()))) == 5


def test_equal_lines_are_as_many_as_were_logged(service: LogService, small_pages: int) -> None:
    service.put(GROUP, "stream", 1, *["the same"] * 2)
    service.put(GROUP, "stream", 2, *["the same"] * 2)
    service.put(GROUP, "another stream", 2, "the same")
    reader = groups(service)
    assert len(list(reader.read_new())) == 5
    assert list(reader.read_new()) == []


def test_an_equal_line_that_comes_later_is_one_more(service: LogService) -> None:
    now = [0.0]
    service.now = lambda: now[0]
    service.put(GROUP, "stream", 1, "the same", arrives=1)
    service.put(GROUP, "stream", 1, "the same")
    reader = groups(service)
    assert messages(list(reader.read_new())) == ["the same"]
    now[0] = 1.0
    assert messages(list(reader.read_new())) == ["the same"]
    assert list(reader.read_new()) == []


def test_a_moment_that_a_page_breaks_off_in_is_read_to_its_end(small_pages: int) -> None:
    service = LogService(ids=False, tokens=False)
    service.put(GROUP, "stream", 1, "a", "b")
    service.put(GROUP, "stream", 2, "c", "c")
    service.put(GROUP, "stream", 3, "d", "d")
    reader = groups(service)
    assert messages(list(reader.read_new())) == ["a", "b", "c", "c", "d", "d"]
    assert reader.cut_off == set()


def test_more_lines_of_one_moment_than_an_engine_gives_are_not_passed_over_in_silence(small_pages: int) -> None:
    service = LogService(ids=False, tokens=False)
    service.put(GROUP, "stream", 1, "a", "b", "c", "d", "e")
    service.put(GROUP, "stream", 2, "f")
    reader = groups(service)
    assert messages(list(reader.read_new())) == ["a", "b", "c", "f"]
    assert reader.cut_off == {GROUP}


def test_what_was_logged_before_is_left_aside(service: LogService) -> None:
    service.put(GROUP, "stream", 999, "before")
    service.put(GROUP, "stream", 1000, "at the moment")
    assert messages(list(groups(service, since_ms=1000.9).read_new())) == ["at the moment"]


def test_a_group_that_is_not_there_yet_has_no_lines(service: LogService) -> None:
    reader = groups(service, OTHER, GROUP)
    assert list(reader.read_new()) == []
    service.put(GROUP, "stream", 1, "now")
    assert messages(list(reader.read_new())) == ["now"]


def test_groups_do_not_hide_each_other_s_late_lines(service: LogService) -> None:
    service.put(GROUP, "stream", 1_000_000, "the newest")
    reader = groups(service, GROUP, OTHER, overlap_seconds=1)
    assert len(list(reader.read_new())) == 1
    service.put(OTHER, "stream", 5, "an old one")
    assert messages(list(reader.read_new())) == ["an old one"]


def test_a_late_line_is_found_within_the_overlap_and_not_behind_it(service: LogService) -> None:
    service.put(GROUP, "stream", 60_000, "the newest")
    reader = groups(service, overlap_seconds=30)
    list(reader.read_new())
    service.put(GROUP, "stream", 30_000, "late")
    service.put(GROUP, "stream", 29_999, "too late")
    assert messages(list(reader.read_new())) == ["late"]


def test_a_reading_that_breaks_off_is_taken_up_by_the_next(service: LogService, small_pages: int) -> None:
    for number in range(8):
        service.put(GROUP, "stream", number * 100_000, f"line {number}")
    service.failing = [None, THROTTLED]
    reader, read = groups(service, overlap_seconds=1), list[LogLine]()
    with pytest.raises(ClientError):
        read.extend(reader.read_new())
    assert len(read) == 3
    assert messages([*read, *reader.read_new()]) == [f"line {number}" for number in range(8)]


def test_a_reading_that_breaks_off_hides_nothing_of_the_pages_that_it_did_not_see() -> None:
    """Engines that give one stream after the other: what is older comes on a later page."""

    class StreamByStream(LogService):
        def filter_log_events(self, **request: Any) -> dict[str, Any]:
            self.calls += 1
            if self.calls == 2:
                raise THROTTLED
            events = [{"logStreamName": "new", "timestamp": 900_000, "message": "new", "eventId": "1"}]
            if "nextToken" not in request:
                return {"events": events, "nextToken": "more"}
            return {"events": [{**events[0], "timestamp": 5, "message": "old", "eventId": "2"}]}

    reader = groups(StreamByStream(), overlap_seconds=1)
    with pytest.raises(ClientError):
        list(reader.read_new())
    assert messages(list(reader.read_new())) == ["old"]


arrivals = st.lists(
    st.tuples(
        st.integers(0, 50),  # when it was logged, in seconds
        st.integers(0, 10),  # how much later it arrives
        st.sampled_from(["a", "b"]),  # its stream
        st.sampled_from(["x", "y"]),  # what it says
    ),
    max_size=25,
)


@settings(deadline=None, derandomize=True)
@given(arrivals=arrivals, engine=st.sampled_from(ENGINES), page=st.integers(1, 5), read_every=st.integers(1, 7))
def test_in_whatever_order_lines_arrive_within_the_overlap_each_is_read_once(
    arrivals: list[tuple[int, int, str, str]], engine: dict[str, Any], page: int, read_every: int
) -> None:
    now = [0.0]
    # An engine that gives no tokens has pages that take whole moments, or says that it does not.
    size = page if engine.get("tokens", True) else 10_000
    service = LogService(now=lambda: now[0], page=size, **engine)
    for logged, late, stream, message in arrivals:
        service.put(GROUP, stream, logged * 1000, message, arrives=logged + late)
    reader = groups(service, overlap_seconds=11)
    read: Counter[tuple[str, str, int]] = Counter()
    for second in range(0, 70, read_every):
        now[0] = float(second)
        read.update((line.stream, line.message, line.at_ms) for line in reader.read_new())
    now[0] = 70.0
    read.update((line.stream, line.message, line.at_ms) for line in reader.read_new())
    assert read == Counter((stream, message, logged * 1000) for logged, _, stream, message in arrivals)
