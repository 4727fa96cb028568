"""Puts dead-lettered tasks back to work from their record, safely and once.

Two steps. First one conditional write, DEAD_LETTER to PENDING: it lets go of the message that died, starts the attempts
anew, keeps the earlier ones in the record and counts the redrive. Then a new message is sent, word for word the first
one, since the record has the task's payload as text. Where this can be cut off, or meet somebody else:

- *Before the write*: nothing has happened.
- *Between write and send, or when the send's answer is lost*: the record is PENDING and says that it was redriven, and
  there may be no message for it. Redriving it again sends one (again). Of two messages the consumer takes the first and
  drops the other, for the claim of a PENDING task is one conditional write too.
- *Two operators at once*: one write succeeds, for its condition names the number of redrives that was seen. The other
  finds that out, and sends again while the task is PENDING; the work is done once.
- *A late delivery of the message that died*, to the monitor of the dead-letter queue, which may get any message twice:
  the record remembers that message, and the monitor leaves a task alone that was redriven since. An attempt that still
  runs somewhere has lost its claim, and cannot report any more.

A task whose message is still in the dead-letter queue is not DEAD_LETTER yet, and is refused. This module changes records
and sends messages; it must not know what a task does, and is the only writer outside of the functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.contract.dialect import RECORD, TASKGUARD
from taskguard.errors import RedriveError
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

MOST_EARLIER_ATTEMPTS = 40
"""With the pipeline's limits on payload, attempts and errors, a record stays below the 400 KB of an item."""

_AT_ONCE = 8
_PENDING = "PENDING"
(_DEAD,) = RECORD.dead
_PAYLOAD, _ATTEMPTS, _CHANGED_AT = map(str, (RECORD.payload, RECORD.attempts, RECORD.changed_at))
_CONDITION_FAILED = "ConditionalCheckFailedException"

# What is changed of a record besides when its task is redriven.
_MESSAGE_ID, _CLAIM_ID, _LAST_ATTEMPT, _FAILED_AT = "messageId", "claimId", "lastAttempt", "failedAt"
_REDRIVES, _REDRIVEN_AT = "redrives", "redrivenAt"
_EARLIER_ATTEMPTS, _EARLIER_MESSAGES = "earlierAttempts", "earlierMessages"

# In the form of the DynamoDB API: {"taskId": {"S": "…"}}.
Item = Mapping[str, Any]


