"""Takes orders in: each becomes an event."""

import json
import os

import boto3

events = boto3.client("events")


def order(event, _context):
    wanted = json.loads(event["body"])
    entry = {
        "EventBusName": os.environ["BUS"],
        "Source": "orders",
        "DetailType": "ordered",
        "Detail": json.dumps({"order": wanted}),
    }
    refused = events.put_events(Entries=[entry])["FailedEntryCount"]
    return {"statusCode": 503 if refused else 202, "body": json.dumps({"number": wanted["number"]})}
