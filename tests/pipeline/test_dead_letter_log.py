"""The dead-letter log: one JSON record a dead task, with every field of the contract, and true."""

import pytest
from taskguard.history import AttemptFailed, DeadLetterLogged
from taskguard.testing.pipeline import Pipeline

PAYLOAD = {"n": 1.0, "one": 1, "text": "Zoë 東京 \u0000", "nested": {"list": [None, True]}}


@pytest.mark.long
def test_a_dead_task_is_logged_once_with_every_field(pipeline: Pipeline) -> None:
    task = pipeline.task(failures=3, payload=PAYLOAD)  # type: ignore[arg-type]
    pipeline.submit(task)
    history = pipeline.settle(task)
    (logged,) = history.of_kind(DeadLetterLogged)
    fields, record = logged.fields, pipeline.client.record(task.task_id)
    assert record is not None
    assert fields["event"] == "TASK_DEAD_LETTER"
    assert fields["taskId"] == task.task_id
    assert repr(fields["payload"]) == repr(PAYLOAD)
    assert fields["attempts"] == 3
    assert fields["lastError"] == record["attempts"][-1]["error"]
    assert fields["createdAt"] == record["createdAt"]
    assert fields["failedAt"] == record["attempts"][-1]["finishedAt"]
    assert fields["messageId"] == history.of_kind(AttemptFailed)[0].message_id
    assert isinstance(fields["receiveCount"], int)


def test_a_task_that_lived_is_not_logged_as_dead(pipeline: Pipeline) -> None:
    task = pipeline.task(failures=1)
    pipeline.submit(task)
    assert pipeline.settle(task).of_kind(DeadLetterLogged) == ()
