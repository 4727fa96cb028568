"""Pipelines that wait too little, too much, at the wrong moment or for the wrong message."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.loads import BACKLOG
from tests.mutants.variants.variant import Variant

_BACKOFF = "handlers/backoff.py"
_PROCESS = "handlers/process_task.py"
_GROW = "            delay *= self.factor\n"
_DELAY = "        return min(delay, LONGEST_VISIBILITY_SECONDS)\n"
_PUT_OFF = "            self.queue.return_after(delivery.receipt_handle, delay_seconds)\n"

BACKOFF = (
    Variant(
        name="no-backoff",
        sentence="reports a failed attempt and leaves the waiting to the queue's visibility timeout",
        changes=(Change(file=_PROCESS, old=_PUT_OFF, new="            pass\n"),),
        caught_by=("backoff", "record"),
        message="asked for no backoff, expected 5 s",
        takes_long=True,
    ),
    Variant(
        name="no-wait",
        sentence="makes a failed message visible again at once",
        changes=(Change(file=_PROCESS, old=_PUT_OFF, new=_PUT_OFF.replace("delay_seconds", "0")),),
        caught_by=("backoff", "record"),
        message="asked for 0 s, expected 5 s",
        real_time=True,
    ),
    Variant(
        name="constant-backoff",
        sentence="every failed attempt waits 5 s",
        changes=(Change(file=_BACKOFF, old=_GROW, new="            delay *= 1\n"),),
        caught_by=("backoff",),
        message="attempt 2 asked for 5 s, expected 10 s",
        real_time=True,
    ),
    Variant(
        name="grows-one-attempt-late",
        sentence="waits 5, 5 and 10 s",
        changes=(
            Change(
                file=_BACKOFF,
                old="        for _ in range(attempt - 1):\n",
                new="        for _ in range(attempt - 2):\n",
            ),
        ),
        caught_by=("backoff",),
        message="attempt 2 asked for 5 s, expected 10 s",
    ),
    Variant(
        name="linear-backoff",
        sentence="waits 5, 10 and 15 s",
        changes=(Change(file=_BACKOFF, old=_GROW, new="            delay += self.base_seconds\n"),),
        caught_by=("backoff",),
        message="attempt 3 asked for 15 s, expected 20 s",
    ),
    Variant(
        name="tenth-too-early",
        sentence="waits a tenth less than it should, and says so",
        changes=(Change(file=_BACKOFF, old=_DELAY, new=f"{_DELAY.rstrip()} * 9 // 10\n"),),
        caught_by=("backoff",),
        message="attempt 2 asked for 9 s, expected 10 s",
    ),
    Variant(
        name="jitter",
        sentence="waits for a random time up to the delay that it should wait for",
        changes=(
            Change(
                file=_BACKOFF,
                old="from dataclasses import dataclass\n",
                new="from dataclasses import dataclass\nfrom random import SystemRandom\n",
            ),
            # Below the delay, whatever the draw.
            Change(file=_BACKOFF, old=_DELAY, new="        return SystemRandom().randrange(delay)\n"),
        ),
        caught_by=("backoff",),
        message=r"asked for \d+ s, expected (5|10|20) s",
    ),
    Variant(
        name="says-ten-asks-nine",
        sentence="asks for a second less than it logs and records",
        changes=(Change(file=_PROCESS, old=_PUT_OFF, new=_PUT_OFF.replace("delay_seconds)", "delay_seconds - 1)")),),
        caught_by=("backoff", "record"),
        message="attempt 1 asked for 4 s, expected 5 s",
        real_time=True,
    ),
    Variant(
        name="asks-after-answering",
        sentence="asks for an attempt's backoff when it handles the next message",
        changes=(
            Change(
                file=_PROCESS,
                old='        """Makes one attempt. Returns if the message is to be acknowledged, raises KeepMessage if not."""\n',
                new="        while _postponed:\n            self.queue.return_after(*_postponed.pop())\n",
            ),
            Change(
                file=_PROCESS,
                old=_PUT_OFF,
                new="            _postponed.append((delivery.receipt_handle, delay_seconds))\n",
            ),
            Change(
                file=_PROCESS,
                old="Work = Callable[[TaskMessage, int], None]\n",
                new="_postponed: list[tuple[str, int]] = []\nWork = Callable[[TaskMessage, int], None]\n",
            ),
        ),
        caught_by=("backoff", "record", "dead_letter_log"),
        message="asked for no backoff",
        takes_long=True,
    ),
    Variant(
        name="backs-off-before-the-work",
        sentence="asks for an attempt's backoff when the attempt begins, and then works for a while at a retry",
        changes=(
            Change(
                file=_PROCESS,
                old="        try:\n            self.work(task, claim.attempt)\n",
                new="        self._put_off(delivery, self.backoff.delay_seconds(claim.attempt), about)\n"
                "        __import__('time').sleep(0.8 if claim.attempt > 1 else 0)\n"
                "        try:\n            self.work(task, claim.attempt)\n",
            ),
            Change(
                file=_PROCESS,
                old='        self._put_off(delivery, delay_seconds, about)\n        logger.warning("attempt failed"',
                new='        logger.warning("attempt failed"',
            ),
        ),
        caught_by=("backoff",),
        message="asked for its backoff of (10|20) s before the work, as attempts that succeed do too",
    ),
    Variant(
        name="backs-off-the-wrong-record",
        sentence="puts off the first message of a batch whichever of them failed",
        changes=(
            Change(
                file="handlers/batch.py",
                old="            record.receipt_handle,\n",
                new='            event["Records"][0]["receiptHandle"],\n',
            ),
        ),
        caught_by=("backoff", "record"),
        message="asked for no backoff, expected 5 s",
        takes_long=True,
        load=BACKLOG,
    ),
)
