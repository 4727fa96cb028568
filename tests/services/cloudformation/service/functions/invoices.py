"""Invoices: handed in at the desk, booked later, given up after four tries."""

import json
import os
from hashlib import sha256

import boto3

sqs = boto3.client("sqs")


def hand_in(event, _context):
    invoice = json.loads(event["body"])
    sqs.send_message(QueueUrl=os.environ["INVOICES"], MessageBody=json.dumps(invoice))
    return {"statusCode": 202, "body": json.dumps({"taskId": invoice["taskId"]})}


def book(event, _context):
    failed = []
    for message in event["Records"]:
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        task = json.loads(message["body"])["taskId"]
        if sha256(f"{task} {attempt}".encode()).digest()[0] < 100:
            sqs.change_message_visibility(
                QueueUrl=os.environ["INVOICES"],
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=3 * attempt,
            )
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}
