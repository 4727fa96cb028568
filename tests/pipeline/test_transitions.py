"""What was written to each record, and how the stack is set up: read from outside, judged, and not fooled."""

import pytest
from taskguard.history import ConfigurationObserved, History, RecordChanged
from taskguard.judging.checks import CHECKS
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.support.waiting import wait_for
from taskguard.testing.pipeline import Pipeline


def judged(check: str, history: History, pipeline: Pipeline) -> Verdict:
    return CHECKS[check](history, pipeline.run.terms)


def states(history: History, task_id: str) -> list[tuple[str | None, int]]:
    """Each state that the record was in, with the number of its last attempt."""
    return [(each.status, each.attempt) for each in history.of_kind(RecordChanged) if each.task_id == task_id]


def since_it_was_claimed(history: History, task_id: str) -> list[tuple[str | None, int]]:
    """The same without its first state, PENDING, which it does not have when the consumer was faster than the API."""
    found = states(history, task_id)
    return found[found[0] == ("PENDING", 0) :]


@pytest.mark.long
def test_every_change_of_a_record_is_seen_and_legal(pipeline: Pipeline) -> None:
    once, dead = pipeline.task(failures=1), pipeline.task(failures=3)
    pipeline.submit(once, dead)
    history = pipeline.settle(once, dead)
    assert since_it_was_claimed(history, once.task_id) == [
        ("PROCESSING", 1), ("RETRYING", 1), ("PROCESSING", 2), ("COMPLETED", 2),
    ]  # fmt: skip
    assert since_it_was_claimed(history, dead.task_id) == [
        *((status, attempt) for attempt in (1, 2, 3) for status in ("PROCESSING", "RETRYING")),
        ("DEAD_LETTER", 3),
    ]
    verdict = judged("transitions", history, pipeline)
    assert (verdict.outcome, verdict.findings) == (Outcome.PASS, ())


def test_a_final_state_that_is_left_for_a_moment_is_found(pipeline: Pipeline) -> None:
    task = pipeline.task()
    pipeline.submit(task)
    pipeline.settle(task)
    # As a late failure would that does not look at what is there; then all is as it was.
    for status in ("RETRYING", "COMPLETED"):
        pipeline.run.endpoint.dynamodb().update_item(
            TableName=pipeline.run.stack.table_name,
            Key={"taskId": {"S": task.task_id}},
            UpdateExpression="SET #status = :status",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": status}},
        )
    # Streams are a little behind.
    history = wait_for(
        lambda: found if len(since_it_was_claimed(found := pipeline.settle(task), task.task_id)) == 4 else None,
        seconds=30,
    )
    assert history is not None
    assert judged("record", history, pipeline).outcome is Outcome.PASS
    verdict = judged("transitions", history, pipeline)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.findings[0].message == (
        f"task {task.task_id}: its record was COMPLETED, which is final, and was left for RETRYING"
    )


def test_the_stack_is_read_back_whole(pipeline: Pipeline) -> None:
    task = pipeline.task()
    pipeline.submit(task)
    history = pipeline.settle(task)
    verdict = judged("configuration", history, pipeline)
    assert (verdict.outcome, verdict.findings) == (Outcome.PASS, ())
    (found,) = history.of_kind(ConfigurationObserved)
    work, dead = found.queues
    assert (work.max_receives, work.dead_letters_watched, work.visibility_timeout_seconds) == (3, True, 90.0)
    assert (dead.retention_seconds, dead.encrypted, work.encrypted, found.store_encrypted) == (
        1209600.0,
        True,
        True,
        True,
    )
    stack = pipeline.run.stack
    assert {(each.queue, each.name) for each in found.consumers} == {
        ("work", stack.function("processTask").name),
        ("dead-letter", stack.function("monitorDLQ").name),
    }
    assert {each.holder for each in found.permissions} == {each.name for each in stack.functions}
