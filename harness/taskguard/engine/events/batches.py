"""What of a queue goes into one invocation: as many messages as a batch may have, and no more than a payload may hold.

"The payload size reaches 6 MB. You cannot modify this limit"
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html). It must not know queues, functions or clocks.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

LARGEST_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Of an invocation that is waited for."""

Message = dict[str, Any]
Record = dict[str, Any]


def payload_of(records: Sequence[Record]) -> str:
    """The event that a function is handed."""
    return json.dumps({"Records": records})


@dataclass(slots=True)
class Batch:
    """One that is being gathered. ``most`` is the mapping's BatchSize."""

    most: int
    messages: list[Message] = field(default_factory=list)
    _bytes: int = len(payload_of(()))

    @property
    def is_full(self) -> bool:
        """Whether it has as many messages as it may."""
        return len(self.messages) >= self.most

    def add(self, message: Message, record: Record) -> bool:
        """Take this message in, which the function is shown as ``record``; false when there is no room for it."""
        size = len(json.dumps(record)) + len(", ")
        if self.is_full or (self.messages and self._bytes + size > LARGEST_PAYLOAD_BYTES):
            return False
        self.messages.append(message)
        self._bytes += size
        return True


def by_group(messages: Sequence[Message]) -> list[list[Message]]:
    """The messages of a FIFO queue, those of each message group by themselves and in order."""
    groups: dict[str, list[Message]] = {}
    for message in messages:
        groups.setdefault(group_of(message), []).append(message)
    return list(groups.values())


def group_of(message: Message) -> str:
    """The message group of a FIFO queue's message."""
    return str(message["Attributes"]["MessageGroupId"])
