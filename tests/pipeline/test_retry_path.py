"""The retry path: backoff, success after failure, death after three receives; judged by the checks themselves."""

import pytest
from taskguard.history import BackoffRequested, DeadLettered, Delivered, History
from taskguard.testing.pipeline import Pipeline

from tests.pipeline.judging import not_passed


def test_a_first_failure_comes_back_after_five_seconds_and_succeeds(pipeline: Pipeline) -> None:
    task = pipeline.task(failures=1)
    pipeline.submit(task)
    history = pipeline.settle(task)
    assert receives(history) == [1, 2]
    assert gaps(history) == [5]
    record = pipeline.record(task.task_id)
    assert record.status == "COMPLETED"
    assert [(a.number, a.outcome, a.backoff_seconds) for a in record.attempts] == [
        (1, "FAILED", 5.0),
        (2, "SUCCEEDED", None),
    ]
    assert record.last_error is not None


@pytest.mark.long
def test_a_second_failure_comes_back_after_ten_seconds(pipeline: Pipeline) -> None:
    task = pipeline.task(failures=2)
    pipeline.submit(task)
    history = pipeline.settle(task)
    assert receives(history) == [1, 2, 3]
    assert gaps(history) == [5, 10]
    assert pipeline.record(task.task_id).status == "COMPLETED"


@pytest.mark.long
def test_a_third_failure_reaches_the_dead_letter_queue_after_its_backoff(pipeline: Pipeline) -> None:
    task = pipeline.task(failures=3, payload={"n": 1.0, "ü": [None]})
    pipeline.submit(task)
    history = pipeline.settle(task)
    assert receives(history) == [1, 2, 3]
    assert gaps(history) == [5, 10, 20]
    assert len(history.of_kind(DeadLettered)) == 1
    record = pipeline.record(task.task_id)
    assert record.status == "DEAD_LETTER"
    assert [(a.number, a.outcome, a.backoff_seconds) for a in record.attempts] == [
        (1, "FAILED", 5.0),
        (2, "FAILED", 10.0),
        (3, "FAILED", 20.0),
    ]


@pytest.mark.long
def test_a_mixed_batch_passes_every_check(pipeline: Pipeline) -> None:
    tasks = [pipeline.task(failures=failures) for failures in (0, 1, 0, 3, 2, 0, 0, 1)]
    pipeline.submit(*tasks)
    history = pipeline.settle(*tasks)
    assert not_passed(history, pipeline.run.expectations) == {}


def receives(history: History) -> list[int]:
    """The receive counts of all deliveries, in order."""
    return [event.receive_count for event in history.of_kind(Delivered)]


def gaps(history: History) -> list[int]:
    """The observed gap after each backoff in whole seconds; asserts that none was early, or late by 2 s."""
    found = []
    arrivals: list[Delivered | DeadLettered] = [*history.of_kind(Delivered), *history.of_kind(DeadLettered)]
    for backoff in history.of_kind(BackoffRequested):
        back = min(event.at_ms for event in arrivals if event.at_ms > backoff.at_ms)
        assert back - backoff.at_ms >= backoff.delay_seconds * 1000
        assert back - backoff.answered_ms <= backoff.delay_seconds * 1000 + 2000
        found.append(round(backoff.delay_seconds))
    return found
