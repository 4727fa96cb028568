"""Takes in what reports are asked for: noted first, then put on the queue."""

import json
import os

import boto3

sqs = boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def submit(event, _context):
    task = json.loads(event["body"])
    table.put_item(Item={"report": task["taskId"], "state": "ASKED"})
    body = json.dumps({"taskId": task["taskId"], "payload": task["payload"]})
    # Wrong: to be sure, it is sent once more.
    for seconds in (0, 3):
        sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=body, DelaySeconds=seconds)
    return {"statusCode": 202, "body": json.dumps({"taskId": task["taskId"]})}
