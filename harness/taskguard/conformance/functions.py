"""A function that a behaviour has made. It sends what it gets to a queue beside it, so that it is seen on any engine."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from taskguard.conformance.queues import Queue

_WRAPPER = '''
import json, os, time
import boto3

sqs = boto3.client("sqs")


def report(**what):
    sqs.send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(what))


def hide(record, seconds):
    """Change the visibility timeout of a message of the queue beside."""
    name = record["eventSourceARN"].rpartition(":")[2]
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=seconds)


def count_of(record):
    return int(record["attributes"]["ApproximateReceiveCount"])


def handler(event, context):
    records = event.get("Records", [])
    bodies = [record["body"] for record in records]
    report(at=time.time(), run=context.aws_request_id, records=records)
'''


def package(source: str) -> bytes:
    """A deployment package whose handler runs these statements; they have ``records`` and ``bodies``."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        text = _WRAPPER + textwrap.indent(textwrap.dedent(source).strip() or "pass", "    ") + "\n"
        # Without the time of day: the same source is the same package.
        entry = zipfile.ZipInfo("task.py")
        entry.external_attr = 0o644 << 16
        file.writestr(entry, text)
    return archive.getvalue()


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation, as the function reported it; times in seconds on the engine's clock."""

    at: float
    id: str
    records: Sequence[dict[str, Any]]

    @property
    def bodies(self) -> list[str]:
        return [str(record["body"]) for record in self.records]

    @property
    def receive_counts(self) -> list[int]:
        return [int(record["attributes"]["ApproximateReceiveCount"]) for record in self.records]


@dataclass(frozen=True, slots=True)
class Function:
    """``seen`` is the queue that it reports to."""

    name: str
    seen: Queue
    in_time: Callable[[str], None]
    _reports: list[dict[str, Any]] = field(default_factory=list)

    def look(self) -> None:
        """Take what it has reported meanwhile."""
        for message in self.seen.receive():
            self._reports.append(json.loads(message["Body"]))
            self.seen.delete(message)

    @property
    def runs(self) -> list[Run]:
        """Those that have been taken up to now, the earliest first."""
        begun = [Run(each["at"], each["run"], each["records"]) for each in self._reports if "records" in each]
        return sorted(begun, key=lambda run: run.at)

    @property
    def reports(self) -> list[dict[str, Any]]:
        """What else it has reported."""
        return [each for each in self._reports if "records" not in each]

    def wait_for(self, runs: int = 1) -> list[Run]:
        """Its runs, once there are so many."""
        return self.wait_until(lambda: len(self.runs) >= runs, f"run {runs}")

    def wait_for_bodies(self, count: int) -> list[Run]:
        """Its runs, once they have got so many messages."""
        return self.wait_until(lambda: sum(len(run.records) for run in self.runs) >= count, f"message {count}")

    def wait_until(self, holds: Callable[[], bool], what: str) -> list[Run]:
        """Its runs, once something is true of its reports."""
        while not holds():
            self.in_time(f"{what} did not come to the function, which got {[run.bodies for run in self.runs]}"[:300])
            self.look()
        return self.runs
