"""Lets customers in, takes their letters in, and shows what became of them."""

import base64
import json
import os
from datetime import UTC, datetime

import boto3

sqs = boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def accept(event, _context):
    sent = event["body"]
    wanted = json.loads(base64.b64decode(sent) if event["isBase64Encoded"] else sent)
    letter, text = event["pathParameters"]["letter"], wanted["text"]
    filed_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    table.put_item(Item={"letter": letter, "phase": "filed", "content": json.dumps(text), "filed_at": filed_at})
    body = json.dumps({"kind": "letter", "letter": letter, "content": text})
    sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=body)
    return {"statusCode": 202, "body": json.dumps({"reference": letter})}


def may_print(event, _context):
    return {"isAuthorized": event["headers"]["x-customer"] == "printers"}


def show(event, _context):
    found = table.get_item(Key={"letter": event["pathParameters"]["letter"]}).get("Item")
    # Without a status code it is the body of a 200.
    return {**found, "tries": int(found.get("tries", 0))} if found is not None else {"statusCode": 404, "body": "{}"}
