"""Takes tasks in, and answers with the id by which each is known from then on."""

import json
import os
import uuid

import boto3

sqs = boto3.client("sqs")


def submit(event, _context):
    task = {"taskId": str(uuid.uuid4()), "payload": json.loads(event["body"])["payload"]}
    sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=json.dumps(task))
    return {"statusCode": 202, "body": json.dumps({"taskId": task["taskId"]})}
