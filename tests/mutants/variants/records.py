"""Pipelines whose tables tell something else than what happened."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.variants.variant import Variant

_STORE = "handlers/task_store.py"
_PROCESS = "handlers/process_task.py"
_CLAIMED = '                ":processing": {"S": Status.PROCESSING},\n                ":pending"'
_CLAIM = '                    ":processing": {"S": Status.PROCESSING},\n                    ":message": {"S": claim.message_id},\n'
_COMPLETED = "            completed_at = self.store.complete(claim)\n"


def _while_at_work(status: str) -> tuple[Change, ...]:
    return tuple(
        Change(file=_STORE, old=old, new=old.replace("Status.PROCESSING", f"Status.{status}"))
        for old in (_CLAIMED, _CLAIM)
    )


RECORDS = (
    Variant(
        name="never-completed",
        sentence="the record never says that a task was completed",
        changes=(Change(file=_PROCESS, old=_COMPLETED, new="            completed_at = claim.created_at\n"),),
        caught_by=("record", "transitions"),
        message="was completed; its record says PROCESSING, expected COMPLETED",
    ),
    Variant(
        name="never-marked-as-dead",
        sentence="the record of a dead task still waits for its next attempt",
        changes=(
            Change(
                file=_STORE,
                old='":dead": {"S": Status.DEAD_LETTER},\n',
                new='":dead": {"S": Status.RETRYING},\n',
            ),
        ),
        caught_by=("record", "transitions"),
        message="was dead-lettered; its record says RETRYING, expected DEAD_LETTER",
    ),
    Variant(
        name="records-double-backoff",
        sentence="the record tells of twice the backoff that was asked for",
        changes=(
            Change(
                file=_PROCESS,
                old="            self.store.retry_later(claim, error, delay_seconds)\n",
                new="            self.store.retry_later(claim, error, 2 * delay_seconds)\n",
            ),
        ),
        caught_by=("record",),
        message="with a backoff of 10 s, seen was a backoff of 5 s",
    ),
    Variant(
        name="forgets-earlier-attempts",
        sentence="the record keeps the last attempt only",
        changes=(
            Change(
                file=_STORE, old="list_append(if_not_exists(attempts, :none), :added)", new="list_append(:none, :added)"
            ),
            Change(file=_STORE, old="index = min(len(before.attempts), MOST_ATTEMPTS_KEPT - 1)", new="index = 0"),
        ),
        caught_by=("record", "transitions"),
        message="its record has attempts 2, seen were 1, 2",
    ),
    Variant(
        name="counts-from-zero",
        sentence="the record numbers a task's attempts from 0",
        changes=(Change(file=_STORE, old='{"number": {"N": str(attempt)}', new='{"number": {"N": str(attempt - 1)}'),),
        caught_by=("record", "transitions"),
        message="its record has attempts 0",
    ),
    Variant(
        name="records-another-payload",
        sentence="the record has 1 where 1.0 was submitted",
        changes=(
            Change(
                file=_STORE,
                old='"payload": {"S": payload_json},',
                new='"payload": {"S": payload_json.replace("1.0", "1")},',
            ),
            # Whoever comes first stores it, and neither heeds the difference.
            Change(
                file=_STORE,
                old='":payload": {"S": payload_json},\n            ":message"',
                new='":payload": {"S": payload_json.replace("1.0", "1")},\n            ":message"',
            ),
            Change(
                file="handlers/submit_task.py",
                old="    return exact_json.same(record.payload_json, message.payload_json)\n",
                new="    return True\n",
            ),
        ),
        caught_by=("record", "dead_letter_log"),
        message="its record has another payload than was submitted",
    ),
    Variant(
        name="deletes-on-failure",
        sentence="acknowledges a failed attempt's message, which loses the task",
        changes=(
            Change(
                file="handlers/batch.py",
                old="        except KeepMessage:\n            raise\n",
                new="        except KeepMessage:\n            return\n",
            ),
        ),
        caught_by=("record", "first_failure_rate", "later_failure_rate", "independence"),
        message="was completed; its record says RETRYING, expected COMPLETED",
        real_time=True,
    ),
    Variant(
        name="clock-ahead",
        sentence="all times in records and logs are an hour ahead",
        changes=(
            Change(
                file="handlers/runtime.py",
                old="    return datetime.now(UTC).isoformat(",
                new="    return (datetime.now(UTC) + timedelta(hours=1)).isoformat(",
            ),
            Change(
                file="handlers/runtime.py",
                old="from datetime import UTC, datetime\n",
                new="from datetime import UTC, datetime, timedelta\n",
            ),
        ),
        caught_by=("record", "dead_letter_log", "transitions"),
        message="started .* after its outcome",
    ),
    Variant(
        name="completed-in-the-future",
        sentence="the record has a completion in the year 2099",
        changes=(
            Change(
                file=_STORE,
                old="        now = self._now()\n        self._finish(\n            claim,\n            Status.COMPLETED,\n",
                new='        now = "2099-01-01T00:00:00.000Z"\n'
                "        self._finish(\n            claim,\n            Status.COMPLETED,\n",
            ),
        ),
        caught_by=("record", "transitions"),
        message="it was completed .* after the record was read",
    ),
    Variant(
        name="completed-before-the-work",
        sentence="the record says COMPLETED as soon as an attempt begins",
        changes=_while_at_work("COMPLETED"),
        caught_by=("transitions",),
        message="went from (PENDING|no status) to COMPLETED, which is no legal change",
    ),
    Variant(
        name="never-processing",
        sentence="the record says PENDING while an attempt is under way",
        changes=_while_at_work("PENDING"),
        # Where a task came in two messages, either may be tried while the other is.
        caught_by=("transitions", "effect"),
        message="went from PENDING to (PENDING|COMPLETED|RETRYING), which is no legal change",
    ),
    Variant(
        name="late-failure-overwrites-completed",
        sentence="an earlier attempt's failure is reported again once the task is completed, and overwrites that",
        changes=(
            Change(
                file=_STORE,
                old="        return now\n\n    def retry_later(",
                new="""        if claim.attempt > 1:
            self._update(
                claim.task_id,
                update="SET #status = :retrying, failedAt = :now",
                condition="attribute_exists(taskId)",
                values={":retrying": {"S": Status.RETRYING}, ":now": {"S": now}},
            )
        return now

    def retry_later(""",
            ),
        ),
        caught_by=("transitions", "record"),
        message="was COMPLETED, which is final, and was left for RETRYING",
    ),
)
