"""Pipelines whose batches share what each message should bear alone."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.loads import BACKLOG
from tests.mutants.variants.variant import Variant

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


def _answering(expression: str) -> tuple[Change, ...]:
    """Answers otherwise when a message has failed; `failed` is the list that it should have answered with."""
    new = f"""{_ANSWER}    failed: Any = answer["batchItemFailures"]
    return {expression} if failed else answer
"""
    return (Change(file=_BATCH, old=_RESPOND, new=new),)


_DELETED = ("partial_batches", "first_failure_rate", "later_failure_rate", "independence", "record")
"""What is deleted as if it had succeeded is not tried again, and its record waits for that."""

_COME_BACK = (*_DELETED, "backoff", "dead_letter_log")
"""What is done comes back beside what failed, without a backoff. It may die with it, and of a task that is done no death is logged."""

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
        caught_by=_COME_BACK,
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
        caught_by=(*_COME_BACK, "redrive"),
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
        caught_by=_COME_BACK,
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
        caught_by=_COME_BACK,
        message="answered with the receipt handles of its failed messages, instead of their message ids",
        takes_long=True,
        load=BACKLOG,
    ),
    Variant(
        name="reports-plain-texts",
        sentence="lists the failed messages' ids as texts, without itemIdentifier, which fails the whole batch",
        changes=_answering("""{"batchItemFailures": [each["itemIdentifier"] for each in failed]}"""),
        caught_by=_COME_BACK,
        message="answered with plain texts for its failed messages",
        takes_long=True,
        load=BACKLOG,
    ),
    Variant(
        name="reports-another-batch",
        sentence="names an id that is no message beside the failed ones, which fails the whole batch",
        changes=_answering(
            """{"batchItemFailures": [*failed, {"itemIdentifier": "00000000-0000-0000-0000-000000000000"}]}"""
        ),
        caught_by=_COME_BACK,
        message="answered with a failed message that is not of its batch",
        takes_long=True,
        load=BACKLOG,
    ),
    Variant(
        name="answers-as-an-api",
        sentence="answers with a status code and its list of failed messages in a body, where Lambda reads none",
        changes=_answering("""{"statusCode": 200, "body": str(answer).replace("'", '"')}"""),
        caught_by=_DELETED,
        message="answered with its list of failed messages inside body: Lambda reads none",
    ),
    Variant(
        name="answers-in-another-case",
        sentence="calls its list of failed messages BatchItemFailures, which Lambda does not read",
        changes=_answering("""{"BatchItemFailures": failed}"""),
        caught_by=_DELETED,
        message="answered with its list of failed messages as BatchItemFailures",
    ),
)
