"""Takes tasks in: all are of one message group, and each task has a deduplication id of its own."""

import json
import os

import boto3

sqs = boto3.client("sqs")


def submit(event, _context):
    task = json.loads(event["body"])
    sqs.send_message(
        QueueUrl=os.environ["QUEUE_URL"],
        MessageBody=json.dumps({"taskId": task["taskId"], "payload": task["payload"]}),
        MessageGroupId=group_of(task),
        MessageDeduplicationId=deduplication_id_of(task),
    )
    return {"statusCode": 202, "body": json.dumps({"taskId": task["taskId"]})}


def group_of(_task):
    return "ledger"


def deduplication_id_of(task):
    return task["taskId"]
