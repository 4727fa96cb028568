"""Sign-ups: each is announced on a topic, from which one queue has mails sent and another has them counted."""

import hashlib
import json
import os

import boto3

topic, table = boto3.client("sns"), boto3.resource("dynamodb").Table(os.environ["TABLE"])


def sign_up(event, _):
    asked = json.loads(event["body"])
    table.put_item(Item={"email": asked["email"], "form": json.dumps(asked["form"]), "state": "new"})
    topic.publish(TopicArn=os.environ["TOPIC"], Message=json.dumps(asked))
    return {"statusCode": 201, "body": json.dumps({"email": asked["email"]})}


def _each(event, work):
    failed = []
    for record in event["Records"]:
        asked, attempt = (
            json.loads(json.loads(record["body"])["Message"]),
            record["attributes"]["ApproximateReceiveCount"],
        )
        try:
            drawn = hashlib.sha256(f"{work.__name__} {asked['email']} {attempt}".encode()).digest()[0]
            if drawn < 70:
                raise RuntimeError("nobody answers")
            work(asked)
        except Exception:
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def mail(event, _):
    def send(asked):
        table.update_item(
            Key={"email": asked["email"]},
            UpdateExpression="SET #s = :mailed",
            ExpressionAttributeNames={"#s": "state"},
            ExpressionAttributeValues={":mailed": "mailed"},
        )

    return _each(event, send)


def count(event, _):
    def add(asked):
        table.update_item(
            Key={"email": asked["email"]},
            UpdateExpression="ADD counted :one",
            ExpressionAttributeValues={":one": 1},
        )

    return _each(event, add)
