"""Least privilege, by evidence: the flight recorder's calls held against the roles as deployed.

The session as a whole is judged when its last test is over (`tests/least_privilege.py`); here the evidence itself is
tested: that it is complete, and that one action too many or too few shows.
"""

from dataclasses import replace

import pytest
from taskguard.evidence.privileges.actions import Access, Place
from taskguard.support.waiting import wait_for
from taskguard.testing.pipeline import Pipeline

from tests.privileges.policies import Statement
from tests.privileges.roles import Role, roles_of
from tests.privileges.table import Row, State, table_of, uses_of


def test_a_task_s_calls_are_allowed_and_attributed_to_the_test_that_caused_them(pipeline: Pipeline) -> None:
    task = pipeline.task(failures=1)
    pipeline.submit(task)
    pipeline.settle(task)
    pipeline.client.get(task.task_id)
    roles = roles_of(pipeline.run.endpoint, pipeline.run.stack)
    expected = {
        ("submitTask", "dynamodb:GetItem"),
        ("submitTask", "dynamodb:PutItem"),
        ("submitTask", "sqs:SendMessage"),
        ("getTask", "dynamodb:GetItem"),
        ("processTask", "dynamodb:UpdateItem"),
        ("processTask", "sqs:ChangeMessageVisibility"),
    }
    # What the platform does in the functions' roles, polling and delivering logs, is seen as well.
    expected_of_platform = {
        (function, f"logs:{operation}")
        for function in ("submitTask", "getTask", "processTask")
        for operation in ("CreateLogStream", "PutLogEvents")
    } | {("processTask", f"sqs:{operation}") for operation in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}

    def all_seen() -> bool:  # logs arrive a moment after the answer
        return expected_of_platform <= used(table(pipeline, roles))

    wait_for(all_seen, seconds=15)
    rows = table(pipeline, roles)
    assert expected <= used([row for row in rows if pipeline.prefix in row.seen_in])
    assert not [row for row in rows if row.state in (State.NOT_ALLOWED, State.TOO_WIDE)]


def test_an_action_too_few_and_an_action_too_many_show(pipeline: Pipeline) -> None:
    task = pipeline.task()
    pipeline.submit(task)
    pipeline.settle(task)
    roles = roles_of(pipeline.run.endpoint, pipeline.run.stack)
    lacking = [replace(role, statements=without(role, "sqs:SendMessage")) for role in roles]
    assert found(table(pipeline, lacking), State.NOT_ALLOWED) == {("submitTask", "sqs:SendMessage")}

    queue = pipeline.run.stack.work_queue.arn
    spare = Statement(allows=True, actions=("sqs:PurgeQueue",), resources=(queue,))
    elsewhere = Statement(allows=True, actions=("sqs:SendMessage",), resources=(f"{queue}-of-somebody-else",))
    too_many = [replace(role, statements=(*role.statements, spare, elsewhere)) for role in roles]
    unused = found(table(pipeline, too_many), State.UNUSED)
    assert {(role.function.split("-")[-1], "sqs:PurgeQueue") for role in roles} <= unused
    assert ("submitTask", "sqs:SendMessage") in unused


def table(pipeline: Pipeline, roles: list[Role]) -> list[Row]:
    recording = pipeline.run.recording()
    if recording is None:
        pytest.skip("this engine has no flight recorder, which alone sees the functions' calls")
    place = Place(region=pipeline.run.endpoint.region, account=roles[0].arn.split(":")[4])
    return table_of(roles, uses_of(recording, roles, place, {pipeline.prefix: pipeline.prefix}), complete=True)


def used(rows: list[Row]) -> set[tuple[str, str]]:
    return found(rows, State.USED)


def found(rows: list[Row], state: State) -> set[tuple[str, str]]:
    return {(row.function.split("-")[-1], row.action) for row in rows if row.state is state}


def without(role: Role, action: str) -> tuple[Statement, ...]:
    """The role's statements, but for those that speak of an action."""
    return tuple(
        statement
        for statement in role.statements
        if not any(statement.covers(Access(action, resource)) for resource in statement.resources)
    )
