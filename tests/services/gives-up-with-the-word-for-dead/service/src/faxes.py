"""Sends faxes, and gives one up by itself after three tries."""

import hashlib
import json
import os

import boto3

journal = boto3.resource("dynamodb").Table(os.environ["JOURNAL"])
MOST = 3


def send(event, context):
    failed = []
    for record in event["Records"]:
        fax = json.loads(record["body"])["taskId"]
        note(fax, "DIALLING")
        # These lines are dead, however often one dials.
        if hashlib.sha256(fax.encode()).digest()[0] % 4:
            note(fax, "SENT")
        elif int(record["attributes"]["ApproximateReceiveCount"]) >= MOST:
            note(fax, "LOST")
        else:
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def bury(event, context):
    for record in event["Records"]:
        note(json.loads(record["body"])["taskId"], "LOST")


def note(fax, state):
    journal.update_item(
        Key={"fax": fax},
        UpdateExpression="SET #state = :state",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": state},
    )
