"""All that is known of SQS: sending a task, and putting off a message's return.

It must not know of records, nor of why a message is put off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from handlers.runtime import CLIENT_CONFIG
from handlers.task_message import TaskMessage

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class QueueError(Exception):
    """SQS did not do what it was asked. The message names the call and the cause."""


class TaskQueue:
    """The task queue at a URL."""

    def __init__(self, url: str, client: SQSClient | None = None) -> None:
        self._url = url
        self._sqs: SQSClient = client or boto3.client("sqs", config=CLIENT_CONFIG)

    def send(self, message: TaskMessage) -> str:
        """Puts a task on the queue and answers with the message id. Raises QueueError: it is then unknown if it was sent."""
        try:
            return self._sqs.send_message(QueueUrl=self._url, MessageBody=message.body())["MessageId"]
        except (ClientError, BotoCoreError) as error:
            raise QueueError(f"SendMessage failed: {error}") from error

    def return_after(self, receipt_handle: str, delay_seconds: int) -> None:
        """Makes a received message come back in `delay_seconds`, 0 to 43,200, from now. Raises QueueError."""
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=delay_seconds
            )
        except (ClientError, BotoCoreError) as error:
            raise QueueError(f"ChangeMessageVisibility failed: {error}") from error
