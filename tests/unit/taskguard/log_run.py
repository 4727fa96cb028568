"""A run that left its traces in logs and a table alone, and the history that is rebuilt from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from taskguard.contract.dialect import LOG, TASKGUARD
from taskguard.evidence.dead_letters import dead_letter_logs
from taskguard.evidence.logs.from_logs import LogEvidence
from taskguard.evidence.recorder.deliveries import handled_dead_letters
from taskguard.evidence.records import Records
from taskguard.history import (
    ConfigurationObserved,
    Event,
    EvidenceMissing,
    History,
    QueueDepth,
    RecordChanged,
    RunEnded,
    TaskSubmitted,
)

from tests.unit.taskguard.fake_aws import Fakes, LogService, Table
from tests.unit.taskguard.log_story import Logged, Story, items_of
from tests.unit.taskguard.recorder_lines import STACK

_NOT_FROM_LOGS = (RecordChanged, ConfigurationObserved, QueueDepth, RunEnded)


@dataclass
class LoggedRun:
    """What really happened, the log lines it left, and what else a stack's clients answer (``fakes``)."""

    events: list[Event]
    lines: list[Logged]
    items: list[dict[str, Any]]
    fakes: dict[str, Any] = field(default_factory=dict)
    service: LogService = field(default_factory=LogService)

    def history(self, only: frozenset[str] | None = None) -> History:
        """The run's history, as ``taskguard.run.running`` gathers it where there is no flight recorder."""
        for logged in self.lines:
            line = logged.line
            self.service.put(line.group, line.stream, line.at_ms, line.message)
        endpoint = Fakes(table=Table(self.items), log_service=self.service, **self.fakes)
        submitted = [event for event in self.events if isinstance(event, TaskSubmitted)]
        told, recording = LogEvidence(endpoint, STACK, TASKGUARD, since_ms=0).gather(submitted, only)
        handled = handled_dead_letters(recording, STACK, TASKGUARD.message, only)
        logged_deaths = dead_letter_logs(endpoint, STACK, LOG, handled)
        records = Records(endpoint, STACK, TASKGUARD).records(
            sorted({event.task_id for event in submitted if event.task_id is not None})
        )
        besides = [event for event in self.events if isinstance(event, _NOT_FROM_LOGS)]
        return History([*submitted, *told, *logged_deaths, *records, *besides])

    def without(self, is_lost: Callable[[Logged], bool]) -> LoggedRun:
        """The same run with some of its lines lost."""
        lines = [logged for logged in self.lines if not is_lost(logged)]
        return LoggedRun(self.events, lines, self.items, self.fakes)


def run_of(events: Iterable[Event], *, afterwards: bool = False, **fakes: Any) -> LoggedRun:
    """The run in which exactly these events happened."""
    events, story = list(events), Story(afterwards=afterwards)
    story.tell(events)
    return LoggedRun(events, sorted(story.lines, key=lambda each: each.line.at_ms), items_of(events), fakes)


def affected(history: History) -> set[str]:
    """The kinds of event of which some evidence is missing."""
    return {kind for event in history.of_kind(EvidenceMissing) for kind in event.affects}
