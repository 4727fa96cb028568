"""What AWS answers when a call fails, in each service's own words and status codes.

DynamoDB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html. SQS:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html. It must not know when that is.
"""

from collections.abc import Mapping
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext, ServiceException
from localstack.aws.api.dynamodb import (
    ConditionalCheckFailedException,
    InternalServerError,
    ProvisionedThroughputExceededException,
)
from localstack.aws.connect import connect_to
from localstack.aws.protocol.serializer import create_serializer
from localstack.http import Response

NOT_CARRIED_OUT = "NotCarriedOut"
"""The recorder's word for a call that had no effect and no answer."""


def throttled(context: RequestContext) -> ServiceException:
    """The service asks to be called less often; clients try again."""
    if context.service.service_name == "dynamodb":
        return ProvisionedThroughputExceededException(
            "The level of configured provisioned throughput for the table was exceeded. Consider increasing your "
            "provisioning level with the UpdateTable API."
        )
    if context.service.service_name == "sqs":
        return CommonServiceException("RequestThrottled", "Request is throttled.", status_code=400, sender_fault=True)
    return CommonServiceException("ThrottlingException", "Rate exceeded", status_code=400, sender_fault=True)


def failed(context: RequestContext) -> ServiceException:
    """The service itself failed; clients try again."""
    if context.service.service_name == "dynamodb":
        return InternalServerError("Internal server error", status_code=500)
    return CommonServiceException(
        "InternalFailure", "The request processing has failed because of an unknown error.", status_code=500
    )


def refused(context: RequestContext) -> ServiceException:
    """The condition of a write is not met; the item as it is now comes with it, where that was asked for."""
    error = ConditionalCheckFailedException("The conditional request failed")
    request = context.service_request or {}
    if request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and (item := _item(context, request)):
        error.Item = item
    return error


def denied(_context: RequestContext) -> ServiceException:
    """The caller may not do this; clients do not try again."""
    message = "User is not authorized to perform this action because a fault was injected"
    return CommonServiceException("AccessDeniedException", message, status_code=400, sender_fault=True)


def not_carried_out() -> ServiceException:
    """For the recorder: nobody is told."""
    return CommonServiceException(NOT_CARRIED_OUT, "A fault was injected before the call had an effect.", 503)


def can_be_refused(context: RequestContext) -> bool:
    """Whether it is a write with a condition."""
    return context.service.service_name == "dynamodb" and bool(
        (context.service_request or {}).get("ConditionExpression")
    )


def put_into(response: Response, error: ServiceException, context: RequestContext) -> None:
    """Let ``response`` be this error."""
    serializer = create_serializer(context.service, context.protocol)
    response.update_from(
        serializer.serialize_error_to_response(error, context.operation, context.request.headers, context.request_id)
    )


def _item(context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    table = connect_to(region_name=context.region, aws_access_key_id=context.account_id).dynamodb
    key = request.get("Key")
    if key is None:
        schema = table.describe_table(TableName=request["TableName"])["Table"]["KeySchema"]
        key = {part["AttributeName"]: request["Item"][part["AttributeName"]] for part in schema}
    item: Mapping[str, Any] | None = table.get_item(TableName=request["TableName"], Key=key, ConsistentRead=True).get(
        "Item"
    )
    return item
