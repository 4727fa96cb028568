"""A platform with one stack, told of by CloudFormation and by each service's own API, as AWS does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from taskguard.service.discovery import discover
from taskguard.service.stack import Choices, Stack
from taskguard.targets.base import Endpoint

REGION, ACCOUNT = "eu-west-1", "000000000000"
WORKER, INTAKE = "shop-Worker-1X", "shop-Intake-2Y"


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def refused(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform(Endpoint):
    """All clients in one: each operation by its own name. What is deployed is added to ``resources`` by the methods of the fake
    stack below; ``error`` is what CloudFormation answers with instead."""

    target: str = "fake"
    url: str | None = "http://127.0.0.1:1"
    template: str | dict[str, Any] = ""
    exports: tuple[str, ...] = ()
    region: str = REGION
    name: str = "TaskGuard-qa"
    error: Exception | None = None
    resources: list[tuple[str, str, str]] = field(default_factory=list)
    """Logical id, physical id and type."""
    queues: dict[str, dict[str, str]] = field(default_factory=dict)
    """The attributes of each queue, by its URL."""
    mappings: dict[str, list[str]] = field(default_factory=dict)
    """The functions that consume a queue, by its ARN."""
    functions_there: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Each table's partition key."""
    methods: dict[str, dict[str, dict[str, dict[str, Any]]]] = field(default_factory=dict)
    """The methods of each REST API, by path."""
    stages: dict[str, list[str]] = field(default_factory=dict)
    plans: list[dict[str, Any]] = field(default_factory=list)
    plan_keys: dict[str, list[str]] = field(default_factory=dict)
    http: Mapping[str, list[dict[str, Any]]] | None = None
    """What the operations for HTTP APIs answer with; none: the engine has none of them."""
    calls: list[str] = field(default_factory=list)

    # What is deployed

    @property
    def queues_url(self) -> str:
        """Where queues are."""
        return self.url or f"https://sqs.{self.region}.amazonaws.com"

    def queue(self, name: str, *, consumers: tuple[str, ...] = (), dead_letters_to: str | None = None) -> None:
        url = f"{self.queues_url}/{ACCOUNT}/{name}"
        self.resources.append((f"{name}Resource", url, "AWS::SQS::Queue"))
        self.queue_elsewhere(name, consumers=consumers, dead_letters_to=dead_letters_to)

    def queue_elsewhere(
        self, name: str, *, consumers: tuple[str, ...] = (), dead_letters_to: str | None = None
    ) -> None:
        """A queue of another stack's."""
        attributes = {"QueueArn": arn("sqs", name)}
        if dead_letters_to:
            policy = {"deadLetterTargetArn": arn("sqs", dead_letters_to), "maxReceiveCount": 3}
            attributes["RedrivePolicy"] = json.dumps(policy)
        self.queues[f"{self.queues_url}/{ACCOUNT}/{name}"] = attributes
        self.mappings[arn("sqs", name)] = [arn("lambda", f"function:{each}") for each in consumers]

    def function(self, name: str, logical_id: str = "", **configuration: Any) -> None:
        if logical_id:
            self.resources.append((logical_id, name, "AWS::Lambda::Function"))
        role = f"arn:aws:iam::{ACCOUNT}:role/role-of-{name}"
        told = {"FunctionName": name, "FunctionArn": arn("lambda", f"function:{name}"), "Role": role}
        self.functions_there[name] = told | configuration

    def table(self, name: str, key: str = "taskId") -> None:
        self.resources.append((f"{name}Resource", name, "AWS::DynamoDB::Table"))
        self.keys[name] = key

    def rest_api(self, api_id: str, routes: Mapping[str, str | None], *stages: str, **method: Any) -> None:
        """``routes`` are functions by method and path, as ``POST /task``."""
        self.resources.append((f"{api_id}Resource", api_id, "AWS::ApiGateway::RestApi"))
        self.stages[api_id] = list(stages)
        for route, function in routes.items():
            verb, path = route.split(" ")
            uri = f"{arn('apigateway', 'lambda:path/2015-03-31/functions')}/{arn('lambda', f'function:{function}')}/invocations"
            told = {"httpMethod": verb, "authorizationType": "NONE", "apiKeyRequired": False} | method
            told |= {"methodIntegration": {"type": "AWS_PROXY", "uri": uri} if function else {"type": "MOCK"}}
            self.methods.setdefault(api_id, {}).setdefault(path, {})[verb] = told

    # The clients

    def cloudformation(self) -> Any:
        return self

    def functions(self) -> Any:
        return self

    def sqs(self) -> Any:
        return self

    def dynamodb(self) -> Any:
        return self

    def apigateway(self) -> Any:
        return self

    def client(self, service: str) -> Any:
        assert service in ("apigatewayv2", "sns", "events")
        return self

    def get_paginator(self, operation: str) -> Any:
        return type("Paginator", (), {"paginate": staticmethod(getattr(self, f"_{operation}"))})

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        self._look_for(StackName)
        return {"Stacks": [{"StackName": StackName}]}

    def _list_stack_resources(self, *, StackName: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        self._look_for(StackName)
        for logical_id, physical_id, kind in self.resources:
            told = {"LogicalResourceId": logical_id, "PhysicalResourceId": physical_id, "ResourceType": kind}
            yield {"StackResourceSummaries": [told | {"ResourceStatus": "CREATE_COMPLETE"}]}

    def get_template(self, *, StackName: str, TemplateStage: str) -> dict[str, Any]:  # noqa: N803
        self._look_for(StackName)
        assert TemplateStage == "Original"
        return {"TemplateBody": self.template}

    def _list_exports(self) -> Iterator[dict[str, Any]]:
        yield {"Exports": [{"Name": name, "Value": "any"} for name in self.exports]}

    def _look_for(self, name: str) -> None:
        self.calls.append("cloudformation")
        if self.error is not None:
            raise self.error
        if name != self.name:
            raise refused("ValidationError", f"Stack with id {name} does not exist", "DescribeStacks")

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        told = self.queues[QueueUrl]
        return {"Attributes": {name: value for name, value in told.items() if name in AttributeNames}}

    def get_queue_url(self, *, QueueName: str, QueueOwnerAWSAccountId: str = ACCOUNT) -> dict[str, Any]:  # noqa: N803
        return {"QueueUrl": f"{self.queues_url}/{QueueOwnerAWSAccountId}/{QueueName}"}

    def _list_event_source_mappings(self, *, EventSourceArn: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        yield {"EventSourceMappings": []}
        uuid = f"mapping-of-{EventSourceArn.rpartition(':')[2]}"
        for each in self.mappings[EventSourceArn]:
            yield {"EventSourceMappings": [{"FunctionArn": each, "UUID": uuid}]}

    def describe_rule(self, *, Name: str, EventBusName: str) -> dict[str, Any]:  # noqa: N803
        assert EventBusName == "bus"
        return {"hourly": {"ScheduleExpression": "rate(1 hour)"}, "orders": {"EventPattern": "{}"}}[Name]

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        return self.functions_there[FunctionName]

    def list_function_event_invoke_configs(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        return {"FunctionEventInvokeConfigs": self.functions_there[FunctionName].get("EventInvokeConfigs", [])}

    def list_subscriptions_by_topic(self, *, TopicArn: str) -> dict[str, Any]:  # noqa: N803
        return {"Subscriptions": [{"SubscriptionArn": each} for each in ("PendingConfirmation", f"{TopicArn}:one")]}

    def get_subscription_attributes(self, *, SubscriptionArn: str) -> dict[str, Any]:  # noqa: N803
        assert SubscriptionArn.endswith(":one")
        return {"Attributes": {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn("sqs", "lost")})}}

    def list_targets_by_rule(self, *, Rule: str, EventBusName: str) -> dict[str, Any]:  # noqa: N803
        assert (EventBusName, Rule) == ("bus", "orders")
        return {"Targets": [{"Arn": "any"}, {"Arn": "other", "DeadLetterConfig": {"Arn": arn("sqs", "lost")}}]}

    def get_function_url_config(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        return {"FunctionArn": FunctionName, "FunctionUrl": "https://u.lambda-url.on.aws/", "AuthType": "NONE"}

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803
        schema = [
            {"AttributeName": "when", "KeyType": "RANGE"},
            {"AttributeName": self.keys[TableName], "KeyType": "HASH"},
        ]
        return {"Table": {"TableName": TableName, "KeySchema": schema}}

    def get_stages(self, *, restApiId: str) -> dict[str, Any]:  # noqa: N803
        return {"item": [{"stageName": name} for name in self.stages[restApiId]]}

    def _get_resources(self, *, restApiId: str, embed: list[str], **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert embed == ["methods"]
        yield {"items": [{"path": "/"}]}
        for path, methods in self.methods[restApiId].items():
            yield {"items": [{"path": path, "resourceMethods": methods}]}

    def _get_usage_plans(self) -> Iterator[dict[str, Any]]:
        self.calls.append("usage plans")
        yield {"items": self.plans}

    def _get_usage_plan_keys(self, *, usagePlanId: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        yield {"items": [{"id": each} for each in self.plan_keys[usagePlanId]]}

    def _http(self, operation: str, api_id: str) -> Iterator[dict[str, Any]]:
        assert ("AWS::ApiGatewayV2::Api", api_id) in {(kind, physical_id) for _, physical_id, kind in self.resources}
        if self.http is None:
            raise refused("InternalFailure", "not included in your current license plan", operation)
        yield {"Items": self.http[operation]}

    def _get_stages(self, *, ApiId: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        return self._http("GetStages", ApiId)

    def _get_routes(self, *, ApiId: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        return self._http("GetRoutes", ApiId)

    def _get_integrations(self, *, ApiId: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        return self._http("GetIntegrations", ApiId)


def ours(**options: Any) -> Platform:
    """Our own service, on stage ``qa``."""
    here = Platform(**options)
    here.table("TasksTable-qa")
    here.queue("TaskDLQ-qa", consumers=("TaskGuard-qa-monitorDLQ",))
    here.queue("TaskQueue-qa", consumers=("TaskGuard-qa-processTask",), dead_letters_to="TaskDLQ-qa")
    for name in ("submitTask", "getTask", "processTask", "monitorDLQ"):
        here.function(f"TaskGuard-qa-{name}", f"{name[0].upper()}{name[1:]}LambdaFunction")
    routes = {"POST /task": "TaskGuard-qa-submitTask", "GET /task/{taskId}": "TaskGuard-qa-getTask"}
    here.rest_api("a1b2c3", routes, "qa")
    return here


def a_service(*, dead_letter_queue: bool = True, table: bool = True, api: bool = True) -> Platform:
    """A service of somebody else's, of one function that works and one that takes tasks in."""
    here = Platform(name="shop")
    here.function(WORKER, "Worker")
    here.function(INTAKE, "Intake")
    here.queue("jobs", consumers=(WORKER,), dead_letters_to="buried" if dead_letter_queue else None)
    if dead_letter_queue:
        here.queue("buried")
    if table:
        here.table("jobs-table", key="pk")
    if api:
        here.rest_api("r1", {"POST /jobs": INTAKE}, "prod")
    return here


def found(here: Platform, **choices: object) -> Stack:
    """What is found of its stack, with these choices."""
    return discover(here, here.name, stage="prod", choices=Choices(**choices))  # type: ignore[arg-type]
