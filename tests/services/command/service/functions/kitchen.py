"""The kitchen: orders are taken, and cooked when nothing burns."""

import json
import os
from hashlib import sha256

import boto3

sqs = boto3.client("sqs")


def order(event, _context):
    wanted = json.loads(event["body"])
    sqs.send_message(QueueUrl=os.environ["ORDERS"], MessageBody=json.dumps(wanted))
    return {"statusCode": 202, "body": json.dumps({"taskId": wanted["taskId"]})}


def cook(event, _context):
    burnt = []
    for message in event["Records"]:
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        if sha256(f"{json.loads(message['body'])['taskId']} {attempt}".encode()).digest()[0] < 100:
            sqs.change_message_visibility(
                QueueUrl=os.environ["ORDERS"], ReceiptHandle=message["receiptHandle"], VisibilityTimeout=4 * attempt
            )
            burnt.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": burnt}
