"""Works on pictures. What fails gets a schedule, which sends it again later; the number of its tries goes along with it."""

import json
import os
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import boto3
from handlers.limits import MOST_TRIES, WAIT_SECONDS

sqs, scheduler = boto3.client("sqs"), boto3.client("scheduler")


def work(event, _context):
    for message in event["Records"]:
        picture = json.loads(message["body"])
        tries = picture.pop("tries", 0) + 1
        # A picture fails by its id and the number of the attempt.
        if sha256(f"{picture['taskId']} {tries}".encode()).digest()[0] >= 100:
            continue
        body = json.dumps(picture | {"tries": tries})
        if tries == MOST_TRIES:
            sqs.send_message(QueueUrl=os.environ["DEAD_QUEUE_URL"], MessageBody=body)
        else:
            send_later(message["messageId"], body)
    return {"batchItemFailures": []}


def send_later(name, body):
    due = datetime.now(UTC) + timedelta(seconds=WAIT_SECONDS)
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": os.environ["QUEUE_ARN"], "RoleArn": os.environ["SCHEDULES_ROLE_ARN"], "Input": body},
    )


def bury(event, _context):
    print(f"{len(event['Records'])} pictures given up")
