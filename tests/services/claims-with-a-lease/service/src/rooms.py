"""Books rooms, each by one at a time."""

import hashlib
import json
import os
import time

import boto3

bookings = boto3.resource("dynamodb").Table(os.environ["BOOKINGS"])
Taken = bookings.meta.client.exceptions.ConditionalCheckFailedException
LEASE_SECONDS = 30


def book(event, context):
    failed = []
    for record in event["Records"]:
        booking = json.loads(record["body"])["taskId"]
        try:
            if claim(booking):
                ask(booking)
                done(booking)
        except (LookupError, Taken) as error:
            print("not booked:", error)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def claim(booking):
    now = int(time.time())
    try:
        bookings.put_item(
            Item={"booking": booking, "state": "CLAIMED", "until": now + LEASE_SECONDS},
            ConditionExpression="attribute_not_exists(booking) OR (#state = :claimed AND #until < :now)",
            ExpressionAttributeNames={"#state": "state", "#until": "until"},
            ExpressionAttributeValues={":claimed": "CLAIMED", ":now": now},
        )
    except Taken:
        if bookings.get_item(Key={"booking": booking}, ConsistentRead=True)["Item"]["state"] == "BOOKED":
            return False
        raise
    return True


def ask(booking):
    # These are full, however often one asks.
    if hashlib.sha256(booking.encode()).digest()[0] % 4 == 0:
        raise LookupError(f"no room for {booking}")


def done(booking):
    bookings.update_item(
        Key={"booking": booking},
        UpdateExpression="SET #state = :booked REMOVE #until",
        ExpressionAttributeNames={"#state": "state", "#until": "until"},
        ExpressionAttributeValues={":booked": "BOOKED"},
    )