class Result(StrEnum):
    """What became of a request to redrive a task."""

    REDRIVEN = "back at work"
    SENT_AGAIN = "sent again"
    BY_ANOTHER = "redriven by somebody else just now"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one task. ``at_ms`` is when it was decided, ``detail`` says why it was refused."""

    task_id: str
    result: Result
    at_ms: float
    detail: str = ""


def has_to_be_put_back(task_id: str, item: Item) -> bool:
    """Whether this task's record has to be written before its message is sent, and not only that; from the record alone.

    Raises:
        RedriveError: it is not to be redriven; the message says why, and what to do.
    """
    about = f"redriving task {task_id}"
    if "S" not in item.get(_PAYLOAD, {}):
        raise RedriveError(f"{about}: its record has no payload as JSON text to be sent again. Submit it anew.")
    status = item.get(RECORD.status, {}).get("S")
    if status == _DEAD:
        return True
    if status == _PENDING and _redrives(item):
        return False
    if status == _PENDING:
        advice = "It waits for its first attempt; submitting the same task again sends its message again."
    elif status in RECORD.completed:
        advice = "There is nothing to put back."
    else:
        advice = "It is still being worked on, or waits in the dead-letter queue for its monitor. Try again later."
    raise RedriveError(f"{about}: it is {status}, not {_DEAD}. {advice}")


def put_back(item: Item, now: str) -> dict[str, Any]:
    """The conditional write, DEAD_LETTER to PENDING, as the parameters of an UpdateItem; ``now`` is ISO 8601."""
    seen = _redrives(item)
    earlier = [*_list(item, _EARLIER_ATTEMPTS), *_list(item, _ATTEMPTS)][-MOST_EARLIER_ATTEMPTS:]
    owner = [item[_MESSAGE_ID]] if _MESSAGE_ID in item else []
    messages = [*_list(item, _EARLIER_MESSAGES), *owner][-MOST_EARLIER_ATTEMPTS:]
    values: dict[str, Any] = {
        RECORD.status: {"S": _PENDING},
        _CHANGED_AT: {"S": now},
        _ATTEMPTS: {"L": []},
        _LAST_ATTEMPT: {"N": "0"},
        _REDRIVES: {"N": str(seen + 1)},
        _REDRIVEN_AT: {"S": now},
        _EARLIER_ATTEMPTS: {"L": earlier},
        _EARLIER_MESSAGES: {"L": messages},
    }
    # The last error stays: it is what the operator wants to know of.
    gone = (_MESSAGE_ID, _CLAIM_ID, _FAILED_AT)
    aliases = {f"#{name}": name for name in (*values, *gone)}
    count = f"#{_REDRIVES} = :seen" if seen else f"attribute_not_exists(#{_REDRIVES})"
    return {
        "Key": {RECORD.key: item[RECORD.key]},
        "UpdateExpression": (
            f"SET {', '.join(f'#{name} = :{name}' for name in values)} REMOVE {', '.join(f'#{name}' for name in gone)}"
        ),
        # The number tells this death from a later one, which somebody else's redrive may have led to.
        "ConditionExpression": f"#{RECORD.status} = :dead AND {count}",
        "ExpressionAttributeNames": aliases,
        "ExpressionAttributeValues": {
            **{f":{name}": value for name, value in values.items()},
            ":dead": {"S": _DEAD},
            **({":seen": {"N": str(seen)}} if seen else {}),
        },
    }


class Redriver:
    """Redrives the tasks of one deployed stack."""

    def __init__(
        self,
        endpoint: Endpoint,
        stack: Stack,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._dynamodb = endpoint.dynamodb()
        self._sqs = endpoint.sqs()
        self._stack = stack
        self._now = now

    def redrive(self, task_id: str) -> Outcome:
        """Put this task back to work. When this returns, a message for it has been sent, by this call or another.

        Raises:
            RedriveError: it was not; the message says in what state the task is.
        """
        return self._redrive(task_id, self._read(task_id))

    def redrive_all(self) -> Iterator[Outcome]:
        """Put every dead-lettered task back to work, and what an earlier call left half done; refusals do not end it.

        Raises:
            RedriveError: the table cannot be read.
        """
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="redrive") as pool:
            for page in self._pages():
                yield from pool.map(self._try, page)

    def put_back(self, task_id: str, item: Item) -> bool:
        """The first step alone; False when somebody else took it since ``item`` was read."""
        now = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with _or_told(f"redriving task {task_id}: its record could not be changed"):
            try:
                self._dynamodb.update_item(TableName=self._stack.table_name, **put_back(item, now))
            except ClientError as error:
                if error.response["Error"]["Code"] != _CONDITION_FAILED:
                    raise
                return False
        return True

    def _redrive(self, task_id: str, item: Item) -> Outcome:
        put_back = has_to_be_put_back(task_id, item)
        outcome = self._outcome(task_id, Result.REDRIVEN if put_back else Result.SENT_AGAIN)
        if put_back and not self.put_back(task_id, item):
            return self._after_another(task_id)
        self._send(task_id, item)
        return outcome

    def _after_another(self, task_id: str) -> Outcome:
        """Somebody else has put the task back (or a try of ours did, whose answer was lost): while it is PENDING, nobody
        can know that its message was sent."""
        item = self._read(task_id)
        outcome = self._outcome(task_id, Result.BY_ANOTHER)
        if item[RECORD.status]["S"] == _PENDING:
            self._send(task_id, item)
        return outcome

    def _try(self, item: Item) -> Outcome:
        task_id = item[RECORD.key]["S"]
        try:
            return self._redrive(task_id, item)
        except RedriveError as error:
            return self._outcome(task_id, Result.REFUSED, str(error))

    def _send(self, task_id: str, item: Item) -> None:
        body = TASKGUARD.message.body(task_id, item[_PAYLOAD]["S"])
        doing = f"redriving task {task_id}: its record is {_PENDING}, and its message may not have been sent"
        with _or_told(doing, ". Redrive it again; the work is done once however often it is sent."):
            self._sqs.send_message(QueueUrl=self._stack.work_queue.url, MessageBody=body)

    def _read(self, task_id: str) -> Item:
        key: Any = {RECORD.key: {"S": task_id}}
        with _or_told(f"redriving task {task_id}: its record could not be read"):
            answer = self._dynamodb.get_item(TableName=self._stack.table_name, Key=key, ConsistentRead=True)
        if "Item" not in answer:
            raise RedriveError(f"redriving task {task_id}: there is no such task on stage {self._stack.stage}.")
        return answer["Item"]

    def _pages(self) -> Iterator[Sequence[Item]]:
        """The records of the dead, and of those that may be half redriven, as pages of the table."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._stack.table_name,
            ConsistentRead=True,
            FilterExpression="#status = :dead OR (#status = :pending AND attribute_exists(#redrives))",
            ExpressionAttributeNames={"#status": RECORD.status, "#redrives": _REDRIVES},
            ExpressionAttributeValues={":dead": {"S": _DEAD}, ":pending": {"S": _PENDING}},
        )
        doing = f"looking for dead-lettered tasks in the table {self._stack.table_name}"
        with _or_told(doing, ". What was put back before stays so; run it again for the rest."):
            yield from (page["Items"] for page in pages)

    def _outcome(self, task_id: str, result: Result, detail: str = "") -> Outcome:
        return Outcome(task_id=task_id, result=result, at_ms=self._now().timestamp() * 1000, detail=detail)


@contextmanager
def _or_told(doing: str, then: str = "") -> Iterator[None]:
    """What AWS refuses inside is told, with what was being done and what to do ``then``."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise RedriveError(f"{doing}: {error}{then}") from error


def _redrives(item: Item) -> int:
    return int(item.get(_REDRIVES, {"N": "0"})["N"])


def _list(item: Item, name: str) -> list[Any]:
    return list(item.get(name, {"L": []})["L"])
