"""Works on pictures. What fails is sent again, or to the dead-letter queue; the number of its tries goes along as an attribute."""

import json
import os
from hashlib import sha256

import boto3
from handlers.limits import MOST_TRIES, delay_seconds

sqs = boto3.client("sqs")


def work(event, _context):
    again, dead = [], []
    for message in event["Records"]:
        tries = int(message["messageAttributes"].get("tries", {"stringValue": "0"})["stringValue"]) + 1
        # A picture fails by its id and the number of the attempt.
        if sha256(f"{json.loads(message['body'])['taskId']} {tries}".encode()).digest()[0] >= 100:
            continue
        entry = {
            "Id": message["messageId"],
            "MessageBody": message["body"],
            "MessageAttributes": {"tries": {"DataType": "Number", "StringValue": str(tries)}},
        }
        if tries == MOST_TRIES:
            dead.append(entry)
        else:
            again.append(entry | {"DelaySeconds": delay_seconds(tries)})
    failed = send(os.environ["QUEUE_URL"], again) + send(os.environ["DEAD_QUEUE_URL"], dead)
    # What could not be sent stays where it is.
    return {"batchItemFailures": [{"itemIdentifier": each["Id"]} for each in failed]}


def send(queue, entries):
    return sqs.send_message_batch(QueueUrl=queue, Entries=entries).get("Failed", []) if entries else []


def bury(event, _context):
    print(f"{len(event['Records'])} pictures given up")
