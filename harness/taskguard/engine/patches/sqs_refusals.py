"""LocalStack: what SQS refuses is refused, in its words.

What passes here and is refused on AWS is found out too late. SQS documents the limits
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html, API_SendMessage.html and
API_ChangeMessageVisibility.html there); its words are those that public reports quote. Only those for a redrive allow policy that
forbids are not known. A receipt handle that has expired is no matter for ``ChangeMessageVisibility``: SQS answers, and does
nothing (https://github.com/localstack/localstack/pull/9632), and so does LocalStack.

Within 60 s a queue is not purged twice, or made again: LocalStack refuses that when it is told to. CloudFormation alone may make a queue
again. Otherwise a deploy that failed could not be made again at once.

Needed until LocalStack refuses the same: ``tests/engine/test_queue_refusals.py`` fails without it.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from localstack import config
from localstack.aws.api import RequestContext
from localstack.services.sqs import provider
from localstack.services.sqs.exceptions import InvalidAttributeValue, InvalidParameterValueException
from localstack.services.sqs.models import FifoQueue, SqsQueue, StandardQueue
from localstack.services.sqs.provider import SqsProvider

from taskguard.engine.faults.messages import find_queue

_MOST_VISIBILITY_SECONDS = 43_200
_MOST_DELAY_SECONDS = 900
_MOST_MESSAGE_ATTRIBUTES = 10
_MOST_RECEIVES = 1000

_RANGES = {
    "DelaySeconds": (0, _MOST_DELAY_SECONDS),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, _MOST_VISIBILITY_SECONDS),
}
"""The least and the most that an attribute of a queue may be."""


def apply() -> None:
    config.SQS_DELAY_PURGE_RETRY = config.SQS_DELAY_RECENTLY_DELETED = True
    for kind in (StandardQueue, FifoQueue):
        kind.validate_queue_attributes = _heeding_limits(kind.validate_queue_attributes)
    StandardQueue.put = _heeding_the_longest_delay(StandardQueue.put)
    SqsQueue.update_visibility_timeout = _heeding_the_longest_visibility_timeout(SqsQueue.update_visibility_timeout)
    provider.check_attributes = _heeding_their_number(provider.check_attributes)
    SqsProvider.create_queue = _letting_cloudformation_make_it_again(SqsProvider.create_queue)


def _heeding_limits(validate: Callable[..., None]) -> Callable[..., None]:
    def heeding(queue: SqsQueue, attributes: Mapping[str, str]) -> None:
        validate(queue, attributes)
        for name, (least, most) in _RANGES.items():
            if name in attributes and not _is_in_range(attributes[name], least, most):
                raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
        if text := attributes.get("RedrivePolicy"):
            _check_redrive_policy(queue, text)

    return heeding


def _is_in_range(value: Any, least: int, most: int) -> bool:
    try:
        return least <= int(value) <= most
    except (TypeError, ValueError):
        return False


def _check_redrive_policy(queue: SqsQueue, text: str) -> None:
    def refuse(reason: str) -> InvalidParameterValueException:
        return InvalidParameterValueException(f"Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}")

    try:
        policy = json.loads(text)
    except ValueError:
        policy = None
    if not isinstance(policy, dict):
        raise refuse("Redrive policy is not a valid JSON map.")
    for name in ("maxReceiveCount", "deadLetterTargetArn"):
        if name not in policy:
            raise refuse(f"Redrive policy does not contain mandatory attribute: {name}.")
    receives = policy["maxReceiveCount"]
    if not _is_in_range(receives, 1, _MOST_RECEIVES):
        most = f"valid values are from 1 to {_MOST_RECEIVES} both inclusive."
        raise refuse(f"Invalid value for maxReceiveCount: {receives}, {most}")
    target = _queue_at(policy["deadLetterTargetArn"])
    # The type can be told from the name, whether there is such a queue or not.
    if str(policy["deadLetterTargetArn"]).endswith(".fifo") != isinstance(queue, FifoQueue):
        raise refuse("Dead-letter queue must be same type of queue as the source.")
    if target is None:
        raise refuse("Dead letter target does not exist.")
    if not _allows(target, queue.arn):
        raise refuse("The redrive allow policy of the dead letter target does not allow this queue.")


def _queue_at(arn: str) -> SqsQueue | None:
    try:
        return find_queue(arn)
    except Exception:  # whatever it is, it names no queue
        return None


def _allows(target: SqsQueue, source_arn: str) -> bool:
    policy = json.loads(target.attributes.get("RedriveAllowPolicy") or "{}")
    match policy.get("redrivePermission"):
        case "denyAll":
            return False
        case "byQueue":
            return source_arn in policy.get("sourceQueueArns", ())
        case _:
            return True


def _heeding_the_longest_delay(put: Callable[..., Any]) -> Callable[..., Any]:
    def heeding(*args: Any, delay_seconds: int | None = None, **options: Any) -> Any:
        if delay_seconds is not None and not 0 <= delay_seconds <= _MOST_DELAY_SECONDS:
            raise InvalidParameterValueException(
                f"Value {delay_seconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= "
                f"{_MOST_DELAY_SECONDS}."
            )
        return put(*args, delay_seconds=delay_seconds, **options)

    return heeding


def _heeding_the_longest_visibility_timeout(update: Callable[..., None]) -> Callable[..., None]:
    def refuse(seconds: int, reason: str) -> InvalidParameterValueException:
        return InvalidParameterValueException(
            f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: {reason}"
        )

    def heeding(queue: SqsQueue, receipt_handle: str, seconds: int) -> None:
        if not 0 <= seconds <= _MOST_VISIBILITY_SECONDS:
            raise refuse(seconds, f"Must be between 0 and {_MOST_VISIBILITY_SECONDS}, if provided.")
        message = queue.receipts.get(receipt_handle)
        if message is not None and message in queue.inflight:
            # From the receive on: to extend it does not begin them anew.
            left = message.last_received + _MOST_VISIBILITY_SECONDS - time.time()
            if seconds > left:
                most = f"[{_MOST_VISIBILITY_SECONDS} seconds]"
                raise refuse(seconds, f"Total VisibilityTimeout for the message is beyond the limit {most}")
        update(queue, receipt_handle, seconds)

    return heeding


def _heeding_their_number(check: Callable[..., None]) -> Callable[..., None]:
    def heeding(attributes: Mapping[str, Any] | None) -> None:
        if attributes is not None and len(attributes) > _MOST_MESSAGE_ATTRIBUTES:
            raise InvalidParameterValueException(
                f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{_MOST_MESSAGE_ATTRIBUTES}]."
            )
        check(attributes)

    return heeding


def _letting_cloudformation_make_it_again(create: Callable[..., Any]) -> Callable[..., Any]:
    def create_queue(self: SqsProvider, context: RequestContext, queue_name: str, *args: Any, **options: Any) -> Any:
        if context.is_internal_call:
            self.get_store(context.account_id, context.region).deleted.pop(queue_name, None)
        return create(self, context, queue_name, *args, **options)

    return create_queue
