"""Letters: posted, and sorted."""

import json
import os
from hashlib import sha256

import boto3
from humanize import ordinal

sqs = boto3.client("sqs")


def post(event, _context):
    letter = json.loads(event["body"])
    sqs.send_message(QueueUrl=os.environ["LETTERS"], MessageBody=json.dumps(letter))
    return {"statusCode": 202, "body": json.dumps({"taskId": letter["taskId"]})}


def sort(event, _context):
    unreadable = []
    for message in event["Records"]:
        collection = int(message["attributes"]["ApproximateReceiveCount"])
        letter = json.loads(message["body"])["taskId"]
        if sha256(f"{letter} {collection}".encode()).digest()[0] < 100:
            print(f"letter {letter} left lying for the {ordinal(collection)} time")
            sqs.change_message_visibility(
                QueueUrl=os.environ["LETTERS"],
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=4 * collection,
            )
            unreadable.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": unreadable}
