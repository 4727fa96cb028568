"""Poison messages end in the dead-letter queue and in the log, and harm nobody else."""

import json

import pytest

from harness.history import BackoffRequested, DeadLettered, Delivered
from harness.testing import Pipeline
from harness.waiting import WaitedInVain, wait_for

POISON = {
    "not JSON": "this is no task",
    "not a task": '{"something": "else"}',
    "no payload": '{"taskId": "a"}',
    "record missing": '{"taskId": "%s", "payload": {"lost": true}}',
}


@pytest.mark.parametrize("kind", POISON)
def test_it_is_dead_lettered_and_logged_and_its_neighbours_complete(pipeline: Pipeline, kind: str) -> None:
    stack, sqs = pipeline.run.stack, pipeline.run.endpoint.sqs()
    lost_id = pipeline.task().task_id
    body = POISON[kind].replace("%s", lost_id)
    neighbours = [pipeline.task() for _ in range(3)]
    pipeline.submit(neighbours[0])
    message_id = sqs.send_message(QueueUrl=stack.task_queue_url, MessageBody=body)["MessageId"]
    pipeline.submit(*neighbours[1:])

    history = pipeline.settle(*neighbours)
    assert all(len(history.attempts_of(task.task_id)) == 1 for task in neighbours)
    assert all(pipeline.record(task.task_id).status == "COMPLETED" for task in neighbours)

    try:
        wait_for(lambda: pipeline.history([message_id]).of_kind(DeadLettered), seconds=60, every=0.5, at_most_every=1)
    except WaitedInVain:
        pytest.fail(f"the poison message {message_id} did not reach the dead-letter queue")
    poisoned = pipeline.history([message_id])
    assert [event.receive_count for event in poisoned.of_kind(Delivered)] == [1, 2, 3]
    assert [event.delay_seconds for event in poisoned.of_kind(BackoffRequested)] == [5, 10, 20]
    line = logged(pipeline, message_id)
    if kind == "record missing":
        assert (line["event"], line["taskId"], line["payload"]) == ("TASK_DEAD_LETTER", lost_id, {"lost": True})
        assert "missing" in line["lastError"]
    else:
        assert (line["event"], line["body"]) == ("POISON_DEAD_LETTER", body)
        assert line["reason"]


def logged(pipeline: Pipeline, message_id: str) -> dict[str, object]:
    """The line that the dead-letter queue's monitor logged of this message."""
    group = f"/aws/lambda/TaskGuard-{pipeline.run.stack.stage}-monitorDLQ"
    pages = pipeline.run.endpoint.logs().get_paginator("filter_log_events")

    def look() -> dict[str, object] | None:
        for page in pages.paginate(logGroupName=group):
            for event in page["events"]:
                line: dict[str, object] = json.loads(event["message"]) if event["message"].startswith("{") else {}
                if "event" in line and line["messageId"] == message_id:
                    return line
        return None

    found = wait_for(look, seconds=20)
    assert found is not None
    return found
