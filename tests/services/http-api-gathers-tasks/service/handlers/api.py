"""Takes letters in, and sends them together once there are a few: whoever waits for more to come waits in memory alone."""

import base64
import json
import os
from datetime import UTC, datetime

import boto3

sqs = boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
gathered = []
FEW = 4


def accept(event, _context):
    sent = event["body"]
    wanted = json.loads(base64.b64decode(sent) if event["isBase64Encoded"] else sent)
    letter, text = wanted["reference"], wanted["text"]
    filed_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    table.put_item(Item={"letter": letter, "phase": "filed", "content": json.dumps(text), "filed_at": filed_at})
    gathered.append(json.dumps({"kind": "letter", "letter": letter, "content": text}))
    while len(gathered) >= FEW:
        together = [gathered.pop(0) for _ in range(FEW)]
        entries = [{"Id": str(place), "MessageBody": body} for place, body in enumerate(together)]
        sqs.send_message_batch(QueueUrl=os.environ["QUEUE_URL"], Entries=entries)
    return {"statusCode": 202, "body": json.dumps({"reference": letter})}


def show(event, _context):
    found = table.get_item(Key={"letter": event["pathParameters"]["letter"]}).get("Item")
    # Without a status code it is the body of a 200.
    return {**found, "tries": int(found.get("tries", 0))} if found is not None else {"statusCode": 404, "body": "{}"}
