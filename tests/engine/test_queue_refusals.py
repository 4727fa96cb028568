"""What SQS refuses, the engine refuses, in its words."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.engine.queues import Queue, Queues

pytestmark = pytest.mark.documented

HALF_A_DAY = 43_200


def refused(call: Any, *args: Any, **options: Any) -> str:
    """In what words the call is refused."""
    with pytest.raises(ClientError) as refusal:
        call(*args, **options)
    return str(refusal.value)


@pytest.fixture
def dead(queues: Queues) -> Queue:
    return queues.create()


def test_a_dead_letter_queue_that_does_not_exist(queues: Queues, dead: Queue) -> None:
    """ "You must first create a new queue before configuring it as a dead-letter queue."

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    policy = dead.as_dead_letter_queue()
    dead.delete()
    work = queues.create()
    for said in (refused(queues.create, RedrivePolicy=policy), refused(work.set, RedrivePolicy=policy)):
        assert (
            f"Value {policy} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist." in said
        )
    # What was refused has changed nothing.
    assert "RedrivePolicy" not in work.attributes()


@pytest.mark.parametrize("fifo", [False, True])
def test_a_dead_letter_queue_of_the_other_type(queues: Queues, fifo: bool) -> None:
    """ "The dead-letter queue of a FIFO queue must also be a FIFO queue", and that of a standard queue a standard queue.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    """
    dead, work = queues.create(fifo=not fifo), queues.create(fifo=fifo)
    said = refused(work.set, RedrivePolicy=dead.as_dead_letter_queue())
    assert "Reason: Dead-letter queue must be same type of queue as the source." in said
    assert "same type of queue" in refused(queues.create, fifo=fifo, RedrivePolicy=dead.as_dead_letter_queue())


def test_a_dead_letter_queue_that_does_not_allow_it(queues: Queues) -> None:
    """``denyAll``: "No source queues can specify this queue as the dead-letter queue"; ``byQueue``: only those that are named.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    """
    denies = queues.create(RedriveAllowPolicy=json.dumps({"redrivePermission": "denyAll"}))
    work, other = queues.create(), queues.create()
    assert "for parameter RedrivePolicy is invalid" in refused(work.set, RedrivePolicy=denies.as_dead_letter_queue())

    by_queue = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [work.arn]})
    dead = queues.create(RedriveAllowPolicy=by_queue)
    assert "for parameter RedrivePolicy is invalid" in refused(other.set, RedrivePolicy=dead.as_dead_letter_queue())
    work.set(RedrivePolicy=dead.as_dead_letter_queue())
    dead.set(RedriveAllowPolicy=json.dumps({"redrivePermission": "allowAll"}))
    other.set(RedrivePolicy=dead.as_dead_letter_queue())


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("none", "Redrive policy is not a valid JSON map."),
        ('{"maxReceiveCount": 3}', "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."),
        (
            '{"deadLetterTargetArn": "arn:aws:sqs:eu-central-1:000000000000:dead"}',
            "mandatory attribute: maxReceiveCount.",
        ),
        ('{"deadLetterTargetArn": "dead", "maxReceiveCount": 1}', "Dead letter target does not exist."),
    ],
)
def test_a_redrive_policy_that_is_none(queues: Queues, policy: str, reason: str) -> None:
    """Both parts are needed.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    """
    assert reason in refused(queues.create, RedrivePolicy=policy)


@pytest.mark.parametrize("receives", [0, 1001])
def test_too_many_receives_or_too_few(queues: Queues, dead: Queue, receives: int) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue.html: from 1
    to 1,000."""
    said = refused(queues.create, RedrivePolicy=dead.as_dead_letter_queue(receives))
    assert f"Invalid value for maxReceiveCount: {receives}, valid values are from 1 to 1000 both inclusive." in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DelaySeconds", "901"),
        ("MaximumMessageSize", "1023"),
        ("MessageRetentionPeriod", "59"),
        ("MessageRetentionPeriod", "1209601"),
        ("ReceiveMessageWaitTimeSeconds", "21"),
        ("VisibilityTimeout", "43201"),
        ("VisibilityTimeout", "soon"),
    ],
)
def test_an_attribute_of_a_queue_beyond_its_range(queues: Queues, name: str, value: str) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html has the ranges."""
    assert f"Invalid value for the parameter {name}." in refused(queues.create, **{name: value})


def test_a_delay_of_more_than_fifteen_minutes(queues: Queues) -> None:
    """ "Valid values: 0 to 900. Maximum: 15 minutes."

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    """
    queue = queues.create()
    said = refused(queue.send, "m", DelaySeconds=901)
    assert "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900." in said
    queue.send("m", DelaySeconds=900)


def test_more_than_ten_message_attributes(queues: Queues) -> None:
    """ "A message can contain up to 10 metadata attributes."

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
    """
    queue = queues.create()
    attributes = {f"a{n}": {"DataType": "String", "StringValue": "v"} for n in range(11)}
    said = refused(queue.send, "m", MessageAttributes=attributes)
    assert "Number of message attributes [11] exceeds the allowed maximum [10]." in said
    [failed] = queue.send_batch({"Id": "0", "MessageBody": "m", "MessageAttributes": attributes})["Failed"]
    assert failed["SenderFault"] is True
    del attributes["a0"]
    queue.send("m", MessageAttributes=attributes)


def test_a_visibility_timeout_of_more_than_twelve_hours_in_all(queues: Queues) -> None:
    """ "The maximum visibility timeout is 12 hours from the time that Amazon SQS receives the ReceiveMessage request. Extending the
    visibility timeout does not reset the 12-hour maximum."

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
    """
    queue = queues.create()
    queue.send("m")
    [message] = queue.receive_all(1)
    assert "parameter VisibilityTimeout is invalid" in refused(queue.hide, message, HALF_A_DAY + 1)
    said = refused(queue.hide, message, HALF_A_DAY)
    assert (
        f"Value {HALF_A_DAY} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond "
        "the limit [43200 seconds]"
    ) in said
    queue.hide(message, HALF_A_DAY - 60)


def test_a_receipt_handle_that_has_expired_hides_nothing(queues: Queues) -> None:
    """SQS answers, and does nothing, as LocalStack's maintainers found on AWS.

    https://github.com/localstack/localstack/pull/9632
    """
    queue = queues.create(VisibilityTimeout="1")
    queue.send("m")
    [message] = queue.receive_all(1)
    queue.waits_until_visible()
    queue.hide(message, 600)
    assert queue.receive_all(1)


def test_a_queue_is_created_twice_with_the_same_attributes(queues: Queues) -> None:
    """That is no mistake: "if you provide the name of an existing queue along with the exact names and values of all the queue's
    attributes, CreateQueue returns the queue URL for the existing queue".

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
    """
    name = f"twice-{uuid4().hex[:8]}"
    assert queues.create(name=name, DelaySeconds="900").url == queues.create(name=name, DelaySeconds="900").url
