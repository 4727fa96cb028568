"""Takes tasks in, whose form was looked at already: a task that is accepted is on the queue."""

import json
import os

import boto3
from botocore.exceptions import ClientError

sqs = boto3.client("sqs")


def may_ask(event, _context):
    effect = "Allow" if event["authorizationToken"] == "Bearer of-the-studio" else "Deny"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    return {"principalId": "studio", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


def submit(event, _context):
    task, customer = json.loads(event["body"]), event["requestContext"]["authorizer"]["principalId"]
    body = json.dumps({"taskId": task["taskId"], "payload": task["payload"], "customer": customer})
    try:
        sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=body)
    except ClientError:
        return {"statusCode": 413, "body": "{}"}
    return {"statusCode": 202, "body": json.dumps({"taskId": task["taskId"]})}
