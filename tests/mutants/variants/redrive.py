"""Pipelines that give up too soon, too late or never."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.variants.variant import Variant

_TEMPLATE = "serverless.yml"
_RECEIVES = "          maxReceiveCount: 3\n"


def _receives(count: int) -> tuple[Change, ...]:
    return (Change(file=_TEMPLATE, old=_RECEIVES, new=_RECEIVES.replace("3", str(count))),)


REDRIVE = (
    Variant(
        name="two-receives",
        sentence="dead-letters after two receives",
        changes=_receives(2),
        caught_by=("redrive", "configuration", "first_failure_rate", "later_failure_rate"),
        message=r"was dead-lettered after receives 1, 2; expected 1, 2, 3",
        real_time=True,
    ),
    Variant(
        name="four-receives",
        sentence="dead-letters after four receives",
        changes=_receives(4),
        caught_by=("redrive", "configuration", "effect"),
        message="was delivered for the 4th time, 3 are allowed",
    ),
    Variant(
        name="five-receives",
        sentence="dead-letters after five receives",
        changes=_receives(5),
        caught_by=("redrive", "configuration", "effect"),
        message="was delivered for the 4th time, 3 are allowed",
    ),
    Variant(
        name="no-dead-letter-queue",
        sentence="has a dead-letter queue, and the task queue does not know of it",
        changes=(
            Change(
                file=_TEMPLATE,
                old=f"""        RedrivePolicy:
          deadLetterTargetArn: !GetAtt TaskDeadLetterQueue.Arn
{_RECEIVES}""",
                new="",
            ),
            # Nothing tells any more which of the two is the work queue, so its user is asked.
            Change(
                file="taskguard.toml",
                old='dialect = "taskguard"\n',
                new='dialect = "taskguard"\n[service]\nwork_queue = "TaskQueue"\n',
            ),
        ),
        caught_by=("redrive", "configuration", "effect"),
        message="was delivered for the 4th time, 3 are allowed",
        takes_long=True,
    ),
)
