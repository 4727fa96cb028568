"""Pipelines that work as they are written, and are set so that messages are dropped, handed over again or never hidden."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.loads import FATES, FEW, NEVER_SETTLES, Load
from tests.mutants.variants.variant import FromLogs, Variant

_TEMPLATE = "serverless.yml"
_CONSUMER = """          arn: !GetAtt TaskQueue.Arn
          batchSize: 10
"""
_MONITOR = """          arn: !GetAtt TaskDeadLetterQueue.Arn
          batchSize: 10
"""


def _set_wrong(
    name: str,
    sentence: str,
    old: str,
    added: str,
    *caught_by: str,
    message: str,
    load: Load = FEW,
    from_logs: FromLogs = FromLogs.REJECTED,
) -> Variant:
    return Variant(
        name=name,
        sentence=sentence,
        changes=(Change(file=_TEMPLATE, old=old, new=f"{old}{added}"),),
        caught_by=caught_by,
        message=message,
        from_logs=from_logs,
        load=load,
        takes_long=load is NEVER_SETTLES,
    )


SETTINGS = (
    _set_wrong(
        "filter-drops-tasks",
        "an event filter of processTask lets through what has a priority, and the rest is deleted",
        _CONSUMER,
        "          filterPatterns:\n            - body: { payload: { priority: [{ exists: true }] } }\n",
        "settlement",
        "record",
        "first_failure_rate",
        message="the event filter .*priority.* deletes what it does not match, and the task never reached it",
        load=NEVER_SETTLES,
    ),
    _set_wrong(
        "filter-drops-dead-letters",
        "an event filter of monitorDLQ matches nothing that there is, so that dead letters are deleted unseen",
        _MONITOR,
        "          filterPatterns:\n            - body: { kind: [dead] }\n",
        "dead_letter_log",
        "record",
        # Without the engine's word nobody sees a death that its monitor is not told of.
        "settlement",
        "backoff",
        "redrive",
        from_logs=FromLogs.UNKNOWN,
        message="never logged as a dead letter; the event filter .* of .*monitorDLQ deletes what it does not match",
        load=FATES,
    ),
    _set_wrong(
        "window-beyond-visibility",
        "gathers batches for so long that a message is visible again before the function must have ended",
        _CONSUMER,
        "          maximumBatchingWindow: 80\n",
        "configuration",
        # A batch that is not full when a message comes back holds it for longer than its backoff.
        "backoff",
        message="gathers a batch for 80 s and may work for 15 s, and a message is hidden for 90 s only",
    ),
    _set_wrong(
        "monitor-window-beyond-visibility",
        "gathers dead letters for so long that one is visible again before the function must have ended",
        _MONITOR,
        "          maximumBatchingWindow: 76\n",
        "configuration",
        message="consumer of the dead-letter queue, gathers a batch for 76 s and may work for 15 s",
    ),
    Variant(
        name="backs-off-beyond-twelve-hours",
        sentence="asks for a backoff that SQS refuses, and leaves the waiting to the queue's visibility timeout",
        changes=(
            Change(
                file="handlers/task_queue.py",
                old="VisibilityTimeout=delay_seconds",
                new="VisibilityTimeout=43_200 + delay_seconds",
            ),
        ),
        caught_by=("backoff", "record"),
        message=r"and was refused: SQS hides a message for 43200 s at most",
        takes_long=True,
    ),
)
