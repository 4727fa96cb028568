"""Pipelines that accept what they lose, change it on the way, or make up more."""

from __future__ import annotations

from tests.mutants.loads import as_they_come
from tests.mutants.variants.variant import Change, Variant

_SUBMIT = "handlers/submit_task.py"
_SEND = "            message_id = self.queue.send(message)\n"
_CREATE = "            existing = self.store.create(task_id, message.payload_json)\n"
_METRICS = "metrics = Metrics(settings.stage(os.environ))\n"


def _sent_as(text: str) -> Change:
    return Change(file=_SUBMIT, old=_SEND, new=text)


SUBMISSION = (
    Variant(
        name="accepts-without-sending",
        sentence="answers 202 for one task in ten without sending its message",
        changes=(
            _sent_as('            message_id = self.queue.send(message) if not task_id.endswith("7") else "none"\n'),
        ),
        caught_by=("settlement", "record"),
        message="was neither completed nor dead-lettered",
        load=as_they_come(20),
        real_time=True,
    ),
    Variant(
        name="answers-before-sending",
        sentence="answers 202 first and sends a task's message when the next request comes",
        changes=(
            _sent_as(
                "            _unsent.append(message)\n"
                '            message_id = self.queue.send(_unsent.pop(0)) if len(_unsent) > 1 else "none"\n'
            ),
            Change(file=_SUBMIT, old=_METRICS, new=f"{_METRICS}_unsent: list[TaskMessage] = []\n"),
        ),
        caught_by=("settlement",),
        message="was neither completed nor dead-lettered",
    ),
    Variant(
        name="makes-tasks-up",
        sentence="puts a task beside each that was submitted",
        changes=(
            _sent_as(
                '            copy = TaskMessage(f"{task_id}-copy", message.payload_json)\n'
                "            self.store.create(copy.task_id, copy.payload_json)\n"
                f"            self.queue.send(copy)\n{_SEND}"
            ),
        ),
        caught_by=("settlement",),
        message="was (completed|dead-lettered) although it was never accepted",
    ),
    Variant(
        name="changes-a-dead-task-s-payload",
        sentence="sends 1 where 1.0 was submitted, in a task that dies too",
        changes=(
            _sent_as(
                '            changed = TaskMessage(task_id, message.payload_json.replace("1.0", "1"))\n'
                "            message_id = self.queue.send(changed)\n"
            ),
        ),
        caught_by=("settlement",),
        message="was delivered with another payload than was submitted",
    ),
    Variant(
        name="changes-a-payload",
        sentence="sends another address than was submitted, in tasks that all end well",
        changes=(
            _sent_as(
                '            changed = TaskMessage(task_id, message.payload_json.replace("Lindenstra", "Linden"))\n'
                "            message_id = self.queue.send(changed)\n"
            ),
        ),
        caught_by=("settlement",),
        message="was delivered with another payload than was submitted",
    ),
    Variant(
        name="no-record-of-one-in-fifty",
        sentence="keeps no record of one task in fifty",
        changes=(
            Change(
                file=_SUBMIT,
                old=_CREATE,
                new='            stored = not task_id.endswith(("07", "57"))\n'
                "            existing = self.store.create(task_id, message.payload_json) if stored else None\n",
            ),
        ),
        caught_by=(
            "record",
            "first_failure_rate",
            "later_failure_rate",
            "independence",
            "dead_letter_log",
            "transitions",
        ),
        message="was accepted and has no record",
        load=as_they_come(60),
    ),
)
