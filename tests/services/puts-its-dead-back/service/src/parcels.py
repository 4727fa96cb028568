"""Delivers parcels, and puts those back that could not be delivered."""

import hashlib
import json
import os

import boto3

sqs = boto3.client("sqs")
TIMES = 2
LATER_SECONDS = 300


def deliver(event, context):
    failed = []
    for record in event["Records"]:
        try:
            bring(json.loads(record["body"])["taskId"])
        except LookupError as error:
            print("not delivered:", error)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def bring(parcel):
    # Nobody is at home there, however often one asks.
    if hashlib.sha256(parcel.encode()).digest()[0] % 4 == 0:
        raise LookupError(f"nobody takes {parcel}")


def put_back(event, context):
    for record in event["Records"]:
        times = int(record["messageAttributes"].get("times", {}).get("stringValue", "0")) + 1
        attributes = {"times": {"DataType": "Number", "StringValue": str(times)}}
        if times > TIMES:
            sqs.send_message(QueueUrl=os.environ["KEPT_URL"], MessageBody=record["body"])
        else:
            sqs.send_message(
                QueueUrl=os.environ["PARCELS_URL"],
                MessageBody=record["body"],
                MessageAttributes=attributes,
                DelaySeconds=LATER_SECONDS,
            )
