"""Takes tasks in: each is put into the inbox, as it came."""

import os

import boto3

sqs = boto3.client("sqs")


def submit(event, _context):
    sqs.send_message(QueueUrl=os.environ["INBOX_URL"], MessageBody=event["body"])
    return {"statusCode": 202, "body": "{}"}
