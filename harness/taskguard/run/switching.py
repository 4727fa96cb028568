"""Switches the consumers of a queue off for a while, over AWS's own API, and on again whatever happens.

How to switch them on by hand is written down before, for the user of a run that was killed. It must not know why they are off.

https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.errors import TaskGuardError
from taskguard.service.event_sources import mappings_of
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.aws_errors import explain
from taskguard.targets.base import Endpoint
from taskguard.targets.process import has_ended

_SWITCHED_WITHIN_SECONDS = 60.0

NOTE = "switched-off.txt"
"""The file in which it is written how to switch on what is off; gone when all is on again."""


def in_words(problem: BaseException) -> str:
    """What kept something from being done, to be told in a sentence."""
    if isinstance(problem, KeyboardInterrupt):
        return "interrupted"
    return explain(problem) if isinstance(problem, (ClientError, BotoCoreError)) else str(problem)


class Note:
    """The commands that switch on what is off, in a file as long as there are any. Without a path nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._changing = threading.Lock()
        self._commands: dict[str, list[str]] = {}

    def keep(self, queue_arn: str, commands: list[str]) -> None:
        """From now on these are the commands for this queue's consumers; none when they are on."""
        if self._path is None:
            return
        with self._changing:
            self._commands[queue_arn] = commands
            lines = [line for each in self._commands.values() for line in each]
            if not lines:
                self._path.unlink(missing_ok=True)
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            text = "\n".join(
                ["# Switched off by a run. When it is over and this file is still here, switch on again:", *lines]
            )
            self._path.write_text(text + "\n", encoding="utf-8")


class Switch:
    """The event source mappings of one queue, all of them on or off; switched off by several it is on when all are done.

    One lock is held while anything is switched, so that nobody counts on what another has only begun.
    """

    def __init__(self, endpoint: Endpoint, queue_arn: str, note: Note, over: threading.Event) -> None:
        self._endpoint, self._queue_arn, self._note, self._over = endpoint, queue_arn, note, over
        self._changing = threading.Lock()
        self._off_for = 0
        self._off: tuple[str, ...] = ()
        """What is off as long as somebody wants it so."""
        self._ever_off: dict[str, None] = {}
        """Each mapping that was ever switched off, in order: never forgotten, whatever went wrong with one."""

    @contextmanager
    def off(self) -> Iterator[float | None]:
        """Off inside, and answers since when it was made so, by the pipeline's clock in milliseconds; none when nothing was on that
        could be switched off, or the run is over. On again afterwards, also when it could not be switched off whole."""
        with self._changing:
            wanted = not self._over.is_set()
            since_ms = self._endpoint.clock.now_ms()
            if wanted:
                self._want_off()
        try:
            yield since_ms if wanted and self._off else None
        finally:
            if wanted:
                with self._changing:
                    self._want_on()

    def on_for_good(self) -> None:
        """Switch on what may still be off: after an interrupt, of whatever went wrong meanwhile. On an engine that has ended nothing
        is left to be switched; should it come back with what it had, the note says how."""
        if has_ended(self._endpoint):
            return
        try:
            with self._changing:
                states = self._states(self._ever_off)
                self._switch([each for each, state in states.items() if state != "Enabled"], enabled=True)
                self._note.keep(self._queue_arn, [])
        except (KeyboardInterrupt, TaskGuardError, ClientError, BotoCoreError) as problem:
            if not self._ever_off:
                raise
            by_hand = "\n".join(["If the stack stays, switch them on yourself:", *self._commands()])
            raise TaskGuardError(
                f"switching the consumers of {self._queue_arn} on again: {in_words(problem)}\n{by_hand}"
            ) from problem

    def _want_off(self) -> None:
        if self._off_for:
            self._off_for += 1
            return
        self._off = self._enabled()
        self._ever_off |= dict.fromkeys(self._off)
        # Before anything is off: a run may be killed at any moment.
        self._note.keep(self._queue_arn, self._commands() if self._off else [])
        self._off_for = 1
        try:
            self._switch(self._off, enabled=False)
        except BaseException:
            self._want_on()
            raise

    def _want_on(self) -> None:
        self._off_for -= 1
        if not self._off_for and not has_ended(self._endpoint):
            self._switch(self._off, enabled=True)
            self._note.keep(self._queue_arn, [])

    def _enabled(self) -> tuple[str, ...]:
        """The mappings that were on: one that its owner switched off stays so."""
        return tuple(
            mapping["UUID"]
            for mapping in mappings_of(self._endpoint, self._queue_arn)
            if mapping.get("State") not in ("Disabled", "Disabling") or mapping["UUID"] in self._ever_off
        )

    def _switch(self, ids: Sequence[str], *, enabled: bool) -> None:
        wanted = "Enabled" if enabled else "Disabled"
        try:
            for mapping_id in ids:
                wait_for(partial(self._asked, mapping_id, enabled), seconds=_SWITCHED_WITHIN_SECONDS)
            wait_for(lambda: set(self._states(ids).values()) <= {wanted}, seconds=_SWITCHED_WITHIN_SECONDS, every=0.02)
        except WaitedInVain:
            states = ", ".join(sorted(set(self._states(ids).values())))
            raise TaskGuardError(
                f"switching the consumers of {self._queue_arn} to {wanted}: after {_SWITCHED_WITHIN_SECONDS:.0f} s they are "
                f"{states}. Look at them with `aws lambda list-event-source-mappings`."
            ) from None

    def _asked(self, mapping_id: str, enabled: bool) -> bool:
        try:
            self._endpoint.functions().update_event_source_mapping(UUID=mapping_id, Enabled=enabled)
        except self._endpoint.functions().exceptions.ResourceInUseException:
            # It is being changed: by the call before this one, or by a deploy.
            return False
        return True

    def _states(self, ids: Iterable[str]) -> dict[str, str]:
        functions = self._endpoint.functions()
        return {each: functions.get_event_source_mapping(UUID=each)["State"] for each in ids}

    def _commands(self) -> list[str]:
        where = f" --endpoint-url {self._endpoint.url}" if self._endpoint.url else ""
        return [
            f"aws lambda update-event-source-mapping --uuid {each} --enabled --region {self._endpoint.region}{where}"
            for each in self._ever_off
        ]
