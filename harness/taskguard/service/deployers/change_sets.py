"""Deploys templates through CloudFormation's change sets, and waits until a stack is there or has failed.

It must not know where a template comes from, nor what is deployed by it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.errors import DeploymentError, OtherTemplate
from taskguard.service.deployers.code_alone import is_all_else_equal, put_code
from taskguard.service.deployers.templates import Template
from taskguard.targets.aws_errors import explain
from taskguard.targets.base import Endpoint

_CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_LOOKS_EVERY_SECONDS = 0.05
_UNFINISHED = ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS")
"""The states of a stack that was never there as a whole: it can only be removed."""
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
_NOTHING_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when a deploy may take, on :func:`time.monotonic`, and whether it is ``abandoned``."""

    seconds: float
    abandoned: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)

    def look(self, what: str) -> None:
        """Go on, if there is time.

        Raises:
            DeploymentError: it is late, or was abandoned.
        """
        if self.abandoned.is_set():
            raise DeploymentError(f"{what} was not finished: the run was interrupted.")
        if time.monotonic() > self.began + self.seconds:
            raise DeploymentError(f"{what} had not ended after {self.seconds:g} s.")


def deploy_template(
    endpoint: Endpoint,
    name: str,
    template: Template,
    parameters: Mapping[str, str],
    deadline: Deadline,
    *,
    code_alone: bool = False,
) -> None:
    """Deploy it as the stack ``name``, which is made, or changed where it is there. With ``code_alone`` nothing is changed but what functions
    run, and that without a change set.

    Raises:
        OtherTemplate: that is not all that differs, or the stack is not there.
        DeploymentError: it cannot be; the message has what the engine said of each resource that failed.
    """
    what = f"deploying the stack {name} to {endpoint.place}"
    try:
        if code_alone:
            _change_code(endpoint, name, template, parameters, what)
            return
        kind = _kind_of_change(endpoint, name, deadline, what)
        change_set = _change_set(endpoint, name, kind, template, parameters, deadline, what)
        if change_set is None:
            return
        endpoint.cloudformation().execute_change_set(ChangeSetName=change_set)
        stack = _settled(endpoint, name, deadline, what)
    except (ClientError, BotoCoreError) as error:
        raise DeploymentError(f"{what} failed: {explain(error)}") from error
    if stack["StackStatus"] not in _DONE:
        failed = "".join(f"\n  {each}" for each in _failed(endpoint, name))
        raise DeploymentError(f"{what} ended with {stack['StackStatus']}: {stack.get('StackStatusReason', '')}{failed}")


def _change_code(endpoint: Endpoint, name: str, template: Template, parameters: Mapping[str, str], what: str) -> None:
    stack = _stack(endpoint, name)
    if stack is None or stack["StackStatus"] not in _DONE:
        raise OtherTemplate(f"{what}: it is not there as a whole.")
    cloudformation = endpoint.cloudformation()
    there = cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    there = json.loads(there) if isinstance(there, str) else there
    had = {each["ParameterKey"]: each.get("ParameterValue") for each in stack.get("Parameters", ())}
    declared = template.get("Parameters") or {}
    wanted = {key: str(parameters.get(key, each.get("Default"))) for key, each in declared.items()}
    if wanted != had or not is_all_else_equal(there, template, endpoint.region):
        raise OtherTemplate(f"{what}: more than the code of its functions has changed.")
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    names = {
        each["LogicalResourceId"]: each.get("PhysicalResourceId", "")
        for page in pages
        for each in page["StackResourceSummaries"]
    }
    put_code(endpoint, template, names)


def remove_stack(endpoint: Endpoint, name: str, deadline: Deadline) -> None:
    """Remove the stack, if it is there.

    Raises:
        DeploymentError: it cannot be.
    """
    what = f"removing the stack {name} from {endpoint.place}"
    try:
        if (found := _stack(endpoint, name)) is None:
            return
        endpoint.cloudformation().delete_stack(StackName=name)
        # By its id it is found when it is gone, too.
        stack = _settled(endpoint, found["StackId"], deadline, what)
    except (ClientError, BotoCoreError) as error:
        raise DeploymentError(f"{what} failed: {explain(error)}") from error
    if stack["StackStatus"] != "DELETE_COMPLETE":
        raise DeploymentError(f"{what} ended with {stack['StackStatus']}: {stack.get('StackStatusReason', '')}")


def _kind_of_change(endpoint: Endpoint, name: str, deadline: Deadline, what: str) -> str:
    stack = _stack(endpoint, name)
    if stack is None:
        return "CREATE"
    if stack["StackStatus"] not in _UNFINISHED:
        return "UPDATE"
    endpoint.cloudformation().delete_stack(StackName=name)
    _settled(endpoint, stack["StackId"], deadline, what)
    return "CREATE"


def _change_set(
    endpoint: Endpoint,
    name: str,
    kind: str,
    template: Mapping[str, Any],
    parameters: Mapping[str, str],
    deadline: Deadline,
    what: str,
) -> str | None:
    """The id of a change set that is prepared; none when there is nothing to change."""
    cloudformation = endpoint.cloudformation()
    created = cloudformation.create_change_set(
        StackName=name,
        # Of several of one name LocalStack finds any, so its id is used from here on; and MiniStack keeps those that were executed.
        ChangeSetName=f"taskguard-{uuid4().hex}",
        ChangeSetType=kind,  # type: ignore[arg-type]  # one of two
        TemplateBody=json.dumps(template),
        Capabilities=list(_CAPABILITIES),  # type: ignore[arg-type]
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    while True:
        deadline.look(what)
        told = cloudformation.describe_change_set(ChangeSetName=created["Id"])
        if told["Status"] == "CREATE_COMPLETE":
            # AWS says that a change set without a change has failed, LocalStack that it cannot be executed.
            return created["Id"] if told["ExecutionStatus"] == "AVAILABLE" else None
        if told["Status"] == "FAILED":
            why = told.get("StatusReason", "")
            cloudformation.delete_change_set(ChangeSetName=created["Id"])
            if any(each in why for each in _NOTHING_CHANGES):
                return None
            raise DeploymentError(f"{what}: the engine refuses the template. {why}")
        time.sleep(_LOOKS_EVERY_SECONDS)


def _settled(endpoint: Endpoint, name: str, deadline: Deadline, what: str) -> Mapping[str, Any]:
    while True:
        deadline.look(what)
        [stack] = endpoint.cloudformation().describe_stacks(StackName=name)["Stacks"]
        if not stack["StackStatus"].endswith("_IN_PROGRESS") or stack["StackStatus"] in _DONE:
            return stack
        time.sleep(_LOOKS_EVERY_SECONDS)


def _stack(endpoint: Endpoint, name: str) -> Mapping[str, Any] | None:
    try:
        [stack] = endpoint.cloudformation().describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html: no stack is a ValidationError.
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return stack


def _failed(endpoint: Endpoint, name: str) -> Iterator[str]:
    """What was said of each resource that failed, the first one first."""
    events = endpoint.cloudformation().describe_stack_events(StackName=name)["StackEvents"]
    for each in reversed(events):
        if (
            each.get("ResourceStatus", "").endswith("_FAILED")
            and each.get("ResourceType") != "AWS::CloudFormation::Stack"
        ):
            yield f"{each['LogicalResourceId']} ({each['ResourceType']}): {each.get('ResourceStatusReason', '')}"
