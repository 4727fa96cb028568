"""Takes tasks in and answers with their records: a task is stored, then put on the queue."""

import json
import os
from datetime import UTC, datetime

import boto3

sqs = boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def submit(event, _context):
    task, now = json.loads(event["body"]), datetime.now(UTC).isoformat(timespec="milliseconds")
    payload = json.dumps(task["payload"])
    table.put_item(
        Item={
            "taskId": task["taskId"],
            "status": "PENDING",
            "payload": payload,
            "attempts": [],
            "createdAt": now,
            "updatedAt": now,
        }
    )
    body = json.dumps({"taskId": task["taskId"], "payload": task["payload"]})
    sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=body)
    return {"statusCode": 202, "body": json.dumps({"taskId": task["taskId"], "status": "PENDING"})}


def get(event, _context):
    record = table.get_item(Key={"taskId": event["pathParameters"]["taskId"]}).get("Item")
    return {"statusCode": 200 if record else 404, "body": json.dumps(record or {}, default=int)}
