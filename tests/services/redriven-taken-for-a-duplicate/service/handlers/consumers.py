"""Works on orders. An attempt fails by a rule of its own: by the order's id, and how often it has been tried at all."""

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
        if attempt <= tries_of(order_id):
            # Wrong: what was put back is counted anew, and is no duplicate.
            continue
        tries = mark(order_id, "WORKING", tried=1)
        try:
            fulfil(order_id, tries)
        except RuntimeError:
            mark(order_id, "WAITING" if attempt < MOST_ATTEMPTS else "GIVEN_UP")
            sqs.change_message_visibility(
                QueueUrl=os.environ["QUEUE_URL"],
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=5 * attempt,
            )
            failed.append({"itemIdentifier": message["messageId"]})
        else:
            mark(order_id, "DONE")
    return {"batchItemFailures": failed}


def fulfil(order_id, tries):
    if sha256(f"{order_id} {tries}".encode()).digest()[0] < 100:
        raise RuntimeError("out of stock")


def tries_of(order_id):
    return int(table.get_item(Key={"orderId": order_id}, ConsistentRead=True)["Item"].get("tries", 0))


def mark(order_id, state, tried=0):
    """Set the order's state, and return how often it has been tried."""
    changed = table.update_item(
        Key={"orderId": order_id},
        UpdateExpression="SET #state = :state ADD tries :tried",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": state, ":tried": tried},
        ReturnValues="ALL_NEW",
    )
    return int(changed["Attributes"]["tries"])
