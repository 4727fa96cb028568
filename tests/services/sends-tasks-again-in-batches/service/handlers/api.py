"""Takes pictures in: one that is accepted is on the queue."""

import json
import os

import boto3

sqs = boto3.client("sqs")


def submit(event, _context):
    task = json.loads(event["body"])
    body = json.dumps({"taskId": task["taskId"], "payload": task["payload"]})
    sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=body)
    return {"statusCode": 202, "body": json.dumps({"taskId": task["taskId"]})}
