"""What lies on the platform of a service that has several stacks, nested ones, or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from taskguard.service.discovery import discover
from taskguard.service.resources import NO_STACK, Resource, joined, resources_of, stacks_of

from tests.unit.taskguard.fake_platform import a_service, refused

NESTED = "arn:aws:cloudformation:eu-west-1:000000000000:stack/inner/1"
STACKS = {
    "app": [("Queue", "http://q/0/jobs", "AWS::SQS::Queue"), ("Inner", NESTED, "AWS::CloudFormation::Stack")],
    NESTED: [("Worker", "inner-worker", "AWS::Lambda::Function")],
    "data": [("Table", "jobs-table", "AWS::DynamoDB::Table"), ("Gone", "", "AWS::SQS::Queue")],
}


class Region:
    """A region with these stacks, and with some things that no stack has."""

    url = "http://127.0.0.1:1"

    class exceptions:  # noqa: N801
        ResourceNotFoundException = KeyError

    def __init__(self, stacks: dict[str, list[tuple[str, str, str]]] = STACKS) -> None:
        self.stacks = stacks

    def __getattr__(self, name: str) -> Any:
        if name in ("cloudformation", "sqs", "functions", "dynamodb", "apigateway"):
            return lambda: self
        raise AttributeError(name)

    def client(self, _service: str) -> Any:
        return self

    def get_paginator(self, operation: str) -> Any:
        return type("Paginator", (), {"paginate": staticmethod(lambda **asked: self.pages(operation, **asked))})

    def pages(self, operation: str, StackName: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803
        if operation == "get_apis":
            raise refused("InternalFailure", "not included", "GetApis")
        told: Any = {
            "list_queues": {"QueueUrls": ["http://q/0/jobs", "http://q/0/loose"]},
            "list_functions": {"Functions": [{"FunctionName": "inner-worker"}, {"FunctionName": "loose-worker"}]},
            "list_tables": {"TableNames": ["jobs-table", "loose-table"]},
            "get_rest_apis": {"items": [{"id": "r1"}]},
            "describe_stacks": {"Stacks": [{"StackName": each} for each in self.stacks]},
        }
        if operation == "list_stack_resources":
            keys = ("LogicalResourceId", "PhysicalResourceId", "ResourceType")
            yield {"StackResourceSummaries": [dict(zip(keys, each, strict=True)) for each in self.stacks[StackName]]}
        else:
            yield told[operation]

    def get_function_url_config(self, *, FunctionName: str) -> None:  # noqa: N803
        if FunctionName != "loose-worker":
            raise KeyError(FunctionName)

    def get_stages(self, *, restApiId: str) -> dict[str, Any]:  # noqa: N803
        return {"item": [{"stageName": "prod"}]} if restApiId == "r1" else {}


def test_several_stacks_and_those_nested_in_them_are_read_as_one_service() -> None:
    found = list(resources_of(Region(), joined(["app", "data"])))  # type: ignore[arg-type]
    assert [each.physical_id for each in found] == ["http://q/0/jobs", "inner-worker", "jobs-table"]


def test_what_no_stack_has_is_the_service_where_none_was_made() -> None:
    assert set(resources_of(Region(), NO_STACK)) == {  # type: ignore[arg-type]
        Resource("", "http://q/0/loose", "AWS::SQS::Queue"),
        Resource("", "loose-worker", "AWS::Lambda::Function"),
        Resource("", "loose-worker", "AWS::Lambda::Url"),
        Resource("", "loose-table", "AWS::DynamoDB::Table"),
        Resource("", "r1", "AWS::ApiGateway::RestApi"),
        Resource("", "prod", "AWS::ApiGateway::Stage"),
    }


@pytest.mark.parametrize("names", [(), ("one",), ("one", "two")])
def test_the_single_stacks_can_be_told_from_their_common_name(names: tuple[str, ...]) -> None:
    assert stacks_of(joined(names)) == names


def test_a_stack_is_found_by_its_one_name_as_ever() -> None:
    assert discover(a_service(), "shop", stage="prod").name == "shop"
