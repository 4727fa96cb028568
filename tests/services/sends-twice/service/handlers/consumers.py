"""Makes reports, and notes those that are given up. Nothing fails but what its surroundings make fail."""

import json
import os

import boto3

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
    # Wrong: nothing tells whether it is made already.
    mark(report, "IN_WORK")
    mark(report, "DONE")


def bury(event, _context):
    for message in event["Records"]:
        task = json.loads(message["body"])
        mark(task["taskId"], "GIVEN_UP")
        told = {
            "what": "report given up",
            "report": task["taskId"],
            "asked": task["payload"],
            "tries": int(message["attributes"]["ApproximateReceiveCount"]) - 1,
            "why": None,
        }
        print(json.dumps(told))


def mark(report, state):
    table.update_item(
        Key={"report": report},
        UpdateExpression="SET #state = :state",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": state},
    )
