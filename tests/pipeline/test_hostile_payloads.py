"""A payload arrives exactly as it was sent, in the record, on the queue and in the dead-letter log, or is refused by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from taskguard.history import DeadLetterLogged, RecordObserved
from taskguard.ingress.workload import Task
from taskguard.testing.pipeline import Pipeline

from tests import payloads
from tests.kept import altered
from tests.thoroughness import examples

# Where API Gateway puts U+FFFD in the place of bytes that are no UTF-8, or may do so: docs/engines.md.
REPLACING = ("ministack", "aws")


@pytest.mark.long
def test_hostile_payloads_arrive_exactly_as_sent_even_when_dead_lettered(pipeline: Pipeline) -> None:
    dying = []
    for text in payloads.KEPT.values():
        dying.append(pipeline.task(failures=3, payload=json.loads(text)))
        submit_text(pipeline, dying[-1].task_id, text)
    expect_kept(pipeline, dying)
    # What stands in a payload is no record of the log.
    assert pipeline.history([payloads.FORGED_ID]).of_kind(DeadLetterLogged) == ()


@pytest.mark.long
def test_payloads_that_hypothesis_makes_arrive_exactly_as_sent(pipeline: Pipeline) -> None:
    tasks: list[Task] = []

    # Submitted one by one, so that one which is not accepted is made as small as can be; worked on all together.
    @settings(max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow])
    @given(payloads.payloads, st.booleans())
    def submit(payload: dict[str, Any], escaped: bool) -> None:
        task = pipeline.task(failures=3 * (len(tasks) % 2), payload=payload)
        text = json.dumps(payload, ensure_ascii=escaped)
        try:
            text.encode()
        except UnicodeEncodeError:
            text = json.dumps(payload)
        submit_text(pipeline, task.task_id, text)
        tasks.append(task)

    submit()
    expect_kept(pipeline, tasks[1::2], tasks[::2])


@pytest.mark.parametrize("kind", payloads.REFUSED)
def test_a_payload_that_could_not_be_kept_is_refused_by_name(pipeline: Pipeline, kind: str) -> None:
    payload, code = payloads.REFUSED[kind]
    task = pipeline.task()
    response = pipeline.client.post(b'{"taskId": "' + task.task_id.encode() + b'", "payload": ' + payload + b"}")
    answer = response.json()
    if code == "invalid_utf8" and response.status_code == 202 and pipeline.run.endpoint.target in REPLACING:
        # The bytes were gone before the function was called.
        assert pipeline.settle(task).of_kind(RecordObserved)[0].payload == json.loads(payload.decode(errors="replace"))
        return
    assert (response.status_code, answer["error"]) == (400, code)
    assert 20 < len(answer["message"]) < 300
    assert pipeline.client.record(task.task_id) is None


def submit_text(pipeline: Pipeline, task_id: str, payload: str) -> None:
    """Submits a payload as the JSON text that it is."""
    response = pipeline.client.post(f'{{"taskId": "{task_id}", "payload": {payload}}}'.encode())
    assert response.status_code == 202, f"{payload[:300]}: {response.status_code} {response.text}"


def expect_kept(pipeline: Pipeline, dying: Sequence[Task], others: Sequence[Task] = ()) -> None:
    history = pipeline.settle(*dying, *others)
    assert altered(history, {task.task_id: task.payload for task in (*dying, *others)}) == []
    assert {event.task_id for event in history.of_kind(DeadLetterLogged)} == {task.task_id for task in dying}
