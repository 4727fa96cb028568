"""Works on tasks one by one, and logs those that are given up in plain text. An attempt fails by the task's id and its number."""

import json
import os
from datetime import UTC, datetime
from hashlib import sha256

import boto3

MOST_ATTEMPTS = 3
ERRORS = ("the picture is locked", "no room on the disk", "the other side hung up")

sqs = boto3.client("sqs")


def work(event, _context):
    [message] = event["Records"]
    task_id = json.loads(message["body"])["taskId"]
    attempt = int(message["attributes"]["ApproximateReceiveCount"])
    if digest(task_id, attempt)[0] < 100:
        sqs.change_message_visibility(
            QueueUrl=os.environ["QUEUE_URL"],
            ReceiptHandle=message["receiptHandle"],
            VisibilityTimeout=4 * attempt,
        )
        raise RuntimeError(error_of(task_id, attempt))


def error_of(task_id, attempt):
    return ERRORS[(digest(task_id, 0)[0] + attempt) % len(ERRORS)]


def digest(task_id, attempt):
    return sha256(f"{task_id} {attempt}".encode()).digest()


def bury(event, _context):
    for message in event["Records"]:
        task = json.loads(message["body"])
        sent_at = datetime.fromtimestamp(int(message["attributes"]["SentTimestamp"]) / 1000, UTC)
        since, why = sent_at.isoformat(timespec="milliseconds"), error_of(task["taskId"], MOST_ATTEMPTS)
        asked = json.dumps(task["payload"], ensure_ascii=False)
        print(f"Gave up {task['taskId']} after {MOST_ATTEMPTS} tries: {why}; asked was {asked} at {since}")
