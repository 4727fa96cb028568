"""Pipelines whose claims are right and whose deeds are not, and such as leave no believable trail."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.variants.variant import FromLogs, Variant

_PROCESS = "handlers/process_task.py"

LIARS = (
    Variant(
        name="liar",
        sentence="makes all attempts of a task in one delivery; its records and its logs tell of three, and of the backoff",
        changes=(
            Change(
                file=_PROCESS,
                old="""        try:
            self.work(task, claim.attempt)
        except Exception as failure:
            self._retry_later(claim, failure, delivery, about)
        self._complete(claim, about)
""",
                new="""        while True:
            try:
                self.work(task, claim.attempt)
                break
            except Exception as failure:
                try:
                    self._retry_later(claim, failure, delivery, about)
                except KeepMessage:
                    if claim.attempt == 3:
                        raise
            claim = self.store.claim(
                task.task_id,
                task.payload_json,
                message_id=delivery.message_id,
                attempt=claim.attempt + 1,
                sent_at=delivery.sent_at,
            )
            about["receiveCount"] = claim.attempt
            logger.info("attempt started", extra=about)
        self._complete(claim, about)
""",
            ),
        ),
        caught_by=(
            "record",
            "first_failure_rate",
            "later_failure_rate",
            "independence",
            "backoff",
            "partial_batches",
            "transitions",
            "dead_letter_log",
        ),
        message="its record has attempt 1 as FAILED, expected SUCCEEDED",
        takes_long=True,
        real_time=True,
    ),
    Variant(
        name="no-trail",
        sentence="asks for a second less than it should, and its consumer leaves no trail",
        changes=(
            Change(
                file=_PROCESS,
                old="@trail.recorded\n",
                new="Backoff.delay_seconds = lambda self, attempt: 5 * 2 ** (attempt - 1) - 1  # type: ignore\n\n\n",
            ),
        ),
        caught_by=("backoff",),
        message="attempt 1 asked for 4 s, expected 5 s",
        from_logs=FromLogs.UNKNOWN,
        takes_long=True,
    ),
    Variant(
        name="forged-trail",
        sentence="asks for a second less than it should, and its trail adds that second",
        changes=(
            Change(
                file="handlers/trail.py",
                old="""        "startedAt": _now_ms(),
    }
""",
                new="""        "startedAt": _now_ms(),
    }
    params["VisibilityTimeout"] -= 1
""",
            ),
        ),
        caught_by=("backoff", "record"),
        message="attempt 1 asked for 4 s, expected 5 s",
        from_logs=FromLogs.UNKNOWN,
    ),
)
