"""What the API accepts, answers and keeps."""

import json
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from taskguard.ingress.workload import Task
from taskguard.testing.pipeline import Pipeline

AWKWARD: dict[str, object] = {
    "text": 'quotes " and \\ backslash, tab \t, new line \n, nul \u0000',
    "Zoë": "東京 🚀",
    "one": [1, 1.0, True, "1"],
    "large": 12345678901234567890123,
    "small": 1e-07,
    "nested": {"a": [{"b": [[], {}, None]}]},
    "empty": "",
}


def test_an_accepted_task_is_answered_with_its_id_and_worked_on(pipeline: Pipeline) -> None:
    task = pipeline.task()
    response = pipeline.client.post(json.dumps({"taskId": task.task_id, "payload": task.payload}))
    assert response.status_code == 202
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.json() == {"taskId": task.task_id}
    pipeline.settle(task)
    assert pipeline.record(task.task_id).status == "COMPLETED"


def test_a_task_without_an_id_is_given_a_uuid(pipeline: Pipeline) -> None:
    response = pipeline.client.post('{"payload": {"a": 1}}')
    assert response.status_code == 202
    task_id = response.json()["taskId"]
    assert str(UUID(task_id)) == task_id
    assert pipeline.client.get(task_id).status_code == 200


def test_the_record_can_be_read_by_id(pipeline: Pipeline) -> None:
    task = pipeline.task(payload={"a": [1, 1.0, "ü"]})
    pipeline.submit(task)
    pipeline.settle(task)
    record = pipeline.client.record(task.task_id)
    assert record is not None
    assert record["taskId"] == task.task_id
    assert record["status"] == "COMPLETED"
    assert json.dumps(record["payload"]) == json.dumps(task.payload)
    (attempt,) = record["attempts"]
    assert (attempt["number"], attempt["outcome"]) == (1, "SUCCEEDED")
    assert record["createdAt"] <= attempt["startedAt"] <= record["updatedAt"]


def test_an_unknown_task_is_not_found(pipeline: Pipeline) -> None:
    response = pipeline.client.get("never-submitted")
    assert response.status_code == 404
    assert "never-submitted" in response.json()["message"]


def test_an_impossible_id_is_refused_on_reading_too(pipeline: Pipeline) -> None:
    assert pipeline.client.get("no spaces allowed").status_code == 400


def test_a_payload_arrives_exactly_as_sent(pipeline: Pipeline) -> None:
    task = pipeline.task(payload=AWKWARD)  # type: ignore[arg-type]
    pipeline.submit(task)
    history = pipeline.settle(task)
    sent = json.dumps(AWKWARD)
    record = pipeline.client.record(task.task_id)
    assert record is not None
    assert json.dumps(record["payload"]) == sent
    delivered = [
        event.payload
        for event in history.of_task(task.task_id)
        if hasattr(event, "delivery_id") and hasattr(event, "payload")
    ]
    assert [json.dumps(payload) for payload in delivered] == [sent]


def test_the_same_task_twice_is_worked_on_once(pipeline: Pipeline) -> None:
    task = pipeline.task()
    pipeline.submit(task)
    pipeline.submit(task)
    pipeline.settle(task)
    pipeline.submit(task)
    pipeline.settle(task)
    record = pipeline.client.record(task.task_id)
    assert record is not None
    assert [attempt["outcome"] for attempt in record["attempts"]] == ["SUCCEEDED"]


def test_a_settled_task_sent_again_puts_nothing_on_the_queue(pipeline: Pipeline) -> None:
    task = pipeline.task()
    pipeline.submit(task)
    deliveries = len(pipeline.settle(task).attempts_of(task.task_id))
    pipeline.submit(task)
    assert len(pipeline.settle(task).attempts_of(task.task_id)) == deliveries


def test_the_same_id_with_another_payload_is_a_conflict(pipeline: Pipeline) -> None:
    task = pipeline.task(payload={"n": 1})
    pipeline.submit(task)
    for other in ({"n": 2}, {"n": 1.0}, {}):
        response = pipeline.client.post(json.dumps({"taskId": task.task_id, "payload": other}))
        assert response.status_code == 409
        assert task.task_id in response.json()["message"]
    pipeline.settle(task)
    assert pipeline.record(task.task_id).payload == {"n": 1}


def test_of_many_clients_who_race_for_an_id_one_payload_wins(pipeline: Pipeline) -> None:
    task_id = pipeline.task().task_id
    with ThreadPoolExecutor(6) as pool:
        racers = [Task(task_id=task_id, payload={"racer": number}) for number in range(6)]
        answers = list(pool.map(pipeline.client.submit, racers))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409, 409]
    (winner,) = [answer for answer in answers if answer.accepted]
    pipeline.submitted.append(winner)
    pipeline.settle(Task(task_id=task_id, payload={}))
    assert pipeline.record(task_id).payload == winner.payload


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("DELETE", "/task"), ("POST", "/task/x/y")])
def test_an_unknown_path_or_method_gets_api_gateways_own_answer(pipeline: Pipeline, method: str, path: str) -> None:
    response = pipeline.client.request(method, path)
    assert response.status_code == 403
    assert response.json() == {"message": "Missing Authentication Token"}
