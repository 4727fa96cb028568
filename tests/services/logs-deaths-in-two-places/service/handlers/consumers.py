"""Works on tasks, and has those logged that are given up. An attempt fails by the task's id and the attempt's number."""

import json
import os
from datetime import UTC, datetime
from hashlib import sha256

import boto3

MOST_ATTEMPTS = 3

sqs = boto3.client("sqs")
functions = boto3.client("lambda")


def work(event, _context):
    failed = []
    for message in event["Records"]:
        task_id = json.loads(message["body"])["taskId"]
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
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
        # Wrong: whoever counts the records counts each task twice.
        print(json.dumps(told_of(message)))
        functions.invoke(FunctionName=os.environ["TELLS"], Payload=json.dumps(told_of(message)))


def tell(told, _context):
    print(json.dumps(told))


def told_of(message):
    task = json.loads(message["body"])
    sent_at = datetime.fromtimestamp(int(message["attributes"]["SentTimestamp"]) / 1000, UTC)
    return {
        "kind": "thumbnail-given-up",
        "thumbnail": task["taskId"],
        "asked": task["payload"],
        "tries": MOST_ATTEMPTS,
        "since": sent_at.isoformat(timespec="milliseconds"),
    }
