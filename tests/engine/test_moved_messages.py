"""A message that is moved to a dead-letter queue, or back from it: nothing vanishes, and what comes back is a new message.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

from __future__ import annotations

from typing import Any

import pytest
from taskguard.evidence.recorder.recording import RecordingFile
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.queues import Queue, Queues

pytestmark = pytest.mark.documented

REDRIVEN = "COMPLETED"


def die(work: Queue, dead: Queue, count: int) -> None:
    """Receive what is in the first queue until so many messages are in the second."""
    wait_for(lambda: work.receive() is None or dead.count() >= count, seconds=10)


def redrive(endpoint: Endpoint, dead: Queue, **options: Any) -> None:
    sqs = endpoint.sqs()
    sqs.start_message_move_task(SourceArn=dead.arn, **options)

    def is_over() -> bool:
        [task] = sqs.list_message_move_tasks(SourceArn=dead.arn)["Results"]
        assert task["Status"] in ("RUNNING", REDRIVEN), task
        return task["Status"] == REDRIVEN

    wait_for(is_over, seconds=20)


def test_two_dead_letters_with_one_deduplication_id_are_both_there(queues: Queues) -> None:
    """ "The original message's deduplication ID will be replaced with the original message's ID", so that the dead-letter
    queue's deduplication does not keep two independent messages from being stored (the page above)."""
    work, dead = queues.create_pair(fifo=True)
    other = queues.create(fifo=True, VisibilityTimeout="0", RedrivePolicy=dead.as_dead_letter_queue())
    sent = [queue.send("same", MessageDeduplicationId="same") for queue in (work, other)]
    for queue, count in ((work, 1), (other, 2)):
        die(queue, dead, count)

    letters = dead.receive_all(2)
    assert {each["MessageId"] for each in letters} == set(sent)
    assert all(each["Attributes"]["MessageDeduplicationId"] == each["MessageId"] for each in letters)


def test_a_redriven_message_of_a_fifo_queue_is_not_taken_for_the_one_that_died(
    endpoint: Endpoint, queues: Queues
) -> None:
    """A redrive moves it, also within five minutes after it was sent."""
    work, dead = queues.create_pair(fifo=True)
    work.send("m")
    die(work, dead, 1)
    redrive(endpoint, dead)
    assert (work.count(), dead.count()) == (1, 0)
    # And the other way again.
    die(work, dead, 1)
    assert (work.count(), dead.count()) == (0, 1)
    redrive(endpoint, dead)
    assert (work.count(), dead.count()) == (1, 0)


def test_a_redriven_message_is_a_new_one(endpoint: Endpoint, queues: Queues) -> None:
    """ "All redriven messages are considered new messages with a new messageID and enqueueTime" (the page above)."""
    for fifo in (False, True):
        work, dead = queues.create_pair(fifo=fifo, receives=2)
        attributes = {"kind": {"DataType": "String", "StringValue": "kept"}}
        message_id = work.send("m", MessageAttributes=attributes)
        first = work.receive_all(1)[0]
        die(work, dead, 1)
        before_ms = endpoint.clock.now_ms()
        redrive(endpoint, dead)

        [again] = work.receive_all(1, MessageAttributeNames=["All"])
        assert again["MessageId"] != message_id
        assert again["Body"] == "m"
        assert again["MessageAttributes"]["kind"]["StringValue"] == "kept"
        told = again["Attributes"]
        assert told["ApproximateReceiveCount"] == "1"
        assert int(told["SentTimestamp"]) >= before_ms - 1 > int(first["Attributes"]["SentTimestamp"])
        assert "DeadLetterQueueSourceArn" not in told
        assert told.get("MessageGroupId") == ("g" if fifo else None)


def test_a_message_that_is_redriven_to_another_queue_did_not_die_there(endpoint: Endpoint, queues: Queues) -> None:
    """StartMessageMoveTask may name any queue as its destination.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
    """
    work, dead = queues.create_pair()
    other = queues.create()
    work.send("m")
    die(work, dead, 1)
    redrive(endpoint, dead, DestinationArn=other.arn)
    assert (dead.count(), other.count()) == (0, 1)
    assert endpoint.recording is not None
    moved = RecordingFile(endpoint.recording).read().moved
    assert [each.queue_arn for each in moved if each.queue_arn in (dead.arn, other.arn)] == [dead.arn]


def test_a_dead_letter_that_was_read_too_often_is_redriven_all_the_same(endpoint: Endpoint, queues: Queues) -> None:
    """A move task moves what is in its source queue, also when that has a dead-letter queue of its own."""
    last = queues.create()
    dead = queues.create(VisibilityTimeout="0", RedrivePolicy=last.as_dead_letter_queue())
    work = queues.create(VisibilityTimeout="0", RedrivePolicy=dead.as_dead_letter_queue())
    work.send("m")
    die(work, dead, 1)
    dead.receive_all(1)
    redrive(endpoint, dead)
    assert (work.count(), dead.count(), last.count()) == (1, 0, 0)


def test_without_its_dead_letter_queue_a_queue_keeps_its_messages(endpoint: Endpoint, queues: Queues) -> None:
    """The redrive policy moves a message to the dead-letter queue; where there is none, it stays until its retention is over.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    for fifo in (False, True):
        work, dead = queues.create_pair(fifo=fifo)
        message_id = work.send("m")
        dead.delete()
        for _ in range(3):
            assert [each["MessageId"] for each in work.receive_all(1)] == [message_id]
        assert work.count() == 1
