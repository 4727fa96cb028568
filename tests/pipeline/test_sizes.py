"""The limits of size, to the byte: what just fits arrives unharmed, and what is one larger is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from taskguard.history import DeadLetterLogged
from taskguard.ingress.workload import Task
from taskguard.support.json_values import Json
from taskguard.testing.pipeline import Pipeline

from tests.kept import altered

LARGEST_REQUEST = 1_048_576
LARGEST_MESSAGE = 262_144

# Each with the bytes that the queue's message spends on it.
CHARACTERS = {
    "a letter": ("x", 1),
    "a quotation mark": ('"', 2),
    "a new line": ("\n", 2),
    "a control character": ("\x1b", 6),
    "a letter beyond ASCII": ("é", 6),
    "a character of two escapes": ("🚀", 12),
}


def filled(task: Task, character: str, bytes_each: int, size: int) -> dict[str, Json]:
    """A payload of this character whose message is so many bytes long."""
    room = size - len(f'{{"taskId":"{task.task_id}","payload":{{"x":""}}}}')
    return {"x": character * (room // bytes_each) + "x" * (room % bytes_each)}


def body_of(task_id: str, payload: Mapping[str, Json]) -> bytes:
    """A request in as few bytes as there can be, so that its own limit is not what is met."""
    return json.dumps({"taskId": task_id, "payload": payload}, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.long
def test_the_largest_messages_arrive_unharmed_even_when_dead_lettered(pipeline: Pipeline) -> None:
    sent = {}
    for character, bytes_each in CHARACTERS.values():
        task = pipeline.task(failures=3)
        sent[task.task_id] = filled(task, character, bytes_each, LARGEST_MESSAGE)
        response = pipeline.client.post(body_of(task.task_id, sent[task.task_id]))
        assert response.status_code == 202, response.text
    history = pipeline.settle(*(Task(task_id=task_id, payload=payload) for task_id, payload in sent.items()))
    assert altered(history, sent) == []
    assert {event.task_id for event in history.of_kind(DeadLetterLogged)} == set(sent)


@pytest.mark.parametrize("kind", CHARACTERS)
def test_a_message_one_byte_larger_is_refused(pipeline: Pipeline, kind: str) -> None:
    task = pipeline.task()
    response = pipeline.client.post(body_of(task.task_id, filled(task, *CHARACTERS[kind], LARGEST_MESSAGE + 1)))
    assert (response.status_code, response.json()["error"]) == (413, "body_too_large")
    assert f"{LARGEST_MESSAGE + 1} bytes" in response.json()["message"]
    assert pipeline.client.record(task.task_id) is None


@pytest.mark.in_process
def test_a_client_is_told_that_its_connection_ends_with_a_refusal_for_size(pipeline: Pipeline) -> None:
    larger = pipeline.client.post(b" " * (LARGEST_REQUEST + 1))
    assert (larger.status_code, larger.headers["Connection"]) == (413, "close")


def test_the_largest_request_is_accepted_and_one_byte_more_is_refused(pipeline: Pipeline) -> None:
    task = pipeline.task(payload={"é": "🚀"})
    body = body_of(task.task_id, task.payload)
    spaces = b" " * (LARGEST_REQUEST - len(body))
    larger = pipeline.client.post(body + spaces + b" ")
    assert (larger.status_code, larger.json()["error"]) == (413, "body_too_large")
    assert str(LARGEST_REQUEST + 1) in larger.json()["message"]
    assert pipeline.client.record(task.task_id) is None
    assert pipeline.client.post(spaces + body).status_code == 202
    assert altered(pipeline.settle(task), {task.task_id: task.payload}) == []


def test_a_task_id_of_128_characters_goes_all_the_way_and_one_of_129_is_refused(pipeline: Pipeline) -> None:
    longest = pipeline.prefix.ljust(128, ":")
    task = Task(task_id=longest, payload={"x": 1})
    assert pipeline.client.post(body_of(f"{longest}x", task.payload)).status_code == 400
    assert pipeline.client.get(f"{longest}x").status_code == 400
    assert pipeline.client.get(longest).status_code == 404
    pipeline.submit(task)
    history = pipeline.settle(task)
    assert altered(history, {longest: task.payload}) == []
    record = pipeline.client.record(longest)
    assert record is not None
    assert record["taskId"] == longest


def test_a_task_id_of_one_character_is_accepted(pipeline: Pipeline) -> None:
    # Always with the same payload, so that it can be sent to a stack that has had it before.
    task = Task(task_id="_", payload={})
    pipeline.submit(task)
    pipeline.settle(task)
    assert pipeline.client.get("_").json()["taskId"] == "_"
