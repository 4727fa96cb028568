"""What a function says of a batch: which of its messages have failed.

The conditions are those of https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html. It must not know what
becomes of the messages.
"""

import json
from collections.abc import Collection


class InvalidResponseError(Exception):
    """An answer that names no messages of the batch, though it says that some have failed: all of them have."""


def failed_messages(response: bytes, batch: Collection[str]) -> frozenset[str]:
    """The ids that a function with ``ReportBatchItemFailures`` says have failed, of a batch with these ids.

    An empty or null list, and an empty or null response, say that none has.

    Raises:
        InvalidResponseError: it is no JSON object; an ``itemIdentifier`` is empty, null, called otherwise, or of another batch.
    """
    try:
        answer = json.loads(response or b"null")
    except (ValueError, RecursionError):
        raise InvalidResponseError("it is not JSON") from None
    if not answer:
        return frozenset()
    if not isinstance(answer, dict):
        raise InvalidResponseError(f"it is a JSON {type(answer).__name__}")
    failures = answer.get("batchItemFailures")
    if not failures:
        return frozenset()
    named = [entry.get("itemIdentifier") if isinstance(entry, dict) else None for entry in _listed(failures)]
    if not all(isinstance(name, str) and name in batch for name in named):
        raise InvalidResponseError(f"it names {named}, which are not all messages of the batch")
    return frozenset(str(name) for name in named)


def _listed(failures: object) -> list[object]:
    if not isinstance(failures, list):
        raise InvalidResponseError("its batchItemFailures are no list")
    return failures
