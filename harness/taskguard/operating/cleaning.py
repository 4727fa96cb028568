"""Takes a run's tasks away from a stage that outlives it: their records, once they have settled.

Only what is the run's own is deleted: records by the ids it wrote down, made since it began, and final. A task that has not
settled still has a message on its way, which would come back and store the task anew; it is waited for, and else told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskguard.contract.dialect import RECORD, TASKGUARD
from taskguard.evidence.records import Records
from taskguard.operating.ledger import LEDGER_FILE, Place, read_ledger
from taskguard.service.deployment import read_stack
from taskguard.service.stack import Stack
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.aws import AwsInstance
from taskguard.targets.base import Endpoint

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LONGEST_WAIT_SECONDS = 120.0
_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanedUp:
    """How many records were deleted, and what is left: the status of each task by its id."""

    removed: int
    left: dict[str, str]


def clean_up(
    folder: Path,
    *,
    wait_seconds: float = LONGEST_WAIT_SECONDS,
    unsettled_too: bool = False,
    tell: Callable[[int], None] = lambda _: None,
) -> CleanedUp:
    """Remove the tasks that the run in ``folder`` left on their stage, and then its ledger, which says so.

    Unsettled tasks are waited for, ``wait_seconds`` at most; ``tell`` hears how many there are when that
    changes. With ``unsettled_too`` they are
    removed as well.

    Raises:
        HistoryError: when the folder or its ledger cannot be read.
        TaskGuardError: when the stage cannot be reached.
    """
    removed, left = 0, dict[str, str]()
    for place, task_ids in read_ledger(folder).items():
        cleaner = Cleaner.at(place)
        cleaned = cleaner.remove(task_ids, wait_seconds=wait_seconds, unsettled_too=unsettled_too, tell=tell)
        removed += cleaned.removed
        left |= cleaned.left
    if not left:
        (folder / LEDGER_FILE).unlink(missing_ok=True)
    return CleanedUp(removed=removed, left=left)


class Cleaner:
    """Removes tasks from one stage; none of which was made before ``since``."""

    def __init__(self, endpoint: Endpoint, stack: Stack, since: str) -> None:
        self._records = Records(endpoint, stack, TASKGUARD)
        self._table = stack.table_name
        self._since = since
        self._dynamodb: DynamoDBClient = endpoint.dynamodb()

    @classmethod
    def at(cls, place: Place) -> Cleaner:
        endpoint = AwsInstance(place.region, place.url).endpoint()
        return cls(endpoint, read_stack(endpoint, place.stage), place.since)

    def remove(
        self, task_ids: Sequence[str], *, wait_seconds: float, unsettled_too: bool, tell: Callable[[int], None]
    ) -> CleanedUp:
        """Wait for these tasks, then delete their records."""
        if not unsettled_too:
            self._wait(task_ids, wait_seconds, tell)
        there = self._records.statuses(task_ids)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="clean-up") as pool:
            gone = sum(pool.map(lambda task_id: self._delete(task_id, unsettled_too=unsettled_too), there))
        return CleanedUp(removed=gone, left=self._records.statuses(there))

    def _wait(self, task_ids: Sequence[str], seconds: float, tell: Callable[[int], None]) -> None:
        told = 0

        def settled() -> bool:
            nonlocal told
            unsettled = sum(status not in RECORD.finals for status in self._records.statuses(task_ids).values())
            if unsettled not in (0, told):
                tell(unsettled)
            told = unsettled
            return not unsettled

        with suppress(WaitedInVain):
            wait_for(settled, seconds=seconds, every=0.5, at_most_every=2.0)

    def _delete(self, task_id: str, *, unsettled_too: bool) -> bool:
        """Whether the record was deleted; it stays when it is older than the run, or not final."""
        aliases, values = {"#created": str(RECORD.created_at)}, {":since": self._since}
        condition = "#created >= :since"
        if not unsettled_too:
            finals = {f":final{number}": status for number, status in enumerate(RECORD.finals)}
            condition += f" AND #status IN ({', '.join(finals)})"
            aliases["#status"] = RECORD.status
            values |= finals
        try:
            self._dynamodb.delete_item(
                TableName=self._table,
                Key={RECORD.key: {"S": task_id}},
                ConditionExpression=condition,
                ExpressionAttributeNames=aliases,
                ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True
