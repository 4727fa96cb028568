"""Stamps letters; what is not stamped at once is tried twice more at once."""

import hashlib
import json

from tenacity import RetryError, retry, stop_after_attempt


def stamp(event, context):
    failed = []
    for record in event["Records"]:
        try:
            put_on(json.loads(record["body"])["taskId"])
        except RetryError as error:
            print("not stamped:", error)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


@retry(stop=stop_after_attempt(3))
def put_on(letter):
    # No stamp holds on these.
    if hashlib.sha256(letter.encode()).digest()[0] % 4 == 0:
        raise OSError(f"no stamp holds on {letter}")
