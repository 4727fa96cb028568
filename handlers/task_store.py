"""All that is known of DynamoDB: how a task's record is laid out, and the conditional writes that move it on.

Every write is conditional, so that no late or duplicate delivery can undo COMPLETED or DEAD_LETTER, and whoever comes first
stores a record. A write that is tried again because its answer was lost finds itself already done; the claim's id tells that
from somebody else's write. This module must not know why a task is moved on, nor anything of the queue.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from handlers.runtime import CLIENT_CONFIG, utc_now
from handlers.task_record import (
    Attempt,
    Claim,
    ClaimRefused,
    MarkedDead,
    NotMarkedDead,
    Status,
    TaskRecord,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# With errors of LONGEST_ERROR_CHARACTERS, the attempts stay far below the 400 KB of an item beside the largest payload.
MOST_ATTEMPTS_KEPT = 20
LONGEST_ERROR_CHARACTERS = 500

_CONDITION_FAILED = "ConditionalCheckFailedException"
_NO_RECORD = "attribute_not_exists(taskId)"

# An item or a map in the form of the DynamoDB API: {"taskId": {"S": "…"}}.
Item = Mapping[str, Any]


class StoreError(Exception):
    """DynamoDB did not do what it was asked. The message names the call and the cause."""


class AttemptSuperseded(Exception):
    """The outcome of an attempt came too late: the record has moved on without it, and was left alone."""


class _ConditionFailed(Exception):
    def __init__(self, record: TaskRecord | None) -> None:
        super().__init__("condition failed")
        self.record = record

    def known(self, call: str) -> TaskRecord:
        """The record that the condition did not hold for. Raises StoreError if the answer to `call` did not tell."""
        if self.record is None:
            raise StoreError(f"{call} was refused, and its answer lacks the record that it was refused for") from self
        return self.record


class TaskStore:
    """The records of a table. Every method raises StoreError when DynamoDB fails."""

    def __init__(self, table_name: str, client: DynamoDBClient | None = None, now: Callable[[], str] = utc_now) -> None:
        self._table_name = table_name
        self._dynamodb: DynamoDBClient = client or boto3.client("dynamodb", config=CLIENT_CONFIG)
        self._now = now

    def create(self, task_id: str, payload_json: str, created_at: str) -> TaskRecord | None:
        """Stores a new task as PENDING. Answers None, or the record that already has this id; that one is not changed."""
        try:
            self._dynamodb.put_item(
                TableName=self._table_name,
                Item={
                    "taskId": {"S": task_id},
                    "payload": {"S": payload_json},
                    "status": {"S": Status.PENDING},
                    "createdAt": {"S": created_at},
                    "updatedAt": {"S": created_at},
                    "attempts": {"L": []},
                    "lastAttempt": {"N": "0"},
                },
                ConditionExpression=_NO_RECORD,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            existing = _record_of_failed_condition(error)
            if existing is None:
                raise StoreError(f"PutItem failed: {error}") from error
            return existing
        except BotoCoreError as error:
            raise StoreError(f"PutItem failed: {error}") from error
        return None

    def get(self, task_id: str) -> TaskRecord | None:
        """The task's record as of now, or None."""
        try:
            answer = self._dynamodb.get_item(
                TableName=self._table_name, Key={"taskId": {"S": task_id}}, ConsistentRead=True
            )
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"GetItem failed: {error}") from error
        item = answer.get("Item")
        return _to_record(item) if item else None

    def claim(
        self, task_id: str, payload_json: str, *, message_id: str, attempt: int, sent_at: str
    ) -> Claim | ClaimRefused:
        """Takes the task for attempt number `attempt` (a receive count) of a message sent at `sent_at`: → PROCESSING.

        Granted for a task that has no record yet, which is stored with this; for a PENDING one with the message's own payload, to
        the letter, unless it died with this message before; and to the message that owns the task for a later attempt than the
        last one, whether that one reported a failure (RETRYING) or died without a word (PROCESSING).
        """
        now, claim_id = self._now(), uuid.uuid4().hex
        entry = {"M": {"number": {"N": str(attempt)}, "startedAt": {"S": now}, "outcome": {"S": "STARTED"}}}
        values = {
            ":payload": {"S": payload_json},
            ":message": {"S": message_id},
            ":claim": {"S": claim_id},
            ":attempt": {"N": str(attempt)},
            ":sent": {"S": sent_at},
            ":now": {"S": now},
        }
        # Receive counts only grow, so a list of at most MOST_ATTEMPTS_KEPT needs a cut only for attempts beyond that number.
        take = self._take_appending if attempt <= MOST_ATTEMPTS_KEPT else self._take_replacing_the_last
        try:
            before = take(task_id, entry, values)
        except _ConditionFailed as failed:
            found = failed.known("UpdateItem")
            if found.claim_id != claim_id:
                return ClaimRefused(found)
            return Claim(
                task_id, message_id, attempt, claim_id, len(found.attempts) - 1, found.created_at, stored=False
            )
        if before is None:
            return Claim(task_id, message_id, attempt, claim_id, 0, sent_at, stored=True)
        index = min(len(before.attempts), MOST_ATTEMPTS_KEPT - 1)
        return Claim(task_id, message_id, attempt, claim_id, index, before.created_at, stored=False)

    def _take_appending(self, task_id: str, entry: Item, values: Mapping[str, Any]) -> TaskRecord | None:
        """Takes the task, appending this entry to its attempts; answers with what was there before."""
        attempts = "attempts = list_append(if_not_exists(attempts, :none), :added)"
        more = {":none": {"L": []}, ":added": {"L": [entry]}}
        return self._take(task_id, f"{_NO_RECORD} OR ", attempts, {**values, **more})

    def _take_replacing_the_last(self, task_id: str, entry: Item, values: Mapping[str, Any]) -> TaskRecord | None:
        # Setting an element past a list's end appends it, but a list there must be.
        try:
            attempts = f"attempts[{MOST_ATTEMPTS_KEPT - 1}] = :added"
            return self._take(task_id, "", attempts, {**values, ":added": entry})
        except _ConditionFailed as failed:
            if failed.record is not None:
                raise
        return self._take_appending(task_id, entry, values)

    def _take(self, task_id: str, condition: str, attempts: str, values: Mapping[str, Any]) -> TaskRecord | None:
        old = self._update(
            task_id,
            update=f"SET #status = :processing, messageId = :message, claimId = :claim, lastAttempt = :attempt, "
            f"updatedAt = :now, payload = if_not_exists(payload, :payload), "
            f"createdAt = if_not_exists(createdAt, :sent), {attempts}",
            condition=f"{condition}(#status = :pending AND payload = :payload AND NOT contains(earlierMessages, :message)) "
            "OR (messageId = :message AND #status IN (:retrying, :processing) AND lastAttempt < :attempt)",
            values={
                ":processing": {"S": Status.PROCESSING},
                ":pending": {"S": Status.PENDING},
                ":retrying": {"S": Status.RETRYING},
                **values,
            },
            # What was there before tells whether anything was, and when the task was created.
            answer="ALL_OLD",
        )
        return _to_record(old) if old else None

    def complete(self, claim: Claim) -> str:
        """Reports a claimed attempt's success: → COMPLETED. Answers with the time of it. Raises AttemptSuperseded."""
        now = self._now()
        self._finish(
            claim,
            Status.COMPLETED,
            f"completedAt = :now, {_entry(claim)}.outcome = :outcome, {_entry(claim)}.finishedAt = :now REMOVE failedAt",
            {":outcome": {"S": "SUCCEEDED"}, ":now": {"S": now}},
        )
        return now

    def retry_later(self, claim: Claim, error: str, backoff_seconds: int) -> None:
        """Reports a claimed attempt's failure: → RETRYING. Raises AttemptSuperseded."""
        now, entry = self._now(), _entry(claim)
        self._finish(
            claim,
            Status.RETRYING,
            f"lastError = :error, failedAt = :now, {entry}.outcome = :outcome, {entry}.finishedAt = :now, "
            f"{entry}.#error = :error, {entry}.backoffSeconds = :backoff",
            {
                ":outcome": {"S": "FAILED"},
                ":now": {"S": now},
                ":error": {"S": _storable(error)},
                ":backoff": {"N": str(backoff_seconds)},
            },
            names={"#error": "error"},
        )

    def mark_dead(
        self, task_id: str, payload_json: str, *, message_id: str, sent_at: str
    ) -> MarkedDead | NotMarkedDead:
        """Marks the task as lost with the message that reached the dead-letter queue: → DEAD_LETTER.

        A task that has no record yet is stored with this. Left alone is a record that is final, or owned by another message,
        or waiting with another payload, or put back to work since it died with this one. `failedAt` becomes the time of the
        last attempt's failure or, if that attempt left no report, now; `lastError` then says so. Marking again changes nothing.
        """
        values = {
            ":dead": {"S": Status.DEAD_LETTER},
            ":now": {"S": self._now()},
            ":message": {"S": message_id},
        }
        try:
            marked = self._update(
                task_id,
                update="SET #status = :dead, updatedAt = :now, failedAt = if_not_exists(failedAt, :now)",
                condition="#status = :retrying AND messageId = :message",
                values={**values, ":retrying": {"S": Status.RETRYING}},
                answer="ALL_NEW",
            )
            return MarkedDead(_to_record(marked), newly=True)
        except _ConditionFailed as failed:
            record = failed.record
        if record is not None:
            if record.status is Status.COMPLETED or not _decides(message_id, payload_json, record):
                return NotMarkedDead(record)
            if record.status is Status.DEAD_LETTER:
                return MarkedDead(record, newly=False)
            if record.status is Status.RETRYING:
                raise StoreError("UpdateItem was refused for a record that it should have marked as dead")
        values |= {":payload": {"S": payload_json}, ":sent": {"S": sent_at}}
        return self._mark_dead_without_a_report(task_id, record, values)

    def _mark_dead_without_a_report(
        self, task_id: str, record: TaskRecord | None, values: Mapping[str, Any]
    ) -> MarkedDead:
        if record is not None and record.last_attempt:
            error = f"attempt {record.last_attempt} ended without a report"
        else:
            error = "the message was dead-lettered before any attempt of the task was recorded"
        # Only what was seen just now: a report that came in between has the last word at the next delivery.
        condition, seen = _NO_RECORD, dict[str, Any]()
        if record is not None:
            condition = (
                "#status = :seen AND lastAttempt = :attempt AND (messageId = :message OR (attribute_not_exists(messageId) "
                "AND payload = :payload AND NOT contains(earlierMessages, :message)))"
            )
            seen = {":seen": {"S": record.status}, ":attempt": {"N": str(record.last_attempt)}}
        try:
            new = self._update(
                task_id,
                update="SET #status = :dead, messageId = :message, updatedAt = :now, failedAt = :now, lastError = :error, "
                "payload = if_not_exists(payload, :payload), createdAt = if_not_exists(createdAt, :sent), "
                "attempts = if_not_exists(attempts, :none), lastAttempt = if_not_exists(lastAttempt, :zero)",
                condition=condition,
                values={
                    **values,
                    ":error": {"S": error},
                    ":none": {"L": []},
                    ":zero": {"N": "0"},
                    **seen,
                },
                answer="ALL_NEW",
            )
        except _ConditionFailed as failed:
            found, message_id = failed.record, values[":message"]["S"]
            if found and found.status is Status.DEAD_LETTER and found.message_id == message_id:
                return MarkedDead(found, newly=False)
            raise StoreError("UpdateItem found a record that changed while it was being marked as dead") from None
        return MarkedDead(_to_record(new), newly=True, stored=record is None)

    def _finish(
        self,
        claim: Claim,
        status: Status,
        update: str,
        values: dict[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> None:
        try:
            self._update(
                claim.task_id,
                update=f"SET #status = :status, updatedAt = :now, {update}",
                condition="#status = :processing AND messageId = :message AND lastAttempt = :attempt AND claimId = :claim",
                values={
                    **values,
                    ":status": {"S": status},
                    ":processing": {"S": Status.PROCESSING},
                    ":message": {"S": claim.message_id},
                    ":attempt": {"N": str(claim.attempt)},
                    ":claim": {"S": claim.claim_id},
                },
                names=names,
            )
        except _ConditionFailed as failed:
            record = failed.record
            if record is None or record.claim_id != claim.claim_id or record.status is not status:
                found = record.status if record else "missing"
                raise AttemptSuperseded(
                    f"attempt {claim.attempt} is too late to report {status}: the record is {found}"
                ) from None

    def _update(
        self,
        task_id: str,
        *,
        update: str,
        condition: str,
        values: dict[str, Any],
        names: Mapping[str, str] | None = None,
        answer: Any = "NONE",
    ) -> Item:
        try:
            result = self._dynamodb.update_item(
                TableName=self._table_name,
                Key={"taskId": {"S": task_id}},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status", **(names or {})},
                ExpressionAttributeValues=values,
                ReturnValues=answer,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == _CONDITION_FAILED:
                raise _ConditionFailed(_record_of_failed_condition(error)) from error
            raise StoreError(f"UpdateItem failed: {error}") from error
        except BotoCoreError as error:
            raise StoreError(f"UpdateItem failed: {error}") from error
        return result.get("Attributes", {})


def _entry(claim: Claim) -> str:
    return f"attempts[{claim.index}]"


def _decides(message_id: str, payload_json: str, record: TaskRecord) -> bool:
    """Whether the message owns the task, or nobody does, it carries the task's payload and the task did not die with it before."""
    if record.message_id is None:
        return record.payload_json == payload_json and message_id not in record.earlier_messages
    return record.message_id == message_id


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:LONGEST_ERROR_CHARACTERS]


def _record_of_failed_condition(error: ClientError) -> TaskRecord | None:
    response: Mapping[str, Any] = error.response
    item = response.get("Item") if response["Error"]["Code"] == _CONDITION_FAILED else None
    return _to_record(item) if item else None


def _to_record(item: Item) -> TaskRecord:
    def text(name: str) -> str | None:
        return item[name]["S"] if name in item else None

    return TaskRecord(
        task_id=item["taskId"]["S"],
        payload_json=item["payload"]["S"],
        status=Status(item["status"]["S"]),
        created_at=item["createdAt"]["S"],
        updated_at=item["updatedAt"]["S"],
        last_attempt=int(item["lastAttempt"]["N"]),
        attempts=tuple(_to_attempt(entry["M"]) for entry in item["attempts"]["L"]),
        message_id=text("messageId"),
        earlier_messages=tuple(entry["S"] for entry in item.get("earlierMessages", {"L": []})["L"]),
        claim_id=text("claimId"),
        last_error=text("lastError"),
        failed_at=text("failedAt"),
        completed_at=text("completedAt"),
    )


def _to_attempt(entry: Item) -> Attempt:
    def text(name: str) -> str | None:
        return entry[name]["S"] if name in entry else None

    return Attempt(
        number=int(entry["number"]["N"]),
        started_at=entry["startedAt"]["S"],
        outcome=entry["outcome"]["S"],
        finished_at=text("finishedAt"),
        error=text("error"),
        backoff_seconds=int(entry["backoffSeconds"]["N"]) if "backoffSeconds" in entry else None,
    )
