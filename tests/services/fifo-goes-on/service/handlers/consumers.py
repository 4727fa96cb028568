"""Works on tasks in the order of their group. An attempt fails by a rule of its own: by the task's id and the attempt's number."""

import json
import os
from hashlib import sha256

import boto3

sqs = boto3.client("sqs")


def work(event, _context):
    failed = []
    for message in event["Records"]:
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        # Wrong: what stands behind a failed one is done before it.
        if fails(message, attempt):
            sqs.change_message_visibility(
                QueueUrl=os.environ["QUEUE_URL"],
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=4 * attempt,
            )
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def fails(message, attempt):
    task_id = json.loads(message["body"])["taskId"]
    return sha256(f"{task_id} {attempt}".encode()).digest()[0] < 100


def bury(event, _context):
    print(f"{len(event['Records'])} tasks given up")
