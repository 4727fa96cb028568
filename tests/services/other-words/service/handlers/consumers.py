"""Prints letters, or pretends to; what cannot be printed ends as waste paper."""

import json
import os
from datetime import UTC, datetime
from hashlib import sha256

import boto3

sqs = boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def press(event, _context):
    failed = []
    for message in event["Records"]:
        letter = json.loads(message["body"])["letter"]
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        change(letter, "in press", tries=attempt)
        if sha256(f"{letter} {attempt}".encode()).digest()[0] < 110:
            change(letter, "jammed", problem=f"jam number {attempt}")
            sqs.change_message_visibility(
                QueueUrl=os.environ["QUEUE_URL"],
                ReceiptHandle=message["receiptHandle"],
                VisibilityTimeout=3 * attempt,
            )
            failed.append({"itemIdentifier": message["messageId"]})
        else:
            change(letter, "printed", printed_at=now())
    return {"batchItemFailures": failed}


def waste_paper(event, _context):
    for message in event["Records"]:
        letter = change(json.loads(message["body"])["letter"], "waste")
        told = {
            "topic": "waste paper",
            "letter": letter["letter"],
            "content": json.loads(letter["content"]),
            # A letter may have died that was never in press.
            "tries": int(letter.get("tries", 0)),
            "problem": letter.get("problem"),
            "filed_at": letter["filed_at"],
        }
        print(json.dumps(told))


def change(letter, phase, **values):
    values = {"phase": phase, "changed_at": now(), **values}
    return table.update_item(
        Key={"letter": letter},
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
        ExpressionAttributeNames={f"#{name}": name for name in values},
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        ReturnValues="ALL_NEW",
    )["Attributes"]


def now():
    return datetime.now(UTC).isoformat(timespec="milliseconds")
