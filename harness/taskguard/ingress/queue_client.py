"""The way in where there is no API: a task's message is sent to the work queue itself.

What SQS answers is told in HTTP's terms, as it is on the wire. A queue knows of no record, and takes any text for a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from taskguard.contract.dialect import INGRESS, IngressWords
from taskguard.errors import SubmissionError
from taskguard.ingress.client import Answer, Client
from taskguard.ingress.invalid import Invalid
from taskguard.support.this_command import runnable
from taskguard.targets.base import Endpoint

_FIFO = ".fifo"
_GROUPS = 5
"""Among so many message groups of a FIFO queue tasks are divided."""


class QueueClient(Client):
    """Sends to the queue at ``queue_url``."""

    def __init__(
        self,
        endpoint: Endpoint,
        queue_url: str,
        note: Callable[[Iterable[str]], None] = lambda _: None,
        words: IngressWords = INGRESS,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        # Which statuses are good is said of an API.
        words = msgspec.structs.replace(words, accepted=())
        super().__init__(f"SendMessage to {queue_url}", note, endpoint.clock, words)
        self._sqs, self._url, self._environment = endpoint.sqs(), queue_url, environment

    def hand_in(self, body: str, task_id: str) -> Answer:
        order: dict[str, Any] = {}
        if self._url.endswith(_FIFO):
            digest = sha256(body.encode()).hexdigest()
            order = {"MessageGroupId": f"group-{int(digest, 16) % _GROUPS}", "MessageDeduplicationId": digest}
        if headers := self._words.headers_of(task_id, self._environment):
            # What stands beside a message's body.
            order["MessageAttributes"] = {
                name: {"DataType": "String", "StringValue": value} for name, value in headers.items()
            }
        try:
            sent = self._sqs.send_message(QueueUrl=self._url, MessageBody=body, **order)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            return Answer(status_code=status, text=str(error), document=None)
        except BotoCoreError as error:
            raise SubmissionError(
                f"{self.place}: {error}. Is the stack up? `{runnable('taskguard status')}` tells."
            ) from error
        return Answer(status_code=200, text=sent["MessageId"], document={"MessageId": sent["MessageId"]})

    def ask_for(self, task_id: str) -> Answer:
        return Answer(status_code=404, text=f"a queue has no record of {task_id}", document=None)

    def send(self, invalid: Invalid) -> Answer:
        return self.hand_in(invalid.body, invalid.task_id)
