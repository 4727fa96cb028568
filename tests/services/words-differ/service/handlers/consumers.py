"""Works on orders; one that is done at once is DONE, and one that was retried is Done."""

import json
import os
from hashlib import sha256

import boto3

MOST_ATTEMPTS = 3

sqs = boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def work(event, _context):
    failed = []
    for message in event["Records"]:
        order_id = json.loads(message["body"])["taskId"]
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        mark(order_id, "WORKING")
        try:
            fulfil(order_id, attempt)
        except RuntimeError:
            mark(order_id, "WAITING" if attempt < MOST_ATTEMPTS else "GIVEN_UP")
            sqs.change_message_visibility(
                QueueUrl=os.environ["QUEUE_URL"],
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=5 * attempt,
            )
            failed.append({"itemIdentifier": message["messageId"]})
        else:
            mark(order_id, "DONE" if attempt == 1 else "Done")
    return {"batchItemFailures": failed}


def fulfil(order_id, attempt):
    if sha256(f"{order_id} {attempt}".encode()).digest()[0] < 100:
        raise RuntimeError("out of stock")


def mark(order_id, state):
    table.update_item(
        Key={"orderId": order_id},
        UpdateExpression="SET #state = :state",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": state},
    )
