"""What happened, rebuilt from CloudWatch Logs and DynamoDB alone: for AWS, and for engines without a flight recorder.

Logs come late and in pieces, so they are read until they are quiet and tell the whole story of each record; what is still
missing then is said. They are believed only when the deployed code that leaves the trail is this project's own: a consumer
that could write what it likes is no witness.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from taskguard.contract.dialect import LOG, TRAIL, Dialect
from taskguard.evidence.log_lines import LogGroups
from taskguard.evidence.logs.holes import SOURCE, early_returns, gaps, missing
from taskguard.evidence.logs.seal import Seals
from taskguard.evidence.logs.trail import Trail
from taskguard.evidence.queues import Queues
from taskguard.evidence.recorder.deliveries import FROM_RECORDER, events_of
from taskguard.evidence.recorder.recording import Recording
from taskguard.evidence.records import Records
from taskguard.history import Event, EvidenceMissing, TaskSubmitted
from taskguard.service.stack import Stack
from taskguard.support.json_values import Json
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How logs are waited for: they are complete when nothing new came for ``quiet_seconds`` and nothing is missing, and
    given up after ``late_seconds``. A late line is found up to ``overlap_seconds`` behind the newest."""

    quiet_seconds: float
    late_seconds: float
    overlap_seconds: float


LOCAL = Patience(quiet_seconds=1.0, late_seconds=30.0, overlap_seconds=30.0)
ON_AWS = Patience(quiet_seconds=15.0, late_seconds=180.0, overlap_seconds=300.0)


class LogEvidence:
    """The logs of one stack's consumers, from ``since_ms`` on: a source of evidence. Not safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, stack: Stack, dialect: Dialect, since_ms: float) -> None:
        self._endpoint = endpoint
        self._stack = stack
        self._queues = Queues(endpoint, stack)
        self._records = Records(endpoint, stack, dialect)
        self._dialect = dialect
        self.since_ms = since_ms
        self._patience = ON_AWS if endpoint.url is None else LOCAL
        self._consumers = sorted({name for queue in stack.queues.values() for name in queue.consumers})
        # Lines that arrive late are late by real time.
        overlap_seconds = self._patience.overlap_seconds * endpoint.clock.scale
        self._groups = LogGroups(endpoint, map(stack.log_group_of, self._consumers), since_ms, overlap_seconds)
        functions = {each.log_group: each.name for each in stack.functions}
        self._trail = Trail(dialect.trail or TRAIL, functions, dialect.log or LOG)
        self._bodies: dict[str, str] = {}
        self._seals = Seals(endpoint)

    def from_now(self) -> Self:
        return self

    def gather(self, given: Sequence[Event], only: frozenset[str] | None) -> tuple[list[Event], Recording]:
        """What the logs tell, once they are complete, of the whole stack or ``only`` of these tasks and messages; and the
        recording it is taken from."""
        submitted = [event for event in given if isinstance(event, TaskSubmitted)]
        accepted = {event.task_id for event in submitted if event.accepted and event.task_id is not None}
        records = self._records.records(sorted(accepted if only is None else accepted & only))
        heeded, receives = self._queues.heeds_partial_batches(), self._queues.receives_before_death()

        def events(recording: Recording) -> list[Event]:
            names = self._dialect.message
            return events_of(recording, self._stack, names, partial_batches=heeded, only=only, source=SOURCE)

        lacking = self._read_until_complete(
            lambda: events(self._recording()), lambda found: gaps(found, records, self._dialect, receives), only
        )
        for group in sorted(self._groups.cut_off):
            lacking.append(missing(f"lines of {group}, more of one moment than the engine gives", FROM_RECORDER))
        self._learn_bodies(submitted)
        broken = self._seals.broken(self._consumers)
        lacking.extend(missing(why, FROM_RECORDER) for why in broken.values())
        recording = _without(self._recording(), broken)
        found = events(recording)
        lacking.extend(early_returns(found, self._queues.visibility_timeout_seconds()))
        now_ms = self._endpoint.clock.now_ms()
        return [*found, *(msgspec.structs.replace(hole, at_ms=now_ms) for hole in lacking)], recording

    def recording(self) -> None:
        """There is no flight recorder."""

    def begin(self) -> None:
        """All of it is read at the end."""

    def left(self, _given: Sequence[Event], _only: frozenset[str] | None) -> tuple[list[Event], Recording]:
        """The logs are gone with their engine."""
        return [], Recording()

    def _read_until_complete(
        self,
        events: Callable[[], list[Event]],
        gaps_in: Callable[[list[Event]], Iterable[EvidenceMissing]],
        only: frozenset[str] | None,
    ) -> list[EvidenceMissing]:
        """What is still missing when the logs are complete, or too late."""
        quiet_since, failure, told = time.monotonic(), "", 0
        lacking: list[EvidenceMissing] = []
        is_open: bool | None = None

        def is_quiet() -> bool:
            return time.monotonic() - quiet_since >= self._patience.quiet_seconds

        def complete() -> bool:
            nonlocal quiet_since, failure, told, is_open
            try:
                any_new, failure = self._trail.add(self._groups.read_new()), ""
            except (ClientError, BotoCoreError) as error:
                # Not the end of it: AWS throttles, and what was read up to here is kept.
                any_new, failure = True, str(error)
            if any_new or is_open is None:
                found = events()
                # On a stack that others use too, only what is said of these tasks counts.
                if failure or only is None or len(found) != told:
                    quiet_since, told = time.monotonic(), len(found)
                is_open = any(isinstance(event, EvidenceMissing) for event in found)
                lacking[:] = gaps_in(found)
            if failure or is_open or lacking:
                return False
            # There, too, something is always under way.
            return is_quiet() and (only is not None or not self._trail.open)

        try:
            wait_for(complete, seconds=self._patience.late_seconds, every=0.1, at_most_every=1.0)
        except WaitedInVain:
            if failure:
                lacking.append(missing(f"the rest of the logs, which cannot be read: {failure}", FROM_RECORDER))
            elif only is None and not is_quiet():
                lacking.append(missing("the rest of the logs, in which there is always more to come", FROM_RECORDER))
        return lacking

    def _recording(self) -> Recording:
        return self._trail.recording(self._bodies, self._dialect.message)

    def _learn_bodies(self, submitted: Iterable[TaskSubmitted]) -> None:
        """Find the bodies behind the trail's digests: among what is stored, was handed in and was logged as dead."""
        message, unknown = self._dialect.message, self._trail.bodies_wanted - self._bodies.keys()
        if not unknown:
            return
        found = [
            *self._records.stored_bodies(sorted(self._trail.task_ids)),
            *(message.body(e.task_id, _compact(e.payload)) for e in submitted if e.task_id is not None),
            *map(_compacted, self._trail.poison_bodies),
            *(message.body(task_id, _compact(payload)) for task_id, payload in self._trail.dead_payloads),
        ]
        by_digest = {hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest(): body for body in found}
        self._bodies.update({digest: body for digest, body in by_digest.items() if digest in unknown})


def _without(recording: Recording, functions: Container[str]) -> Recording:
    """The recording without what these functions tell: who is not believed is not heard either."""
    return Recording(
        invocations={i: each for i, each in recording.invocations.items() if each.function not in functions},
        calls=[call for call in recording.calls if call.function not in functions],
        damage=recording.damage,
    )


def _compacted(body: str) -> str:
    """The body as the trail digests it: JSON in its compact form, anything else as it is."""
    try:
        return _compact(json.loads(body))
    except (ValueError, RecursionError):
        return body


def _compact(payload: Json) -> str:
    return json.dumps(payload, separators=(",", ":"))
