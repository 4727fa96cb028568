"""When messages are gone by themselves, and how soon a queue may be emptied or made again; on the pipeline's clock."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.queues import Queues

pytestmark = pytest.mark.documented

SHORT = "60"
"""The shortest retention period that SQS takes."""


@pytest.fixture
def pass_seconds(endpoint: Endpoint, queues: Queues) -> PassSeconds:
    return PassSeconds(endpoint, queues)


class PassSeconds:
    """Lets time pass on the pipeline's clock, which runs fast while a message is hidden."""

    def __init__(self, endpoint: Endpoint, queues: Queues) -> None:
        self._clock, self._queues = endpoint.clock, queues

    def __call__(self, seconds: int) -> None:
        until_ms = self._clock.now_ms() + 1000 * seconds
        hides = self._queues.create(VisibilityTimeout=str(seconds + 1))
        hides.send("hidden")
        hides.receive_all(1)
        wait_for(lambda: self._clock.now_ms() >= until_ms, seconds=90)


@pytest.mark.parametrize("fifo", [False, True])
def test_a_message_is_gone_when_its_retention_period_is_over(
    queues: Queues, pass_seconds: PassSeconds, fifo: bool
) -> None:
    """ "MessageRetentionPeriod: the length of time, in seconds, for which Amazon SQS retains a message."

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    """
    queue = queues.create(fifo=fifo, MessageRetentionPeriod=SHORT, VisibilityTimeout="65")
    queue.send("hidden", **({"MessageGroupId": "hidden"} if fifo else {}))
    queue.receive_all(1)
    queue.send("waits", MessageGroupId="waits")
    pass_seconds(30)
    queue.send("later", MessageGroupId="later")
    # It does not come back either: it expires while it is hidden.
    pass_seconds(36)
    assert [each["Body"] for each in queue.receive()] == ["later"]
    # The groups are open for what comes.
    for group in ("hidden", "waits"):
        queue.send(f"again {group}", MessageGroupId=group)
    assert {each["Body"] for each in queue.receive_all(2)} == {"again hidden", "again waits"}


def test_in_a_standard_dead_letter_queue_it_counts_from_the_first_send(
    queues: Queues, pass_seconds: PassSeconds
) -> None:
    """ "When a message is moved to a dead-letter queue, the enqueue timestamp is unchanged."

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
    """
    work, dead = queues.create_pair(dead={"MessageRetentionPeriod": SHORT})
    sent = work.send("m")
    [first] = work.receive_all(1)
    pass_seconds(40)
    wait_for(lambda: work.receive() is None or dead.count() == 1, seconds=10)
    [letter] = dead.receive_all(1, VisibilityTimeout=0)
    assert letter["MessageId"] == sent
    assert letter["Attributes"]["SentTimestamp"] == first["Attributes"]["SentTimestamp"]
    pass_seconds(21)
    assert dead.receive() == []


def test_in_a_fifo_dead_letter_queue_it_counts_from_the_move(queues: Queues, pass_seconds: PassSeconds) -> None:
    """ "For FIFO queues, the enqueue timestamp resets when the message is moved to a dead-letter queue."

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
    """
    work, dead = queues.create_pair(fifo=True, dead={"MessageRetentionPeriod": SHORT})
    work.send("m")
    [first] = work.receive_all(1)
    pass_seconds(40)
    wait_for(lambda: work.receive() is None or dead.count() == 1, seconds=10)
    pass_seconds(30)
    [letter] = dead.receive_all(1, VisibilityTimeout=0)
    assert int(letter["Attributes"]["SentTimestamp"]) >= int(first["Attributes"]["SentTimestamp"]) + 40_000
    pass_seconds(31)
    assert dead.receive() == []


def test_a_queue_is_not_purged_twice_within_a_minute(
    endpoint: Endpoint, queues: Queues, pass_seconds: PassSeconds
) -> None:
    """ "PurgeQueueInProgress: the specified queue previously received a PurgeQueue request within the last 60 seconds."

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html
    """
    sqs, queue = endpoint.sqs(), queues.create()
    queue.send("m")
    sqs.purge_queue(QueueUrl=queue.url)
    assert queue.count() == 0
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress, match="is allowed every 60 seconds"):
        sqs.purge_queue(QueueUrl=queue.url)
    pass_seconds(61)
    sqs.purge_queue(QueueUrl=queue.url)


def test_a_queue_is_not_made_again_within_a_minute(queues: Queues, pass_seconds: PassSeconds) -> None:
    """ "You must wait 60 seconds after deleting a queue before you can create another queue with the same name."

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
    """
    queue = queues.create()
    name = queue.url.rsplit("/", 1)[-1]
    queue.delete()
    with pytest.raises(ClientError, match="You must wait 60 seconds after deleting a queue") as refused:
        queues.create(name=name)
    assert "QueueDeletedRecently" in refused.value.response["Error"]["Code"]
    pass_seconds(61)
    queues.create(name=name)


def test_cloudformation_makes_a_queue_again_at_once(endpoint: Endpoint) -> None:
    """Where a deploy failed, the next one need not wait: the engine's own choice (docs/engines.md)."""
    cloudformation, name = endpoint.cloudformation(), f"again-{uuid4().hex[:8]}"
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}}}
    for _ in range(2):
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
