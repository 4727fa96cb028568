"""Takes readings in and books them; each caller is counted, in a table that is nobody's record."""

import json
import os
from hashlib import sha256

import boto3

sqs = boto3.client("sqs")
dynamodb = boto3.resource("dynamodb")
readings, callers = (dynamodb.Table(os.environ[name]) for name in ("READINGS", "CALLERS"))


def take_in(event, _context):
    if event["path"].endswith("/hello"):
        return {"statusCode": 200, "body": "{}"}
    task = json.loads(event["body"])
    callers.update_item(
        Key={"caller": "anybody"}, UpdateExpression="ADD calls :one", ExpressionAttributeValues={":one": 1}
    )
    readings.put_item(Item={"taskId": task["taskId"], "booking": "open"})
    body = json.dumps({"taskId": task["taskId"], "payload": task["payload"]})
    sqs.send_message(QueueUrl=os.environ["INBOX"], MessageBody=body)
    return {"statusCode": 202, "body": json.dumps({"taskId": task["taskId"]})}


def book(event, _context):
    failed = []
    for message in event["Records"]:
        task_id = json.loads(message["body"])["taskId"]
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        if sha256(f"{task_id} {attempt}".encode()).digest()[0] < 100:
            sqs.change_message_visibility(
                QueueUrl=os.environ["INBOX"], ReceiptHandle=message["receiptHandle"], VisibilityTimeout=7
            )
            failed.append({"itemIdentifier": message["messageId"]})
        else:
            settle(task_id, "booked")
    return {"batchItemFailures": failed}


def reject(event, _context):
    for message in event["Records"]:
        settle(json.loads(message["body"])["taskId"], "rejected")


def settle(task_id, booking):
    readings.update_item(
        Key={"taskId": task_id},
        UpdateExpression="SET booking = :booking",
        ExpressionAttributeValues={":booking": booking},
    )
