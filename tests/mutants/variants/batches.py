"""Pipelines whose batches share what each message should bear alone."""

from __future__ import annotations

from tests.mutants.loads import BACKLOG
from tests.mutants.variants.variant import Change, Variant

_BATCH = "handlers/batch.py"
_RESPOND = (
    "    return process_partial_response(event=event, record_handler=one, processor=processor, context=context)\n"
)
_ANSWER = _RESPOND.replace("return", "answer =")
_WORK = """        try:
            work(delivery)
        except KeepMessage:
            raise
"""

BATCHES = (
    Variant(
        name="raises-for-the-batch",
        sentence="raises an exception when a message of the batch failed, instead of naming that message",
        changes=(
            Change(
                file=_BATCH,
                old=_RESPOND,
                new=f"""{_ANSWER}    if answer["batchItemFailures"]:
        raise RuntimeError("messages of this batch failed")
    return answer
""",
            ),
        ),
        caught_by=("partial_batches", "first_failure_rate", "later_failure_rate", "independence", "backoff", "record"),
        message="was handed back",
        takes_long=True,
        load=BACKLOG,
    ),
    Variant(
        name="stops-at-the-first-bad-record",
        sentence="hands the rest of a batch back untouched once a message of it has failed",
        changes=(
            Change(
                file=_BATCH,
                old=_WORK,
                new="""        try:
            if stopped:
                raise KeepMessage
            work(delivery)
        except KeepMessage:
            stopped.append(delivery.message_id)
            raise
""",
            ),
            Change(
                file=_BATCH,
                old="    def one(record: SQSRecord) -> None:\n",
                new="    stopped: list[str] = []\n\n    def one(record: SQSRecord) -> None:\n",
            ),
        ),
        caught_by=(
            "partial_batches",
            "first_failure_rate",
            "later_failure_rate",
            "independence",
            "backoff",
            "redrive",
            "dead_letter_log",
            "record",
        ),
        message="was handed back without having been tried|without ever having been tried",
        takes_long=True,
        load=BACKLOG,
    ),
    Variant(
        name="reports-the-wrong-record",
        sentence="names the next message of the batch instead of the one that failed",
        changes=(
            Change(
                file=_BATCH,
                old=_RESPOND,
                new=f"""{_ANSWER}    ids = [record["messageId"] for record in event["Records"]]
    for failure in answer["batchItemFailures"]:
        failure["itemIdentifier"] = ids[(ids.index(failure["itemIdentifier"]) + 1) % len(ids)]
    return answer
""",
            ),
        ),
        caught_by=("partial_batches", "first_failure_rate", "later_failure_rate", "independence", "backoff", "record"),
        message="was handed back",
        takes_long=True,
        load=BACKLOG,
    ),
    Variant(
        name="reports-what-is-no-message",
        sentence="names the failed message by its receipt handle, which fails the whole batch",
        changes=(
            Change(
                file=_BATCH,
                old=_RESPOND,
                new=f"""{_ANSWER}    receipts = {{record["messageId"]: record["receiptHandle"] for record in event["Records"]}}
    for failure in answer["batchItemFailures"]:
        failure["itemIdentifier"] = receipts[failure["itemIdentifier"]]
    return answer
""",
            ),
        ),
        caught_by=("partial_batches", "first_failure_rate", "later_failure_rate", "independence", "backoff", "record"),
        message="was handed back",
        takes_long=True,
        load=BACKLOG,
    ),
)
