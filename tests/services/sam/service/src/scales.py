"""The scales: some parcels lie badly on them, and are weighed again later."""

import json
import os
from hashlib import sha256

import boto3

sqs = boto3.client("sqs")
FIRST_WAIT_SECONDS = 4


def weigh(event, _context):
    badly = []
    for message in event["Records"]:
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        if lies_badly(json.loads(message["body"])["taskId"], attempt):
            sqs.change_message_visibility(
                QueueUrl=os.environ["PARCELS"],
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=wait_seconds(attempt),
            )
            badly.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": badly}


def wait_seconds(attempt):
    return FIRST_WAIT_SECONDS * 2 ** (attempt - 1)


def lies_badly(parcel, attempt):
    return sha256(f"{os.environ['SCALE']} {parcel} {attempt}".encode()).digest()[0] < 100
