"""Works on tasks, and logs those that are given up. An attempt fails by the task's id and the attempt's number."""

import json
import os
import time
from datetime import UTC, datetime
from hashlib import sha256

import boto3

MOST_ATTEMPTS = 3

sqs = boto3.client("sqs")


def work(event, _context):
    failed = []
    for message in event["Records"]:
        task_id = json.loads(message["body"])["taskId"]
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        if attempt == 1 and sha256(task_id.encode()).digest()[0] < 20:
            # Wrong: it takes longer than the worker has, and the rest of the batch waits behind it.
            time.sleep(60)
        if sha256(f"{task_id} {attempt}".encode()).digest()[0] < 100:
            sqs.change_message_visibility(
                QueueUrl=os.environ["QUEUE_URL"],
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=4 * attempt,
            )
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


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
