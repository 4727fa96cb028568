"""One batch of SQS messages, each on its own: a message that fails is reported, and harms no other.

It must not know what is done with a message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from handlers.runtime import LONGEST_CALL_SECONDS, utc_time

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

# A message is begun only while one call without an answer still fits into the function's time, so that a table that hangs
# makes the function report failures instead of running into its timeout.
_RESERVE_MS = (LONGEST_CALL_SECONDS + 1) * 1000


class KeepMessage(Exception):
    """Reports the message as failed, so that it stays on its queue. What there is to say was logged before."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it was delivered.

    `receive_count` is 1 at the first delivery from its queue; `sent_at` is when the queue took it, ISO 8601 in UTC.
    """

    message_id: str
    receipt_handle: str
    receive_count: int
    body: str
    sent_at: str


def process(
    event: dict[str, Any],
    context: LambdaContext,
    work: Callable[[Delivery], None],
    logger: Logger,
    subject: Callable[[str], dict[str, str]],
) -> PartialItemFailureResponse:
    """Calls `work` for each message; one that raises is reported in the partial batch response and stays on its queue.

    `subject` says of a body what it is about, for the log: names and values, none when it cannot be read.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
    """

    def one(record: SQSRecord) -> None:
        delivery = Delivery(
            record.message_id,
            record.receipt_handle,
            int(record.attributes.approximate_receive_count),
            record.body,
            utc_time(int(record.attributes.sent_timestamp)),
        )
        about: dict[str, Any] = {"messageId": delivery.message_id, "receiveCount": delivery.receive_count}
        if context.get_remaining_time_in_millis() < _RESERVE_MS:
            about |= subject(delivery.body)
            logger.warning("message left for its next delivery: the function's time is nearly over", extra=about)
            raise KeepMessage
        try:
            work(delivery)
        except KeepMessage:
            raise
        except Exception:
            about |= subject(delivery.body)
            logger.exception("message could not be handled, and stays on its queue", extra=about)
            raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=one, processor=processor, context=context)
