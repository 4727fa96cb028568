"""What a stack uses that MiniStack has wrong is found in what MiniStack itself tells of the stack."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from taskguard.history import History
from taskguard.run.engine_limits import limits_of, used_by
from taskguard.service.stack import Queue
from taskguard.targets.ministack import MiniStack

from tests.ministack.support import create
from tests.places import PLACES
from tests.unit.taskguard.recorder_lines import STACK

pytestmark = pytest.mark.heavy

PATTERN = {"body": {"$or": [{"kind": ["order"]}, {"price": [7]}]}}
CONSUMES = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


def test_what_a_stack_uses_is_found_and_a_plain_stack_uses_nothing(tmp_path: Path) -> None:
    with MiniStack(tmp_path, cache=PLACES.cache) as ministack:
        endpoint = ministack.start()
        sqs: Any = endpoint.sqs()
        url = sqs.create_queue(QueueName="tasks")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        function = create(endpoint, "|def handler(event, context): pass", actions=CONSUMES)
        functions: Any = endpoint.functions()
        made = functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=function.name)
        queue = Queue(logical_id="", url=url, arn=arn, consumers=(function.name,))
        stack = replace(STACK, work_queue=queue, dead_letter_queue=None)
        assert limits_of(endpoint, used_by(endpoint, stack), History([])) == ()

        functions.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
        functions.update_event_source_mapping(
            UUID=made["UUID"],
            MaximumBatchingWindowInSeconds=2,
            FilterCriteria={"Filters": [{"Pattern": json.dumps(PATTERN)}]},
        )
        found = {limit.behaviour: limit.uses for limit in limits_of(endpoint, used_by(endpoint, stack), History([]))}
        assert found == {
            "window-gathers": f"{function.name} has a batching window of 2 s",
            "window-ends": f"{function.name} has a batching window of 2 s",
            "throttled-is-tried-again": f"{function.name} has a reserved concurrency of 1",
            "throttled-comes-back": f"{function.name} has a reserved concurrency of 1",
            "filter-any-key": f"{function.name} has a filter with $or",
            "filter-array": f"{function.name} has a filter of bodies, which may hold lists",
        }
