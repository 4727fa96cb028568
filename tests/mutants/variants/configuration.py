"""Pipelines that work, today, and are deployed as they should not be."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.loads import FATES, FEW, NEVER_SETTLES, Load
from tests.mutants.variants.variant import Variant

_TEMPLATE = "serverless.yml"
_CONSUMER = """          arn: !GetAtt TaskQueue.Arn
          batchSize: 10
          functionResponseType: ReportBatchItemFailures
"""
_MONITOR = "          arn: !GetAtt TaskDeadLetterQueue.Arn\n"


def _deployed_wrong(
    name: str, sentence: str, old: str, new: str, *others: str, message: str, load: Load = FEW
) -> Variant:
    return Variant(
        name=name,
        sentence=sentence,
        changes=(Change(file=_TEMPLATE, old=old, new=new),),
        caught_by=("configuration", *others),
        message=message,
        load=load,
        takes_long=load is NEVER_SETTLES,
    )


CONFIGURATION = (
    _deployed_wrong(
        "failures-not-heeded",
        "names failed messages in its answers, which nobody was told to read",
        _CONSUMER,
        _CONSUMER.replace("          functionResponseType: ReportBatchItemFailures\n", ""),
        "first_failure_rate",
        "later_failure_rate",
        "independence",
        "partial_batches",
        "record",
        message="cannot report one message of a batch as failed",
        load=FATES,
    ),
    _deployed_wrong(
        "monitor-not-fed",
        "the dead-letter queue's consumer is there and gets nothing",
        _MONITOR,
        f"{_MONITOR}          enabled: false\n",
        "settlement",
        "redrive",
        "backoff",
        "record",
        # Its deaths are seen by the queue's own moves, and nobody logs them.
        "dead_letter_log",
        message="the consumer of the dead-letter queue, is switched off",
        load=NEVER_SETTLES,
    ),
    _deployed_wrong(
        "queue-not-encrypted",
        "the task queue keeps its messages unencrypted",
        "        SqsManagedSseEnabled: true\n        RedrivePolicy:\n",
        "        SqsManagedSseEnabled: false\n        RedrivePolicy:\n",
        message="the work queue is not encrypted at rest",
    ),
    _deployed_wrong(
        "unencrypted-receives",
        "the dead-letter queue wants TLS of who sends, and lets anybody receive without",
        "              Action: sqs:*\n              Resource: !GetAtt TaskDeadLetterQueue.Arn\n",
        "              Action: sqs:SendMessage\n              Resource: !GetAtt TaskDeadLetterQueue.Arn\n",
        message="the dead-letter queue does not refuse unencrypted transport",
    ),
    _deployed_wrong(
        "table-not-encrypted",
        "the table is not encrypted with a key of the account's",
        "          SSEEnabled: true\n",
        "          SSEEnabled: false\n",
        message="the tasks. records are not encrypted at rest",
    ),
    _deployed_wrong(
        "short-retention",
        "dead letters are gone after an hour",
        "        # 14 days, the longest there is.\n        MessageRetentionPeriod: 1209600\n",
        "        MessageRetentionPeriod: 3600\n",
        message="the dead-letter queue keeps a message for .*: its age goes on",
    ),
    _deployed_wrong(
        "wildcard-action",
        "submitTask may do anything to the table",
        "Action: [dynamodb:GetItem, dynamodb:PutItem]\n",
        "Action: dynamodb:*\n",
        message=r"may do dynamodb:\*",
    ),
    _deployed_wrong(
        "wildcard-resource",
        "submitTask may send to any queue",
        "                  Action: sqs:SendMessage\n                  Resource: !GetAtt TaskQueue.Arn\n",
        "                  Action: sqs:SendMessage\n                  Resource: '*'\n",
        message=r"may do sqs:SendMessage to \*",
    ),
)
