"""Pipelines that log a death where nobody has seen it, too late, or with an error that is another one's."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.variants.variant import Variant

_MONITOR = "handlers/monitor_dlq.py"
_PROCESS = "handlers/process_task.py"
_REPORTED = "            self.store.retry_later(claim, error, delay_seconds)\n"
_PUT_OFF = "        self._put_off(delivery, delay_seconds, about)\n        logger.warning"
_BURIED = '        about = {"messageId": delivery.message_id, "receiveCount": delivery.receive_count}\n        try:\n            task = task_message.parse(delivery.body)\n        except NotATask as poison:\n            body'

LOGS = (
    Variant(
        name="worker-logs-deaths",
        sentence="the worker logs a task's death, too, when its last attempt has failed: before the message is dead",
        changes=(
            Change(
                file=_PROCESS,
                old=_PUT_OFF,
                new=f"""        if claim.attempt == 3:
            record = self.store.get(claim.task_id)
            dead = {{
                "event": "TASK_DEAD_LETTER",
                "taskId": claim.task_id,
                "payload": exact_json.parse(record.payload_json) if record else None,
                "attempts": claim.attempt,
                "lastError": error,
                "createdAt": claim.created_at,
                "failedAt": record.failed_at if record else None,
                "messageId": claim.message_id,
            }}
            logger.error("task dead-lettered", extra=dead)
{_PUT_OFF}""",
            ),
            Change(
                file="serverless.yml",
                old="""                - Effect: Allow
                  Action: dynamodb:UpdateItem
                  Resource: !GetAtt TasksTable.Arn
                - Effect: Allow
                  Action:
                    - sqs:ChangeMessageVisibility
""",
                new="""                - Effect: Allow
                  Action: [dynamodb:UpdateItem, dynamodb:GetItem]
                  Resource: !GetAtt TasksTable.Arn
                - Effect: Allow
                  Action:
                    - sqs:ChangeMessageVisibility
""",
            ),
        ),
        caught_by=("dead_letter_log",),
        message="was logged as a dead letter by processTask, which had not seen the death, .* before it was one",
    ),
    Variant(
        name="first-error-everywhere",
        sentence="records the first attempt's error for each later one, so that the record and the dead-letter log agree in it",
        changes=(
            Change(
                file=_PROCESS,
                old=_REPORTED,
                new=f"""            recorded = error
            try:
                self.work(TaskMessage(claim.task_id, "null"), 1)
            except SimulatedFailure as first:
                recorded = str(first)
{_REPORTED.replace("error", "recorded")}""",
            ),
        ),
        caught_by=("dead_letter_log",),
        message="lastError is .* which is the error of attempt 1; attempt 3, the last one, ended with",
    ),
    Variant(
        name="keeps-deaths-for-itself",
        sentence="the dead-letter queue's consumer hands each dead letter back for most of a minute before it logs it",
        changes=(
            Change(
                file=_MONITOR,
                old=_BURIED,
                new=f"""        if time.time() - kept.setdefault(delivery.message_id, time.time()) < 40:
            raise KeepMessage
{_BURIED}""",
            ),
            Change(file=_MONITOR, old="import os\n", new="import os\nimport time\n"),
            Change(
                file=_MONITOR, old="logger = new_logger()\n", new="logger = new_logger()\nkept: dict[str, float] = {}\n"
            ),
        ),
        caught_by=("dead_letter_log",),
        message="was logged as a dead letter .* after it was one, .* allowed",
        takes_long=True,
    ),
    Variant(
        name="logs-a-neighbours-error",
        sentence="the dead-letter log has the error of the dead letter that came before it",
        changes=(
            Change(
                file=_MONITOR,
                old='        "lastError": record.last_error,\n',
                new='        "lastError": errors[-2],\n',
            ),
            Change(
                file=_MONITOR,
                old="def _epitaph(record: TaskRecord) -> dict[str, Any]:\n",
                new="errors: list[str | None] = [None]\n\n\ndef _epitaph(record: TaskRecord) -> dict[str, Any]:\n    errors.append(record.last_error)\n",
            ),
        ),
        caught_by=("dead_letter_log",),
        message="lastError is .* for its last failed attempt",
    ),
)
