"""Queues and what is sent to them: digests, delays, attributes, sizes, entries of a batch."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

from taskguard.conformance.behaviour import behaviour, expect
from taskguard.conformance.context import Context, in_good_time
from taskguard.conformance.pages import sqs_api, sqs_guide
from taskguard.conformance.queues import bodies_of

_METADATA = sqs_guide("sqs-message-metadata")


@behaviour(
    "body-digest",
    "SendMessage and ReceiveMessage answer with the MD5 digest of the body.",
    sqs_api("SendMessage"),
)
def body_digest(context: Context) -> None:
    queue, body = context.queue(), 'Grüße,\n{"a" : 1.0}'
    digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    sent = queue.send(body)["MD5OfMessageBody"]
    expect(sent == digest, f"SendMessage answered {sent}, not {digest}")
    (message,) = queue.take()
    expect(message["Body"] == body, f"the body came as {message['Body']!r}")
    expect(message["MD5OfBody"] == digest, f"ReceiveMessage answered {message['MD5OfBody']}, not {digest}")


@behaviour(
    "attribute-digest",
    "SendMessage and ReceiveMessage answer with the MD5 digest of the attributes, by a documented rule.",
    sqs_guide("sqs-message-metadata"),
)
def attribute_digest(context: Context) -> None:
    queue = context.queue()
    attributes: dict[str, dict[str, Any]] = {
        "kind": {"DataType": "String", "StringValue": "größer"},
        "count": {"DataType": "Number", "StringValue": "7"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        digest.update(_sized(name.encode()) + _sized(value["DataType"].encode()))
        if "StringValue" in value:
            digest.update(b"\x01" + _sized(value["StringValue"].encode()))
        else:
            digest.update(b"\x02" + _sized(value["BinaryValue"]))
    sent = queue.send(MessageAttributes=attributes).get("MD5OfMessageAttributes")
    expect(sent == digest.hexdigest(), f"SendMessage answered {sent}, not {digest.hexdigest()}")
    got = queue.take()[0].get("MD5OfMessageAttributes")
    expect(got == digest.hexdigest(), f"ReceiveMessage answered {got}, not {digest.hexdigest()}")


def _sized(part: bytes) -> bytes:
    return struct.pack(">I", len(part)) + part


@behaviour(
    "attributes-arrive",
    "A message's attributes come with their types and values.",
    _METADATA,
)
def attributes_arrive(context: Context) -> None:
    queue = context.queue()
    queue.send(
        MessageAttributes={
            "text": {"DataType": "String.mine", "StringValue": "a b"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        }
    )
    (message,) = queue.take()
    got = message.get("MessageAttributes", {})
    expect(got.get("text", {}).get("StringValue") == "a b", f"the text came as {got.get('text')}")
    expect(got.get("text", {}).get("DataType") == "String.mine", f"the text came as {got.get('text')}")
    expect(got.get("bytes", {}).get("BinaryValue") == b"\x00\xff", f"the bytes came as {got.get('bytes')}")


@behaviour("eleven-attributes-refused", "A message has ten attributes at most.", _METADATA)
def eleven_attributes(context: Context) -> None:
    queue = context.queue()
    attributes = {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)}
    with context.refused("a message with eleven attributes"):
        queue.send(MessageAttributes=attributes)


@behaviour("empty-attribute-refused", "An attribute's value must not be empty.", _METADATA)
def empty_attribute(context: Context) -> None:
    queue = context.queue()
    with context.refused("an attribute whose value is empty"):
        queue.send(MessageAttributes={"a": {"DataType": "String", "StringValue": ""}})


@behaviour(
    "control-characters-refused",
    "A body with characters outside of the documented set is refused.",
    sqs_api("SendMessage"),
)
def control_characters(context: Context) -> None:
    queue = context.queue()
    with context.refused("a body with U+0001"):
        queue.send("a\x01b")


@behaviour("too-large-refused", "A body larger than MaximumMessageSize is refused.", sqs_api("SetQueueAttributes"))
def too_large(context: Context) -> None:
    queue = context.queue(MaximumMessageSize=1024)
    queue.send("x" * 1024)
    with context.refused("1,025 bytes where 1,024 are the most"):
        queue.send("x" * 1025)


@behaviour("attributes-count-as-size", "A message's attributes are part of its size.", _METADATA)
def attributes_count(context: Context) -> None:
    queue = context.queue(MaximumMessageSize=1024)
    with context.refused("1,000 bytes, and an attribute of 100, where 1,024 are the most"):
        queue.send("x" * 1000, MessageAttributes={"a": {"DataType": "String", "StringValue": "y" * 100}})


@behaviour(
    "message-delay",
    "A message with DelaySeconds can be received when they have passed, and not before.",
    sqs_guide("sqs-message-timers"),
)
def message_delay(context: Context) -> None:
    queue = context.queue()
    sent = context.now()
    queue.send(DelaySeconds=8)
    queue.take()
    in_good_time(context.now() - sent, 8, "it came")


@behaviour(
    "queue-delay",
    "A queue's DelaySeconds are for its messages; a message's own replace them.",
    sqs_guide("sqs-delay-queues"),
)
def queue_delay(context: Context) -> None:
    queue = context.queue(DelaySeconds=300)
    sent = context.now()
    queue.send("as the queue")
    queue.send("its own", DelaySeconds=6)
    (first,) = queue.take()
    expect(first["Body"] == "its own", "the message without a delay of its own came first")
    in_good_time(context.now() - sent, 6, "the message with a delay of its own came")


@behaviour("delay-901-refused", "DelaySeconds are 900 at most.", sqs_api("SendMessage"))
def delay_901(context: Context) -> None:
    queue = context.queue()
    with context.refused("DelaySeconds of 901"):
        queue.send(DelaySeconds=901)


@behaviour("eleven-entries-refused", "A batch has ten entries at most.", sqs_api("SendMessageBatch"))
def eleven_entries(context: Context) -> None:
    queue = context.queue()
    with context.refused("a batch of eleven"):
        queue.send_all(["x"] * 11)


@behaviour("no-entries-refused", "A batch has one entry at least.", sqs_api("SendMessageBatch"))
def no_entries(context: Context) -> None:
    queue = context.queue()
    with context.refused("an empty batch"):
        queue.send_all([])


@behaviour("equal-entry-ids-refused", "The ids of a batch's entries are distinct.", sqs_api("SendMessageBatch"))
def equal_entry_ids(context: Context) -> None:
    queue = context.queue()
    with context.refused("two entries with one id"):
        context.sqs.send_message_batch(
            QueueUrl=queue.url, Entries=[{"Id": "a", "MessageBody": "1"}, {"Id": "a", "MessageBody": "2"}]
        )


@behaviour(
    "entries-fail-apart",
    "Of a batch of deletions each entry succeeds or fails by itself.",
    sqs_api("DeleteMessageBatch"),
)
def entries_fail_apart(context: Context) -> None:
    queue = context.queue()
    queue.send()
    (message,) = queue.wait_for()
    entries = [{"Id": "good", "ReceiptHandle": message["ReceiptHandle"]}, {"Id": "bad", "ReceiptHandle": "none"}]
    answer = context.sqs.delete_message_batch(QueueUrl=queue.url, Entries=entries)
    done = [each["Id"] for each in answer.get("Successful", [])]
    failed = [each["Id"] for each in answer.get("Failed", [])]
    expect((done, failed) == (["good"], ["bad"]), f"it answered that {done} succeeded and {failed} failed")


@behaviour(
    "entries-have-delays",
    "Each entry of a batch has a delay of its own.",
    sqs_api("SendMessageBatchRequestEntry"),
)
def entries_have_delays(context: Context) -> None:
    queue = context.queue()
    sent = context.now()
    context.sqs.send_message_batch(
        QueueUrl=queue.url,
        Entries=[{"Id": "a", "MessageBody": "late", "DelaySeconds": 6}, {"Id": "b", "MessageBody": "now"}],
    )
    (first,) = queue.take()
    expect(first["Body"] == "now", "the delayed entry came first")
    queue.take()
    in_good_time(context.now() - sent, 6, "the delayed entry came")


@behaviour(
    "same-queue-again",
    "CreateQueue with a name and attributes that are there answers with the queue that is there.",
    sqs_api("CreateQueue"),
)
def same_queue(context: Context) -> None:
    queue = context.queue(VisibilityTimeout=77)
    again = context.sqs.create_queue(QueueName=queue.name, Attributes={"VisibilityTimeout": "77"})["QueueUrl"]
    expect(again == queue.url, f"it answered with {again}, not {queue.url}")


@behaviour(
    "other-attributes-refused",
    "CreateQueue with a name that is there, and other attributes, is refused.",
    sqs_api("CreateQueue"),
)
def other_attributes(context: Context) -> None:
    queue = context.queue(VisibilityTimeout=77)
    with context.refused("a second queue of one name"):
        context.sqs.create_queue(QueueName=queue.name, Attributes={"VisibilityTimeout": "78"})


@behaviour(
    "deleted-name-refused",
    "A queue's name can be used again 60 seconds after its deletion.",
    sqs_api("DeleteQueue"),
    seconds=80,
)
def deleted_name(context: Context) -> None:
    queue = context.queue()
    context.sqs.delete_queue(QueueUrl=queue.url)
    with context.refused("a queue that has just been deleted"):
        context.queue(name=queue.name)
    context.let_pass(65)
    context.queue(name=queue.name)


@behaviour("purge", "PurgeQueue deletes all messages, those in flight as well.", sqs_api("PurgeQueue"), seconds=80)
def purge(context: Context) -> None:
    queue = context.queue(VisibilityTimeout=2)
    queue.send_all(["one", "two"])
    queue.wait_for(1)
    context.sqs.purge_queue(QueueUrl=queue.url)
    # The deletion takes up to 60 seconds.
    context.let_pass(62)
    expect(not (left := queue.receive()), f"{bodies_of(left)} were there still")


@behaviour("purge-again-refused", "A queue is purged once in 60 seconds at most.", sqs_api("PurgeQueue"))
def purge_again(context: Context) -> None:
    queue = context.queue()
    context.sqs.purge_queue(QueueUrl=queue.url)
    with context.refused("a purge right after another"):
        context.sqs.purge_queue(QueueUrl=queue.url)


@behaviour("tags", "A queue's tags can be set, listed and removed.", sqs_guide("sqs-queue-tags"))
def tags(context: Context) -> None:
    queue = context.queue()
    context.sqs.tag_queue(QueueUrl=queue.url, Tags={"team": "one", "stage": "test"})
    context.sqs.untag_queue(QueueUrl=queue.url, TagKeys=["team"])
    left = context.sqs.list_queue_tags(QueueUrl=queue.url).get("Tags", {})
    expect(left == {"stage": "test"}, f"the tags are {left}")


@behaviour("add-permission", "AddPermission adds a statement to the queue's policy.", sqs_api("AddPermission"))
def add_permission(context: Context) -> None:
    queue = context.queue()
    account = queue.arn.split(":")[4]
    context.sqs.add_permission(QueueUrl=queue.url, Label="mine", AWSAccountIds=[account], Actions=["SendMessage"])
    policy = queue.attribute("Policy")
    expect("mine" in policy and account in policy, f"the policy is {policy}")


@behaviour(
    "unknown-queue", "GetQueueUrl of a queue that does not exist fails with QueueDoesNotExist.", sqs_api("GetQueueUrl")
)
def unknown_queue(context: Context) -> None:
    try:
        context.sqs.get_queue_url(QueueName=context.name())
    except context.sqs.exceptions.QueueDoesNotExist:
        return
    raise AssertionError("it answered with an address")


@behaviour("long-name-refused", "A queue's name has 80 characters at most.", sqs_api("CreateQueue"))
def long_name(context: Context) -> None:
    with context.refused("a name of 81 characters"):
        context.queue(name="x" * 81)


@behaviour(
    "standard-queue-takes-groups",
    "A message of a standard queue may have a message group id.",
    sqs_guide("sqs-fair-queues"),
)
def standard_groups(context: Context) -> None:
    queue = context.queue()
    queue.send(group="tenant")
    (message,) = queue.take()
    got = message.get("Attributes", {}).get("MessageGroupId")
    expect(got == "tenant", f"its group came as {got}")


for _name, _value in (
    ("VisibilityTimeout", 43_201),
    ("MessageRetentionPeriod", 59),
    ("DelaySeconds", 901),
    ("ReceiveMessageWaitTimeSeconds", 21),
    ("MaximumMessageSize", 1_023),
):

    @behaviour(
        f"{_name}-{_value}-refused".lower(),
        f"{_name} has a documented range, which {_value} is not in.",
        sqs_api("SetQueueAttributes"),
    )
    def _out_of_range(context: Context, name: str = _name, value: int = _value) -> None:
        options: dict[str, Any] = {name: value}
        with context.refused(f"{name} of {value}"):
            context.queue(**options)
