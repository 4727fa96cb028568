"""Pipelines that do the work more than once, or try more often than they may."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.variants.variant import FromLogs, Variant

_PROCESS = "handlers/process_task.py"
_MAY_SEND = Change(
    file="serverless.yml",
    old="                    - sqs:ChangeMessageVisibility\n",
    new="                    - sqs:ChangeMessageVisibility\n                    - sqs:SendMessage\n",
)
"""Or AWS would refuse its worker."""
ANY_CLAIM = Change(
    file="handlers/task_store.py",
    old="""            condition=f"{condition}(#status = :pending AND payload = :payload AND NOT contains(earlierMessages, :message)) "
            "OR (messageId = :message AND #status IN (:retrying, :processing) AND lastAttempt < :attempt)",
""",
    # It has to use the values that it is given.
    new="""            condition="attribute_not_exists(taskId) OR #status <> :pending OR #status <> :retrying",
""",
)
"""Any message may claim any task, whatever became of it."""

EFFECTS = (
    Variant(
        name="works-on-duplicates",
        sentence="sends each message twice and does the work for both",
        changes=(
            ANY_CLAIM,
            Change(
                file="handlers/submit_task.py",
                old="            message_id = self.queue.send(message)\n",
                new="            self.queue.send(message)\n            message_id = self.queue.send(message)\n",
            ),
        ),
        caught_by=("effect", "settlement", "transitions", "record", "dead_letter_log", "redrive"),
        message="was completed 2 times, as its record tells",
        takes_long=True,
    ),
    Variant(
        name="sends-anew-beside-the-old",
        sentence="sends a new message for a failed attempt, and keeps the old one too",
        changes=(
            ANY_CLAIM,
            Change(
                file=_PROCESS,
                old='        logger.warning("attempt failed", extra=about)\n',
                # Once for each task, or it would never end.
                new="        if claim.index == 0:\n"
                "            self.queue.send(task_message.parse(delivery.body))\n"
                '        logger.warning("attempt failed", extra=about)\n',
            ),
            _MAY_SEND,
        ),
        caught_by=("effect", "settlement", "transitions", "record", "dead_letter_log", "redrive"),
        message="was completed 2 times, as its record tells|was dead-lettered 2 times|are allowed",
        takes_long=True,
    ),
    Variant(
        name="begins-anew-after-three",
        sentence="sends a new message when the third attempt failed, and acknowledges the old one",
        changes=(
            ANY_CLAIM,
            Change(
                file=_PROCESS,
                old="            self._retry_later(claim, failure, delivery, about)\n        self._complete(claim, about)\n",
                new="""            if claim.index == 2:
                self.queue.send(task)
                return
            self._retry_later(claim, failure, delivery, about)
        self._complete(claim, about)
""",
            ),
            _MAY_SEND,
        ),
        caught_by=("redrive", "backoff", "effect", "settlement", "transitions", "record", "dead_letter_log"),
        message="was delivered for the 4th time, 3 are allowed; its consumer had sent it to the queue again",
        from_logs=FromLogs.UNKNOWN,
        takes_long=True,
    ),
)
