"""Logs tasks that are given up. It would work on them, too, could it be imported for that."""

import json
import os
from datetime import UTC, datetime

MOST_ATTEMPTS = 3

if os.environ["AWS_LAMBDA_FUNCTION_NAME"].endswith("-work"):
    # Wrong: it is called datetime.
    BEGUN = datetme.now(UTC)  # noqa: F821  # on purpose


def bury(event, _context):
    for message in event["Records"]:
        task = json.loads(message["body"])
        sent_at = datetime.fromtimestamp(int(message["attributes"]["SentTimestamp"]) / 1000, UTC)
        told = {
            "kind": "thumbnail-given-up",
            "thumbnail": task["taskId"],
            "asked": task["payload"],
            "tries": MOST_ATTEMPTS,
            "since": sent_at.isoformat(timespec="milliseconds"),
        }
        print(json.dumps(told))
