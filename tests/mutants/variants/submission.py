"""Pipelines that accept what they lose, change it on the way, or make up more."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.loads import as_they_come
from tests.mutants.variants.variant import Variant

_SUBMIT = "handlers/submit_task.py"
_SEND = "            message_id = self.queue.send(message)\n"
_CREATE = "            existing = self.store.create(task_id, message.payload_json, created_at)\n"
_ACCEPT = "        task_id = message.task_id\n        # Before the message is sent: "
_METRICS = "metrics = Metrics(settings.stage(os.environ))\n"


def _sent_as(text: str) -> Change:
    return Change(file=_SUBMIT, old=_SEND, new=text)


def _accepted_as(old: str, new: str) -> Change:
    changed = f"message.payload_json.replace({old!r}, {new!r})"
    return Change(
        file=_SUBMIT, old=_ACCEPT, new=f"        message = replace(message, payload_json={changed})\n{_ACCEPT}"
    )


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
                "            self.store.create(copy.task_id, copy.payload_json, created_at)\n"
                f"            self.queue.send(copy)\n{_SEND}"
            ),
        ),
        caught_by=("settlement",),
        message="was (completed|dead-lettered) although it was never accepted",
    ),
    Variant(
        name="changes-a-dead-task-s-payload",
        sentence="accepts and sends 1 where 1.0 was submitted, in a task that dies too",
        changes=(_accepted_as("1.0", "1"),),
        caught_by=("settlement", "record", "dead_letter_log"),
        message="was delivered with another payload than was submitted",
    ),
    Variant(
        name="changes-a-payload",
        sentence="accepts and sends another address than was submitted, in tasks that all end well",
        changes=(_accepted_as("Lindenstra", "Linden"),),
        caught_by=("settlement", "record"),
        message="was delivered with another payload than was submitted",
    ),
    Variant(
        name="no-record-of-one-in-fifty",
        sentence="neither stores nor works on one task in fifty, and acknowledges its message",
        changes=(
            Change(
                file=_SUBMIT,
                old=_CREATE,
                new='            stored = not task_id.endswith(("07", "57"))\n'
                "            existing = self.store.create(task_id, message.payload_json, created_at) if stored else None\n",
            ),
            Change(
                file="handlers/process_task.py",
                old='        about["taskId"] = task.task_id\n',
                new='        about["taskId"] = task.task_id\n'
                '        if task.task_id.endswith(("07", "57")):\n            return\n',
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
