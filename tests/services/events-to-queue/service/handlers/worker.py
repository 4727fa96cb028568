"""Works on tasks. An attempt fails by a rule of its own: by the task's id and the attempt's number."""

import json
import os
from hashlib import sha256

import boto3

sqs = boto3.client("sqs")


def work(event, _context):
    failed = []
    for message in event["Records"]:
        task_id = json.loads(message["body"])["detail"]["order"]["number"]
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        if sha256(f"{task_id} {attempt}".encode()).digest()[0] < 100:
            sqs.change_message_visibility(
                QueueUrl=os.environ["QUEUE_URL"],
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=4 * attempt,
            )
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}
