"""Works on tasks. An attempt fails by chance, at a rate that the environment says."""

import os
import random

import boto3

sqs = boto3.client("sqs")
RATE = float(os.environ.get("FAILURE_RATE", "0"))


def work(event, _context):
    failed = []
    for message in event["Records"]:
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        if random.random() < RATE:
            sqs.change_message_visibility(
                QueueUrl=os.environ["QUEUE_URL"],
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=4 * attempt,
            )
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def bury(event, _context):
    print(f"{len(event['Records'])} tasks given up")
