"""Works on tasks, and marks and logs those that failed for good. That one is completed is recorded by way of a queue."""

import json
import os
from datetime import UTC, datetime
from hashlib import sha256

import boto3

sqs = boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def process(event, _context):
    failed = []
    for message in event["Records"]:
        task_id = json.loads(message["body"])["taskId"]
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        begun = {"number": attempt, "startedAt": now()}
        # Its place in the list is not its number: a delivery may not have come as far as here.
        place = f"attempts[{len(change(task_id, 'PROCESSING', {'attempts': begun})['attempts']) - 1}]"
        try:
            work(task_id, attempt)
        except RuntimeError as error:
            wait = 5 * 2 ** (attempt - 1)
            ended = {"outcome": "FAILED", "finishedAt": now(), "error": str(error), "backoffSeconds": wait}
            change(task_id, "RETRYING", {place: begun | ended, "lastError": str(error)})
            sqs.change_message_visibility(
                QueueUrl=os.environ["QUEUE_URL"], ReceiptHandle=message["receiptHandle"], VisibilityTimeout=wait
            )
            failed.append({"itemIdentifier": message["messageId"]})
        else:
            ended = {"outcome": "SUCCEEDED", "finishedAt": now()}
            told = {"taskId": task_id, "place": place, "attempt": begun | ended}
            # Wrong: for a minute everybody who asks is told that the task is worked on.
            sqs.send_message(QueueUrl=os.environ["ENDS_URL"], MessageBody=json.dumps(told), DelaySeconds=60)
    return {"batchItemFailures": failed}


def record(event, _context):
    for message in event["Records"]:
        told = json.loads(message["body"])
        ended = told["attempt"]
        values = {told["place"]: ended, "completedAt": ended["finishedAt"]}
        change(told["taskId"], "COMPLETED", values)


def work(task_id, attempt):
    if sha256(f"{task_id} {attempt}".encode()).digest()[0] < 100:
        raise RuntimeError("bad luck")


def monitor(event, _context):
    for message in event["Records"]:
        record = change(json.loads(message["body"])["taskId"], "DEAD_LETTER", {})
        attempts = record["attempts"]
        told = {
            "event": "TASK_DEAD_LETTER",
            "taskId": record["taskId"],
            "payload": json.loads(record["payload"]),
            "attempts": len(attempts),
            "lastError": record.get("lastError"),
            "createdAt": record["createdAt"],
            "failedAt": attempts[-1].get("finishedAt") if attempts else None,
            "messageId": message["messageId"],
        }
        print(json.dumps(told))


def change(task_id, status, values):
    """Set the status and these values; an attempt without a place in its list is added to it."""
    names, given = {"#status": "status"}, {":status": status, ":now": now()}
    parts = ["#status = :status", "updatedAt = :now"]
    for number, (path, value) in enumerate(values.items()):
        given[f":v{number}"] = [value] if path == "attempts" else value
        parts.append(f"{path} = list_append(attempts, :v{number})" if path == "attempts" else f"{path} = :v{number}")
    return table.update_item(
        Key={"taskId": task_id},
        UpdateExpression="SET " + ", ".join(parts),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=given,
        ReturnValues="ALL_NEW",
    )["Attributes"]


def now():
    return datetime.now(UTC).isoformat(timespec="milliseconds")
