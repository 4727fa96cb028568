"""Reads log groups as they grow: every line once, however often it is asked, whatever the pages look like.

It knows CloudWatch Logs and nothing of what the lines say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from taskguard.targets.base import Endpoint

MOST_EVENTS_A_PAGE = 10_000
"""What `FilterLogEvents` gives at most: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log event; ``at_ms`` is when it was logged or, on some engines, when its invocation had ended."""

    group: str
    stream: str
    at_ms: int
    message: str


class LogGroups:
    """The lines of some log groups, from ``since_ms`` on.

    A line may arrive after later ones: each reading goes back ``overlap_seconds`` behind the newest line seen.
    """

    def __init__(self, endpoint: Endpoint, groups: Iterable[str], since_ms: float, overlap_seconds: float) -> None:
        self._endpoint = endpoint
        self._newest = dict.fromkeys(groups, int(since_ms))
        self._since = int(since_ms)
        self._overlap_ms = int(overlap_seconds * 1000)
        self._returned: Counter[tuple[str, ...]] = Counter()
        self.cut_off: set[str] = set()
        """The groups that hold lines which their engine does not give: more of one moment than a page takes."""

    def read_new(self) -> Iterator[LogLine]:
        """The lines that were not returned before, each stream's in its order. A reading that breaks off, by an error of
        the client's, is taken up by the next one."""
        for group in list(self._newest):
            yield from self._new_of(group)

    def _new_of(self, group: str) -> Iterator[LogLine]:
        newest = self._newest[group]
        start: int | None = max(self._since, newest - self._overlap_ms)
        while start is not None:
            met: Counter[tuple[str, ...]] = Counter()
            page: list[dict[str, Any]] = []
            for page in self._pages(group, start):
                for event in page:
                    line = LogLine(group, event["logStreamName"], event["timestamp"], event["message"].rstrip("\n"))
                    if self._is_new(line, event.get("eventId"), met):
                        newest = max(newest, line.at_ms)
                        yield line
            start = self._beyond(group, page, start)
        # Not before all is read: pages need not be in order of time.
        self._newest[group] = newest

    def _pages(self, group: str, start: int) -> Iterator[list[dict[str, Any]]]:
        logs = self._endpoint.logs()
        request: dict[str, Any] = {"logGroupName": group, "startTime": start, "limit": MOST_EVENTS_A_PAGE}
        while True:
            try:
                answer = logs.filter_log_events(**request)
            except logs.exceptions.ResourceNotFoundException:
                return
            yield [dict(event) for event in answer["events"]]
            token = answer.get("nextToken")
            if not token:
                return
            request["nextToken"] = token

    def _beyond(self, group: str, page: list[dict[str, Any]], start: int) -> int | None:
        """The moment from which to go on after the last page: some engines give no token for what lies beyond the largest."""
        if len(page) < MOST_EVENTS_A_PAGE:
            return None
        last: int = page[-1]["timestamp"]
        if last > start:
            return last
        self.cut_off.add(group)
        return last + 1

    def _is_new(self, line: LogLine, event_id: str | None, met: Counter[tuple[str, ...]]) -> bool:
        key: tuple[str, ...] = (line.group, event_id or "", line.stream, str(line.at_ms), line.message)
        met[key] += 1
        # Not every engine gives events an id; then equal lines are told apart by their number.
        number = 1 if event_id else met[key]
        if number <= self._returned[key]:
            return False
        self._returned[key] = number
        return True
