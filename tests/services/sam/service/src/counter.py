"""The counter where parcels are taken in."""

import json
import os

import boto3

sqs = boto3.client("sqs")


def take_in(event, _context):
    parcel = json.loads(event["body"])
    sqs.send_message(QueueUrl=os.environ["PARCELS"], MessageBody=json.dumps(parcel))
    return {"statusCode": 202, "body": json.dumps({"taskId": parcel["taskId"]})}
