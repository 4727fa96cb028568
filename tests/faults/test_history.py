"""What a run's history tells of faults that were injected into the deployed pipeline."""

from __future__ import annotations

from collections.abc import Callable

from taskguard.faults.plan import Plan
from taskguard.history import AttemptFailed, AttemptSucceeded, BackoffRequested, Delivered, FaultInjected, History
from taskguard.testing.pipeline import Pipeline

Faults = Callable[..., Plan]


def injected(history: History) -> tuple[FaultInjected, ...]:
    return history.of_kind(FaultInjected)


def test_a_killed_process_fails_the_delivery_that_the_fault_names(pipeline: Pipeline, faults: Faults) -> None:
    task = pipeline.task()
    plan = faults(f"kill when=after call=UpdateItem function=processTask receive=1 task={task.task_id}")
    pipeline.submit(task)
    history = pipeline.settle(task)
    (fault,) = injected(history)
    first, second, *_ = history.of_kind(Delivered)
    failed, *_ = history.of_kind(AttemptFailed)
    assert (fault.kind, fault.when, fault.call, fault.number, fault.function) == (
        "kill",
        "after",
        "UpdateItem",
        1,
        "processTask",
    )
    assert fault.fault == str(plan.faults[0])
    assert (fault.task_ids, fault.receive_count) == ((task.task_id,), 1)
    assert fault.delivery_id == first.delivery_id == failed.delivery_id
    assert "signal: killed" in failed.reason
    assert second.receive_count == 2


def test_a_backoff_whose_answer_was_lost_is_told_as_granted(pipeline: Pipeline, faults: Faults) -> None:
    task = pipeline.task(failures=1)
    faults(f"disconnect when=after call=ChangeMessageVisibility every-try task={task.task_id}")
    pipeline.submit(task)
    history = pipeline.settle(task)
    requests = history.of_kind(BackoffRequested)
    assert [(request.delay_seconds, request.accepted) for request in requests] == [(5, True)] * len(requests)
    assert len(injected(history)) == len(requests) > 0
    assert len(history.of_kind(AttemptSucceeded)) == 1


def test_a_backoff_that_had_no_effect_is_told_as_refused(pipeline: Pipeline, faults: Faults) -> None:
    task = pipeline.task(failures=1)
    faults(f"error when=before call=ChangeMessageVisibility every-try task={task.task_id}")
    pipeline.submit(task)
    history = pipeline.settle(task)
    assert {request.accepted for request in history.of_kind(BackoffRequested)} == {False}


def test_garbage_is_told_as_lambda_takes_it_and_the_api_answers_502(pipeline: Pipeline, faults: Faults) -> None:
    task = pipeline.task()
    faults(f"garbage receive=1 task={task.task_id}")
    client = pipeline.client
    answers = [event.status_code for _ in range(2) for event in client.submit_all([task])]
    assert answers == [502, 202]
    history = pipeline.settle(task)
    assert {fault.function for fault in injected(history)} == {"submitTask", "processTask"}
    failed = {event.receive_count for event in history.of_kind(AttemptFailed)}
    assert failed == {1}


def test_other_tasks_are_not_told_of(pipeline: Pipeline, faults: Faults) -> None:
    struck, spared = pipeline.task(), pipeline.task()
    faults(f"throttle when=before call=UpdateItem function=processTask task={struck.task_id}")
    pipeline.submit(struck, spared)
    pipeline.settle(struck, spared)
    assert injected(pipeline.history([struck.task_id]))
    assert not injected(pipeline.history([spared.task_id]))
