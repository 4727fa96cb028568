"""Reads log groups as they grow: every line once, however often it is asked, whatever the pages look like.

It knows CloudWatch Logs and nothing of what the lines say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.targets.base import Endpoint

_MOST_EVENTS_A_PAGE = 10_000
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
        self._seen: set[tuple[object, ...]] = set()

    def read_new(self) -> list[LogLine]:
        """The lines that no earlier call has returned, each stream's in its order."""
        return [line for group in self._newest for line in self._new_of(group)]

    def _new_of(self, group: str) -> Iterator[LogLine]:
        start = max(self._since, self._newest[group] - self._overlap_ms)
        repeats: dict[tuple[object, ...], int] = {}
        for event in self._events(group, start):
            line = LogLine(group, event["logStreamName"], event["timestamp"], event["message"].rstrip("\n"))
            # Not every engine gives events an id; then equal lines are told apart by their number.
            same = (line.group, line.stream, line.at_ms, line.message)
            repeats[same] = repeats.get(same, 0) + 1
            key = (event.get("eventId"), *same, repeats[same])
            if key not in self._seen:
                self._seen.add(key)
                self._newest[group] = max(self._newest[group], line.at_ms)
                yield line

    def _events(self, group: str, start: int) -> Iterator[dict[str, Any]]:
        logs = self._endpoint.logs()
        request: dict[str, Any] = {"logGroupName": group, "limit": _MOST_EVENTS_A_PAGE}
        token: str | None = None
        # The moment a page broke off at is read again, without what was read of it.
        already: dict[tuple[object, ...], int] = {}
        while True:
            page: dict[str, Any] = {"nextToken": token} if token else {}
            try:
                answer = logs.filter_log_events(startTime=start, **request, **page)
            except logs.exceptions.ResourceNotFoundException:
                return
            events: list[dict[str, Any]] = [dict(event) for event in answer["events"]]
            for event in events:
                key = (event["logStreamName"], event["timestamp"], event["message"])
                if already.get(key, 0) > 0:
                    already[key] -= 1
                else:
                    yield event
            token = answer.get("nextToken")
            if token:
                already = {}
                continue
            # Some engines give no token for what lies beyond the largest page.
            if len(events) < _MOST_EVENTS_A_PAGE or events[-1]["timestamp"] == start:
                return
            start = events[-1]["timestamp"]
            already = {}
            for event in events:
                if event["timestamp"] == start:
                    key = (event["logStreamName"], event["timestamp"], event["message"])
                    already[key] = already.get(key, 0) + 1
