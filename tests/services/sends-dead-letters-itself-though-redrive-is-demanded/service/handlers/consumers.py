"""Works on tasks, and logs those that are given up. An attempt fails by the task's id and the attempt's number."""

import json
import os
from hashlib import sha256

import boto3

MOST_ATTEMPTS = 3

sqs = boto3.client("sqs")


def work(event, _context):
    failed, given_up = [], []
    for message in event["Records"]:
        task_id = json.loads(message["body"])["taskId"]
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        if sha256(f"{task_id} {attempt}".encode()).digest()[0] >= 100:
            continue
        if attempt == MOST_ATTEMPTS:
            given_up.append({"Id": str(len(given_up)), "MessageBody": message["body"]})
        else:
            sqs.change_message_visibility(
                QueueUrl=os.environ["QUEUE_URL"],
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=4 * attempt,
            )
            failed.append({"itemIdentifier": message["messageId"]})
    if given_up:
        sqs.send_message_batch(QueueUrl=os.environ["DEAD_QUEUE_URL"], Entries=given_up)
    return {"batchItemFailures": failed}


def bury(event, _context):
    for message in event["Records"]:
        task = json.loads(message["body"])
        told = {
            "kind": "thumbnail-given-up",
            "thumbnail": task["taskId"],
            "asked": task["payload"],
            "tries": MOST_ATTEMPTS,
        }
        print(json.dumps(told))
