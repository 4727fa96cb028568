"""The event source mappings of a queue: which functions Lambda invokes with its messages, and how; and what is started by the clock.

https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskguard.targets.base import Endpoint


def mappings_of(endpoint: Endpoint, queue_arn: str) -> list[dict[str, Any]]:
    """The queue's mappings, as they are now."""
    pages = endpoint.functions().get_paginator("list_event_source_mappings").paginate(EventSourceArn=queue_arn)
    return [dict(mapping) for page in pages for mapping in page["EventSourceMappings"]]


def function_of(mapping: Mapping[str, Any]) -> str:
    """The full name of the function that a mapping invokes, whichever version or alias of it."""
    return str(mapping["FunctionArn"]).split(":")[6]


def reports_failures(mapping: Mapping[str, Any]) -> bool:
    """Whether it asks the function for a list of the batch's failed messages. Where nothing is set, the list may be left out."""
    return "ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or [])


def named_rule(rule: str) -> tuple[str, dict[str, str]]:
    """The name of a rule of EventBridge, which CloudFormation calls ``bus|name`` or by its name alone, and the parameter that names its bus."""
    bus, _, name = rule.rpartition("|")
    return name, {"EventBusName": bus} if bus else {}


def is_schedule(endpoint: Endpoint, rule: str) -> bool:
    """Whether a rule of EventBridge goes by the clock, not by events."""
    name, on_bus = named_rule(rule)
    told: Mapping[str, Any] = endpoint.client("events").describe_rule(Name=name, **on_bus)
    return bool(told.get("ScheduleExpression"))
