"""Works on tasks. What fails is reported, and comes back when the queue's visibility timeout has passed."""

import json
from hashlib import sha256


def work(event, _context):
    failed = []
    for message in event["Records"]:
        task_id = json.loads(message["body"])["taskId"]
        attempt = int(message["attributes"]["ApproximateReceiveCount"])
        if sha256(f"{task_id} {attempt}".encode()).digest()[0] < 100:
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def bury(event, _context):
    print(f"{len(event['Records'])} tasks given up")
