"""The queues that take what fails of other invocations than a queue's: asynchronous ones, a topic's deliveries, a rule's.

Such a queue is nobody's work queue, though a function may read it. It must not know what is judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from taskguard.service.event_sources import named_rule
from taskguard.targets.base import Endpoint


def failures_by_queue(
    endpoint: Endpoint, functions: Iterable[str], topics: Iterable[str], rules: Iterable[str]
) -> Mapping[str, str]:
    """Whose failures come to a queue, in words, by the queue's ARN: those of the ``functions`` of these names, of what subscribes to the
    ``topics`` of these ARNs, and of the targets of the ``rules`` (``bus|name``, or a name alone)."""
    found: dict[str, str] = {}
    for function in functions:
        for arn in _of_function(endpoint.functions(), function):
            found.setdefault(arn, f"what fails of asynchronous invocations of {function}")
    for topic in topics:
        for arn in _of_topic(endpoint.client("sns"), topic):
            found.setdefault(arn, f"what the topic {topic.rpartition(':')[2]} cannot deliver")
    for rule in rules:
        for arn in _of_rule(endpoint.client("events"), rule):
            found.setdefault(arn, f"what the rule {rule.rpartition('|')[2]} cannot deliver")
    return found


def _of_function(functions: Any, name: str) -> Iterator[str]:
    # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    configuration = functions.get_function_configuration(FunctionName=name)
    if arn := configuration.get("DeadLetterConfig", {}).get("TargetArn"):
        yield arn
    try:
        configs = functions.list_function_event_invoke_configs(FunctionName=name)["FunctionEventInvokeConfigs"]
    except ClientError:
        # It has none, or the engine knows of none.
        return
    for each in configs:
        if arn := each.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"):
            yield arn


def _of_topic(sns: Any, topic: str) -> Iterator[str]:
    # https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
    for each in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
        if not each["SubscriptionArn"].startswith("arn:"):
            continue
        told = sns.get_subscription_attributes(SubscriptionArn=each["SubscriptionArn"])["Attributes"]
        if arn := json.loads(told.get("RedrivePolicy") or "{}").get("deadLetterTargetArn"):
            yield arn


def _of_rule(events: Any, rule: str) -> Iterator[str]:
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    name, on_bus = named_rule(rule)
    for each in events.list_targets_by_rule(Rule=name, **on_bus)["Targets"]:
        if arn := each.get("DeadLetterConfig", {}).get("Arn"):
            yield arn
