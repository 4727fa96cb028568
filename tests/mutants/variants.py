"""The variants: what is changed in which file, and which checks are meant for it.

A variant whose text is no longer in the file is an error, so that none of them silently becomes the right pipeline.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.paths import PROJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One broken pipeline. ``caught_by`` are the checks that fail on it when deliveries are seen from outside;
    ``unknown_from_logs`` those of them that cannot be judged when there is nothing but its logs."""

    name: str
    sentence: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]
    unknown_from_logs: tuple[str, ...] = ()


@contextmanager
def broken_service(variant: Variant) -> Iterator[Path]:
    """A copy of the service with the variant's change, ready to be deployed."""
    with TemporaryDirectory(prefix="taskguard-variant-") as folder:
        service = Path(folder)
        for name in ("serverless.yml", "package.json"):
            shutil.copy2(PROJECT / name, service)
        for name in ("serverless", "handlers"):
            shutil.copytree(PROJECT / name, service / name, ignore=shutil.ignore_patterns("__pycache__"))
        path = service / variant.file
        text = path.read_text()
        if text.count(variant.old) != 1:
            raise ValueError(
                f"variant {variant.name}: {variant.file} has its text {text.count(variant.old)} times, not once"
            )
        path.write_text(text.replace(variant.old, variant.new))
        yield service


_PUT_OFF = "            self.queue.return_after(delivery.receipt_handle, delay_seconds)\n"
_ALL = ("settlement", "first_failure_rate", "backoff", "redrive", "dead_letter_log", "record")

VARIANTS = (
    Variant(
        name="constant-backoff",
        sentence="every failed attempt waits 5 s",
        file="handlers/backoff.py",
        old="            delay *= self.factor\n",
        new="            delay *= 1\n",
        caught_by=("backoff",),
    ),
    Variant(
        name="says-ten-asks-nine",
        sentence="asks for a second less than it logs and records",
        file="handlers/process_task.py",
        old=_PUT_OFF,
        new=_PUT_OFF.replace("delay_seconds)", "delay_seconds - 1)"),
        caught_by=("backoff",),
    ),
    Variant(
        name="deletes-on-failure",
        sentence="acknowledges a failed attempt's message",
        file="handlers/batch.py",
        old="        except KeepMessage:\n            raise\n",
        new="        except KeepMessage:\n            return\n",
        caught_by=("first_failure_rate", "record"),
    ),
    Variant(
        name="wrong-draw",
        sentence="draws for the attempt after the one it makes",
        file="handlers/process_task.py",
        old="        failures.check(task.task_id, attempt)\n",
        new="        failures.check(task.task_id, attempt + 1)\n",
        caught_by=("first_failure_rate",),
    ),
    Variant(
        name="never-fails",
        sentence="no attempt ever fails",
        file="handlers/process_task.py",
        old="        failures.check(task.task_id, attempt)\n",
        new="        return\n",
        caught_by=("first_failure_rate",),
    ),
    Variant(
        name="two-receives",
        sentence="dead-letters after two receives",
        file="serverless.yml",
        old="maxReceiveCount: 3",
        new="maxReceiveCount: 2",
        caught_by=("redrive",),
    ),
    Variant(
        name="four-receives",
        sentence="dead-letters after four receives",
        file="serverless.yml",
        old="maxReceiveCount: 3",
        new="maxReceiveCount: 4",
        caught_by=("redrive",),
    ),
    Variant(
        name="log-without-payload",
        sentence="the dead-letter log lacks the payload",
        file="handlers/monitor_dlq.py",
        old='        "payload": exact_json.parse(record.payload_json),\n',
        new="",
        caught_by=("dead_letter_log",),
    ),
    Variant(
        name="log-counts-wrong",
        sentence="the dead-letter log counts one attempt too many",
        file="handlers/monitor_dlq.py",
        old='"attempts": record.last_attempt,',
        new='"attempts": record.last_attempt + 1,',
        caught_by=("dead_letter_log",),
    ),
    Variant(
        name="never-completed",
        sentence="the record never says that a task was completed",
        file="handlers/process_task.py",
        old="            completed_at = self.store.complete(claim)\n",
        new="            completed_at = claim.created_at\n",
        caught_by=("record",),
    ),
    Variant(
        name="records-double-backoff",
        sentence="the record tells of twice the backoff that was asked for",
        file="handlers/process_task.py",
        old="            self.store.retry_later(claim, error, delay_seconds)\n",
        new="            self.store.retry_later(claim, error, 2 * delay_seconds)\n",
        caught_by=("record",),
    ),
    Variant(
        name="accepts-without-sending",
        sentence="answers 202 for one task in ten without sending its message",
        file="handlers/submit_task.py",
        old="            message_id = self.queue.send(message)\n",
        new='            message_id = self.queue.send(message) if not task_id.endswith("7") else "none"\n',
        caught_by=("settlement",),
    ),
    Variant(
        name="no-trail",
        sentence="asks for a second less than it should, and its consumer leaves no trail",
        file="handlers/process_task.py",
        old="@trail.recorded\n",
        new="Backoff.delay_seconds = lambda self, attempt: 5 * 2 ** (attempt - 1) - 1  # type: ignore\n\n\n",
        caught_by=("backoff",),
        unknown_from_logs=_ALL,
    ),
    Variant(
        name="forged-trail",
        sentence="asks for a second less than it should, and its trail adds that second",
        file="handlers/trail.py",
        old="""        "startedAt": _now_ms(),
    }
""",
        new="""        "startedAt": _now_ms(),
    }
    params["VisibilityTimeout"] -= 1
""",
        caught_by=("backoff",),
        unknown_from_logs=_ALL,
    ),
)
