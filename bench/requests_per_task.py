"""How many requests to AWS a task makes, as the flight recorder saw them, and what a million such tasks cost.

Run as ``python -m bench.requests_per_task <folder of a graded run>``. What a function asks for is counted call by call.
What Lambda itself asks for is derived: a batch that a consumer is handed was received in one request, and deleted in at
most one more (its failed messages are not deleted). Prices are the list prices of ``harness/taskguard/operating/prices.py``.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from taskguard.operating import prices
from taskguard.operating.costs import FUNCTION_GB
from taskguard.operating.prices import Price

WRITES = ("PutItem", "UpdateItem")
READS = ("GetItem",)
MILLION = 1_000_000


class Counted:
    """What a recording holds, over ``tasks`` accepted ones."""

    def __init__(self, recording: Path) -> None:
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self.invocations: Counter[str] = Counter()
        self.batches = 0
        self.seconds = 0.0
        for line in recording.read_text().splitlines():
            entry = json.loads(line)
            if entry["kind"] == "aws-call":
                self.calls[entry["function"], entry["service"], entry["operation"]] += 1
            elif entry["kind"] == "invocation-ended":
                self.invocations[entry["function"]] += 1
                self.seconds += (entry["endedAt"] - entry["startedAt"]) / 1000
            elif entry["kind"] == "invocation-started":
                self.batches += '"aws:sqs"' in entry["payload"]
        self.tasks = sum(count for (_, _, operation), count in self.calls.items() if operation == "SendMessage")

    def of(self, service: str, *operations: str) -> int:
        """How often functions asked ``service`` for any of these operations, or for anything at all."""
        return sum(
            count
            for (_, whom, operation), count in self.calls.items()
            if whom == service and (not operations or operation in operations)
        )

    def amounts(self) -> list[tuple[Price, float]]:
        """What has a price, and how much of it all the tasks together took."""
        return [
            (prices.API_REQUEST, self.tasks),
            (prices.INVOCATION, sum(self.invocations.values())),
            (prices.COMPUTE, self.seconds * FUNCTION_GB),
            (prices.QUEUE_REQUEST, self.of("sqs") + 2 * self.batches),
            (prices.WRITE, self.of("dynamodb", *WRITES)),
            (prices.READ, self.of("dynamodb", *READS)),
        ]


def main(folder: Path) -> None:
    recording = folder / "engine" / "flight-recorder.jsonl"
    if not recording.exists():
        raise SystemExit(f"{folder}: no recording at {recording}; graded runs on the in-process LocalStack have one")
    counted = Counted(recording)
    if not counted.tasks:
        raise SystemExit(f"{folder}: its recording holds no task that was sent")
    print(f"{counted.tasks} tasks; for each of them:\n")
    for function, count in sorted(counted.invocations.items()):
        print(f"  {count / counted.tasks:6.2f}  invocations of {function}")
    for (function, service, operation), count in sorted(counted.calls.items()):
        print(f"  {count / counted.tasks:6.2f}  {service} {operation} by {function}")
    print(f"  {2 * counted.batches / counted.tasks:6.2f}  sqs ReceiveMessage and DeleteMessageBatch by Lambda\n")
    print("A million tasks, at list prices, one unit a read or write, durations as on this machine:\n")
    total = 0.0
    for price, amount in counted.amounts():
        usd = price.of(amount / counted.tasks * MILLION)
        total += usd
        print(f"  {price.service:12} {price.what:20} {amount / counted.tasks:8.3f} {price.unit:12} ${usd:8.2f}")
    print(f"  {'together':12} {'':20} {'':8} {'':12} ${total:8.2f}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m bench.requests_per_task <folder of a graded run>")
    main(Path(sys.argv[1]))
