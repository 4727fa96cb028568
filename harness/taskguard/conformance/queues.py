"""A queue that a behaviour has made, with short names for what is asked of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]

_POLL_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Queue:
    """``sqs`` is the client; ``in_time`` fails the attempt when its time is over."""

    sqs: Any
    in_time: Callable[[str], None]
    name: str
    url: str
    arn: str

    def send(self, body: str = "a body", *, group: str | None = None, **more: Any) -> dict[str, Any]:
        """Send one message; what else `SendMessage` takes goes along."""
        return dict(self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **_grouped(group), **more))

    def send_all(self, bodies: Sequence[str], *, group: str | None = None) -> None:
        """Send up to ten in one request."""
        entries = [{"Id": str(n), "MessageBody": body, **_grouped(group)} for n, body in enumerate(bodies)]
        self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    def receive(self, most: int = 10, *, wait: int = _POLL_SECONDS, **more: Any) -> list[Message]:
        """Ask once for messages."""
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=wait,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            **more,
        )
        return list(answer.get("Messages", []))

    def wait_for(self, count: int = 1, **more: Any) -> list[Message]:
        """Ask for messages until there are so many."""
        found: list[Message] = []
        while len(found) < count:
            self.in_time(f"{len(found)} of {count} messages came")
            found += self.receive(min(10, count - len(found)), **more)
        return found

    def take(self, count: int = 1) -> list[Message]:
        """Wait for so many messages, and delete them."""
        found: list[Message] = []
        while len(found) < count:
            # At once: while somebody waits for the next one, this one's timeout could pass.
            for message in self.wait_for():
                self.delete(message)
                found.append(message)
        return found

    def delete(self, message: Message) -> None:
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def hide(self, message: Message, seconds: int) -> None:
        self.sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )

    def attribute(self, name: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])
        return str(answer.get("Attributes", {}).get(name))

    def set(self, **attributes: Any) -> None:
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes=as_attributes(attributes))

    def counts(self) -> tuple[int, int, int]:
        """How many messages are visible, in flight, and delayed."""
        names = ("", "NotVisible", "Delayed")
        one, two, three = (int(self.attribute(f"ApproximateNumberOfMessages{each}")) for each in names)
        return one, two, three


def as_attributes(attributes: dict[str, Any]) -> dict[str, str]:
    """A queue's attributes, as the API takes them."""
    return {
        name: json.dumps(value) if isinstance(value, dict | bool) else str(value) for name, value in attributes.items()
    }


def bodies_of(messages: Sequence[Message]) -> list[str]:
    """Their bodies, sorted."""
    return sorted(message["Body"] for message in messages)


def _grouped(group: str | None) -> dict[str, str]:
    return {} if group is None else {"MessageGroupId": group}
