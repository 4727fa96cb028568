"""Works on orders. An attempt fails by a rule of its own: by the order's id and the attempt's number."""

import json
import os
from hashlib import sha256

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def work(event, _context):
    for message in event["Records"]:
        order_id = json.loads(message["body"])["taskId"]
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        mark(order_id, "WORKING")
        try:
            fulfil(order_id, attempt)
        except RuntimeError as error:
            # Wrong: the message is acknowledged, and nobody will work on the order again.
            print(f"order {order_id}: {error}")
        else:
            mark(order_id, "DONE")
    return {"batchItemFailures": []}


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
