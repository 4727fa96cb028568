"""Sends invoices, and tries again when the entry of one that was refused has expired."""

import hashlib
import json
import os
import time

import boto3

sqs = boto3.client("sqs")
later = boto3.resource("dynamodb").Table(os.environ["LATER"])
MOST = 3


def send(event, context):
    for record in event["Records"]:
        invoice = json.loads(record["body"])
        tries = invoice.get("tries", 0) + 1
        # These servers refuse whatever they are sent.
        if hashlib.sha256(invoice["taskId"].encode()).digest()[0] % 4:
            continue
        if tries >= MOST:
            sqs.send_message(QueueUrl=os.environ["UNSENT_URL"], MessageBody=record["body"])
        else:
            entry = json.dumps({**invoice, "tries": tries})
            later.put_item(
                Item={"invoice": invoice["taskId"], "entry": entry, "dueAt": int(time.time()) + 60 * 2**tries}
            )
    return {"batchItemFailures": []}


def again(event, context):
    for record in event["Records"]:
        entry = record["dynamodb"]["OldImage"]["entry"]["S"]
        sqs.send_message(QueueUrl=os.environ["INVOICES_URL"], MessageBody=entry)
