"""What is found of a stack through the platform's APIs, and what is said where more than one thing is possible."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from taskguard.errors import DiscoveryError
from taskguard.history import Unsupported
from taskguard.history.wording import not_made
from taskguard.service.discovery import discover, label_of
from taskguard.service.imports import missing_imports

from tests.unit.taskguard.fake_platform import INTAKE, WORKER, Platform, a_service, arn, found, ours, refused


def test_our_own_service_is_found_by_the_platforms_apis_alone() -> None:
    here = ours()
    stack = discover(here, "TaskGuard-qa", stage="qa")
    assert (stack.name, stack.stage, stack.region) == ("TaskGuard-qa", "qa", "eu-west-1")
    assert (stack.work_queue.name, stack.work_queue.consumers) == ("TaskQueue-qa", ("TaskGuard-qa-processTask",))
    assert {name: queue.arn for name, queue in stack.queues.items()} == {
        "work": arn("sqs", "TaskQueue-qa"),
        "dead-letter": arn("sqs", "TaskDLQ-qa"),
    }
    assert stack.queues["dead-letter"].consumers == ("TaskGuard-qa-monitorDLQ",)
    assert [each.label for each in stack.functions] == ["getTask", "monitorDLQ", "processTask", "submitTask"]
    worker = stack.function("processTask")
    assert (worker.logical_id, worker.name) == ("ProcessTaskLambdaFunction", "TaskGuard-qa-processTask")
    assert (worker.log_group, worker.role) == (
        "/aws/lambda/TaskGuard-qa-processTask",
        "arn:aws:iam::000000000000:role/role-of-TaskGuard-qa-processTask",
    )
    assert (stack.table_name, stack.table and stack.table.key) == ("TasksTable-qa", "taskId")
    ingress = stack.ingress
    assert (str(ingress.submit), str(ingress.record)) == ("POST /task", "GET /task/{taskId}")
    assert (ingress.submit.function, ingress.api.stage) == ("TaskGuard-qa-submitTask", "qa")
    assert stack.api_url == "http://127.0.0.1:1/_aws/execute-api/a1b2c3/qa"
    assert (stack.relays, stack.unsupported) == ((), ())
    assert set(here.calls) == {"cloudformation"}, "an open API's keys are not looked for"


def test_a_queue_without_a_redrive_policy_is_the_work_queue_where_it_alone_is_consumed() -> None:
    stack = found(a_service(dead_letter_queue=False))
    assert (stack.work_queue.name, stack.dead_letter_queue, list(stack.queues)) == ("jobs", None, ["work"])
    assert not stack.is_dead_letter_queue(arn("sqs", "jobs"))


def test_a_dead_letter_queue_nobody_consumes_is_found_and_so_is_one_of_another_stack() -> None:
    assert found(a_service()).queues["dead-letter"].consumers == ()
    here = a_service(dead_letter_queue=False)
    here.queue_elsewhere("jobs", consumers=(WORKER,), dead_letters_to="shared-dead")
    here.queue_elsewhere("shared-dead", consumers=("undertaker",))
    here.function("undertaker")
    stack = found(here)
    assert stack.queues["dead-letter"].url == "http://127.0.0.1:1/000000000000/shared-dead"
    assert stack.queues["dead-letter"].consumers == ("undertaker",)
    assert stack.function("undertaker").logical_id == ""


def test_a_dead_letter_queue_with_a_redrive_policy_of_its_own_is_no_work_queue() -> None:
    here = a_service(dead_letter_queue=False)
    here.queue_elsewhere("jobs", consumers=(WORKER,), dead_letters_to="second-chance")
    here.queue("second-chance", consumers=("undertaker",), dead_letters_to="end")
    here.queue("end")
    here.function("undertaker")
    stack = found(here)
    assert (stack.work_queue.name, stack.queues["dead-letter"].name) == ("jobs", "second-chance")


def test_several_consumers_are_all_told_once_whatever_version_is_invoked() -> None:
    here = a_service()
    here.queue_elsewhere("jobs", consumers=(WORKER, "other", f"{WORKER}:live"), dead_letters_to="buried")
    here.function("other")
    assert found(here).work_queue.consumers == ("other", WORKER)


def test_two_work_queues_are_ambiguous_until_one_is_decided() -> None:
    here = a_service()
    here.queue("mails", consumers=(INTAKE,), dead_letters_to="buried")
    with pytest.raises(DiscoveryError, match="it may be jobsResource or mailsResource") as failure:
        found(here)
    assert '[service]\n  work_queue = "jobsResource"' in str(failure.value)
    assert "taskguard.toml" in str(failure.value)
    assert found(here, work_queue="mails").work_queue.name == "mails"
    assert found(here, work_queue="jobsResource").work_queue.name == "jobs"
    with pytest.raises(
        DiscoveryError,
        match=r'work_queue = "maels", and there is none\. There are: jobsResource, buriedResource, mailsResource',
    ):
        found(here, work_queue="maels")


def test_without_a_consumed_queue_there_is_no_pipeline() -> None:
    here = Platform(name="shop")
    here.queue("jobs", dead_letters_to="buried")
    here.queue("buried", consumers=("undertaker",))
    here.function("undertaker")
    with pytest.raises(DiscoveryError, match=r"no queue has an event source mapping .* Its queues: jobs, buried"):
        found(here)


FAILURES = [
    ("AWS::Lambda::Function", "mailer", {"DeadLetterConfig": {"TargetArn": arn("sqs", "lost")}}),
    (
        "AWS::Lambda::Function",
        "mailer",
        {"EventInvokeConfigs": [{}, {"DestinationConfig": {"OnFailure": {"Destination": arn("sqs", "lost")}}}]},
    ),
    ("AWS::SNS::Topic", arn("sns", "mails"), {}),
    ("AWS::Events::Rule", "bus|orders", {}),
]


@pytest.mark.parametrize(("kind", "name", "configuration"), FAILURES)
def test_what_fails_of_other_invocations_comes_to_no_work_queue(
    kind: str, name: str, configuration: dict[str, Any]
) -> None:
    here = Platform(name="shop")
    here.queue("lost", consumers=("reader",))
    for each in ("reader", "mailer"):
        here.function(each, each, **(configuration if each == "mailer" else {}))
    if kind != "AWS::Lambda::Function":
        here.resources.append(("Source", name, kind))
    takes = r"lost \(takes what (fails of asynchronous invocations of mailer|the topic mails|the rule orders)"
    with pytest.raises(DiscoveryError, match=takes):
        found(here)
    # One that has a redrive policy is asked no further.
    here.queue("buried")
    here.queue("jobs", consumers=("mailer",), dead_letters_to="buried")
    assert found(here).work_queue.name == "jobs"


def test_what_the_engine_did_not_make_is_told_and_not_looked_at() -> None:
    here = a_service(api=False)
    # What LocalStack calls a resource of a type that it does not know.
    here.resources.extend(
        [("Board", "unknown", "AWS::CloudWatch::Dashboard"), ("Api", "unknown", "AWS::ApiGatewayV2::Api")]
    )
    stack = found(here)
    assert list(map(str, stack.unsupported)) == ["Board (AWS::CloudWatch::Dashboard)", "Api (AWS::ApiGatewayV2::Api)"]
    assert stack.ingress.is_queue


def test_a_service_may_have_no_table() -> None:
    stack = found(a_service(table=False))
    assert stack.table is None
    with pytest.raises(DiscoveryError, match="the table of the stack shop: it has none"):
        _ = stack.table_name


def test_two_tables_are_ambiguous_until_one_is_decided() -> None:
    here = a_service()
    here.table("locks", key="lock")
    with pytest.raises(DiscoveryError, match="it may be jobs-tableResource or locksResource") as failure:
        found(here)
    assert 'table = "jobs-tableResource"' in str(failure.value)
    chosen = found(here, table="jobs-table").table
    assert chosen is not None
    assert (chosen.name, chosen.key) == ("jobs-table", "pk")


def test_several_tables_are_in_doubt_where_nobody_says_how_tasks_are_recorded() -> None:
    here = a_service()
    here.table("locks", key="lock")
    stack = found(here, records=False)
    assert (stack.table, stack.tables_in_doubt) == (None, ("jobs-tableResource", "locksResource"))
    assert found(here, records=False, table="locks").tables_in_doubt == ()
    assert found(a_service(), records=False).table is not None


def test_a_function_may_have_a_log_group_of_its_own() -> None:
    here = a_service()
    here.function(WORKER, LoggingConfig={"LogFormat": "JSON", "LogGroup": "/shop/worker"})
    stack = found(here)
    assert stack.log_group_of(WORKER) == "/shop/worker"
    assert stack.log_group_of(INTAKE) == f"/aws/lambda/{INTAKE}"


def test_what_a_route_asks_of_its_clients_is_the_apis_to_say() -> None:
    here = a_service(api=False)
    here.rest_api("r1", {"POST /jobs": INTAKE}, "prod", apiKeyRequired=True, authorizationType="AWS_IAM")
    here.resources.append(("Key", "k1", "AWS::ApiGateway::ApiKey"))
    ingress = found(here).ingress
    assert (ingress.submit.api_key_required, ingress.submit.authorization) == (True, "AWS_IAM")
    assert ingress.api.key_ids == ("k1",)


def test_keys_of_another_stacks_are_found_by_the_usage_plans_of_the_apis_stage() -> None:
    here = a_service(api=False)
    here.rest_api("r1", {"POST /jobs": INTAKE}, "prod", apiKeyRequired=True)
    here.plans.extend(
        [
            {"id": "p1", "apiStages": [{"apiId": "r1", "stage": "other"}, {"apiId": "r2", "stage": "prod"}]},
            {"id": "p2", "apiStages": [{"apiId": "r1", "stage": "prod"}]},
            {"id": "p3"},
        ]
    )
    here.plan_keys.update(p1=["not-this"], p2=["k7", "k8"], p3=["nor-this"])
    assert found(here).ingress.api.key_ids == ("k7", "k8")


def test_an_http_api_is_told_by_its_routes_and_integrations() -> None:
    here = a_service(api=False)
    here.resources.append(("Http", "h1", "AWS::ApiGatewayV2::Api"))
    answers = {
        "GetStages": [{"StageName": "$default"}],
        "GetIntegrations": [{"IntegrationId": "i1", "IntegrationUri": arn("lambda", f"function:{INTAKE}")}],
        "GetRoutes": [
            {"RouteKey": "POST /jobs", "Target": "integrations/i1", "AuthorizationType": "NONE"},
            {"RouteKey": "GET /jobs/{id}", "Target": "integrations/i1"},
            {"RouteKey": "$default"},
        ],
    }
    here = Platform(**{name: getattr(here, name) for name in here.__dataclass_fields__} | {"http": answers})
    ingress = found(here).ingress
    assert (ingress.api.kind, ingress.api.url) == ("http", "http://127.0.0.1:1/_aws/execute-api/h1")
    assert (str(ingress.submit), str(ingress.record)) == ("POST /jobs", "GET /jobs/{id}")


def test_an_api_that_the_engine_does_not_know_is_told_as_unsupported() -> None:
    here = a_service(api=False)
    here.resources.append(("Http", "h1", "AWS::ApiGatewayV2::Api"))
    here.resources.append(("Topic", "t", "AWS::SNS::Topic"))
    stack = found(here)
    assert stack.unsupported == (Unsupported(type="AWS::ApiGatewayV2::Api", logical_id="Http"),)
    assert stack.relays == ("AWS::SNS::Topic",)
    assert stack.ingress.is_queue


@pytest.mark.parametrize(
    ("resource", "later"),
    [
        (("Hourly", "bus|hourly", "AWS::Events::Rule"), True),
        (("Orders", "bus|orders", "AWS::Events::Rule"), False),
        (("Hourly", "s", "AWS::Scheduler::Schedule"), True),
        (("OfTable", "stream", "AWS::Lambda::EventSourceMapping"), True),
        (("OfQueue", "mapping-of-jobs", "AWS::Lambda::EventSourceMapping"), False),
    ],
)
def test_a_schedule_or_a_stream_may_send_later_what_others_could_not(
    resource: tuple[str, str, str], later: bool
) -> None:
    here = a_service()
    assert found(here).sends_later is False
    here.resources.append(resource)
    assert found(here).sends_later is later


@pytest.mark.parametrize(
    "template",
    [
        "Zone: !ImportValue network-Zone\nVpc:\n  Fn::ImportValue: 'network-Vpc'\nOwn: !ImportValue\n  Fn::Sub: ${Env}-own",
        {"Zone": {"Fn::ImportValue": "network-Zone"}, "Vpc": [{"Fn::ImportValue": "network-Vpc"}]},
    ],
)
def test_what_it_imports_and_nobody_exports_is_unsupported_on_an_engine(template: Any) -> None:
    here = replace(a_service(), template=template, exports=("network-Vpc",))
    unsupported = found(here).unsupported
    assert unsupported == (Unsupported(type="Fn::ImportValue", logical_id="network-Zone"),)
    assert not_made(unsupported) == (
        'No stack exports network-Zone (say it in taskguard.toml, below [service]: exports = { "network-Zone" = "…" })'
    )


def test_on_aws_nobody_looks_for_it() -> None:
    here = replace(a_service(), template="!ImportValue network-Zone")
    assert list(missing_imports(here, here.name)) == ["network-Zone"]
    assert list(missing_imports(replace(here, url=None), here.name)) == []


def test_a_functions_url_is_a_way_in() -> None:
    here = a_service(api=False)
    here.resources.append(("Url", arn("lambda", f"function:{INTAKE}"), "AWS::Lambda::Url"))
    ingress = found(here).ingress
    assert (ingress.api.kind, ingress.api.url, ingress.submit.function) == (
        "url",
        "https://u.lambda-url.on.aws",
        INTAKE,
    )


@pytest.mark.parametrize(
    ("logical_id", "name", "label"),
    [
        ("ProcessTaskLambdaFunction", "TaskGuard-dev-processTask", "processTask"),
        ("MonitorDLQLambdaFunction", "TaskGuard-dev-monitorDLQ", "monitorDLQ"),
        ("ProcessTaskLambdaFunction", "TaskGuard-dev-ProcessTask", "ProcessTask"),
        ("ProcessDashtaskUnderscore1LambdaFunction", "named-otherwise", "process-task_1"),
        ("Worker", "stack-Worker-1A2B", "Worker"),
        ("Worker3F00AB12", "stack-Worker3F00AB12-1A2B", "Worker"),
        ("", "another-stacks", "another-stacks"),
    ],
)
def test_a_function_is_called_as_its_author_calls_it(logical_id: str, name: str, label: str) -> None:
    assert label_of(logical_id, name, "TaskGuard-dev") == label


def test_labels_can_be_given() -> None:
    stack = found(a_service(), functions={"Worker": "work", INTAKE: "take"})
    assert [each.label for each in stack.functions] == ["take", "work"]
    with pytest.raises(DiscoveryError, match="looking for the function Worker of the stack shop: it has take, work"):
        stack.function("Worker")


def test_a_stack_that_may_not_be_read_is_said_to_be_so() -> None:
    denied = refused("AccessDenied", "not authorized to perform ListStackResources", "ListStackResources")
    with pytest.raises(
        DiscoveryError, match=r"reading the stack TaskGuard-qa at http://127\.0\.0\.1:1.*ListStackResources"
    ):
        discover(Platform(error=denied), "TaskGuard-qa", stage="qa")
    with pytest.raises(DiscoveryError, match="Could not connect"):
        discover(Platform(error=EndpointConnectionError(endpoint_url="http://x")), "TaskGuard-qa", stage="qa")
