"""Poison messages end in the dead-letter queue and in the log, and harm nobody else."""

import json
from typing import Any

import pytest
from taskguard.history import BackoffRequested, DeadLettered, Delivered
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.testing.pipeline import Pipeline

NOT_TASKS = {
    "not JSON": "this is no task",
    "another object": '{"something": "else"}',
    "no payload": '{"taskId": "a"}',
    "a payload that is no object": '{"taskId": "a", "payload": 1}',
    "an impossible id": '{"taskId": "a b", "payload": {}}',
}


@pytest.mark.long
def test_poison_is_dead_lettered_and_logged_and_its_neighbours_complete(pipeline: Pipeline) -> None:
    neighbours = [pipeline.task() for _ in range(6)]
    pipeline.submit(*neighbours[:3])
    sqs, url = pipeline.run.endpoint.sqs(), pipeline.run.stack.work_queue.url
    entries: list[Any] = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(NOT_TASKS.values())]
    answers = sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]
    sent = {answer["Id"]: answer["MessageId"] for answer in answers}
    message_ids = {kind: sent[str(number)] for number, kind in enumerate(NOT_TASKS)}
    pipeline.submit(*neighbours[3:])

    history = pipeline.settle(*neighbours)
    assert all(len(history.attempts_of(task.task_id)) == 1 for task in neighbours)
    assert all(pipeline.record(task.task_id).status == "COMPLETED" for task in neighbours)

    logged = wait_until_logged(pipeline, set(message_ids.values()))
    poisoned = pipeline.history(message_ids.values())
    for kind, message_id in message_ids.items():
        events = poisoned.of_message(message_id)
        assert [e.receive_count for e in events if isinstance(e, Delivered)] == [1, 2, 3], kind
        assert [e.delay_seconds for e in events if isinstance(e, BackoffRequested)] == [5, 10, 20], kind
        assert [e for e in events if isinstance(e, DeadLettered)], kind
        line = logged[message_id]
        assert (line["event"], line["body"]) == ("POISON_DEAD_LETTER", NOT_TASKS[kind]), kind
        assert line["reason"], kind


def wait_until_logged(pipeline: Pipeline, message_ids: set[str]) -> dict[str, dict[str, object]]:
    """What the dead-letter queue's monitor logged of these messages, by message id."""
    group = f"/aws/lambda/TaskGuard-{pipeline.run.stack.stage}-monitorDLQ"
    pages = pipeline.run.endpoint.logs().get_paginator("filter_log_events")
    found: dict[str, dict[str, object]] = {}

    def all_logged() -> bool:
        for page in pages.paginate(logGroupName=group):
            for event in page["events"]:
                line = json.loads(event["message"]) if event["message"].startswith("{") else {}
                if str(line.get("event", "")).endswith("_DEAD_LETTER") and line["messageId"] in message_ids:
                    found[line["messageId"]] = line
        return found.keys() == message_ids

    try:
        wait_for(all_logged, seconds=70, every=0.5, at_most_every=1)
    except WaitedInVain:
        pytest.fail(f"not logged as dead letters: messages {sorted(message_ids - found.keys())}")
    return found
