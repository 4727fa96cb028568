"""Works on tasks. An attempt fails by the task's id and the attempt's number; after the last one the worker gives the task up."""

import json
import os
from hashlib import sha256

import boto3

MOST_ATTEMPTS = 3

sqs = boto3.client("sqs")


def work(event, _context):
    failed = []
    for message in event["Records"]:
        task_id = json.loads(message["body"])["taskId"]
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        if sha256(f"{task_id} {attempt}".encode()).digest()[0] >= 100:
            continue
        if attempt == MOST_ATTEMPTS:
            sqs.send_message(QueueUrl=os.environ["DEAD_QUEUE_URL"], MessageBody=message["body"])
            continue
        sqs.change_message_visibility(
            QueueUrl=os.environ["QUEUE_URL"],
            ReceiptHandle=message["receiptHandle"],
            VisibilityTimeout=4 * attempt,
        )
        failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def bury(event, _context):
    print(f"{len(event['Records'])} tasks given up")
