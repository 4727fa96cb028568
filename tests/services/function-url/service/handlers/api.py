"""Takes letters in: filed, then put on the queue."""

import base64
import json
import os
from datetime import UTC, datetime

import boto3

sqs = boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def accept(event, _context):
    if event["requestContext"]["http"]["method"] != "POST":
        return {"statusCode": 405, "body": "{}"}
    sent = event["body"]
    wanted = json.loads(base64.b64decode(sent) if event["isBase64Encoded"] else sent)
    letter, text = wanted["reference"], wanted["text"]
    filed_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    table.put_item(Item={"letter": letter, "phase": "filed", "content": json.dumps(text), "filed_at": filed_at})
    body = json.dumps({"kind": "letter", "letter": letter, "content": text})
    sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=body)
    return {"statusCode": 202, "body": json.dumps({"reference": letter})}
