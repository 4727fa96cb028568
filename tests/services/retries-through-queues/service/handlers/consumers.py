"""Works on pictures, whichever of the three queues they come from. What fails is sent to the next one, with the number of its tries."""

import json
from hashlib import sha256

import boto3
from handlers.limits import next_queue

sqs = boto3.client("sqs")


def work(event, _context):
    failures = []
    for message in event["Records"]:
        tries = int(message["messageAttributes"].get("tries", {"stringValue": "0"})["stringValue"]) + 1
        # A picture fails by its id and the number of the attempt.
        if sha256(f"{json.loads(message['body'])['taskId']} {tries}".encode()).digest()[0] >= 100:
            continue
        try:
            sqs.send_message(
                QueueUrl=next_queue(tries),
                MessageBody=message["body"],
                MessageAttributes={"tries": {"DataType": "Number", "StringValue": str(tries)}},
            )
        except sqs.exceptions.ClientError as error:
            print(f"cannot send {message['messageId']} on: {error}")
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def bury(event, _context):
    print(f"{len(event['Records'])} pictures given up")
