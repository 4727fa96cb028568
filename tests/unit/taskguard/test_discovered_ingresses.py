"""Which ways in a stack is found to have, and which of them is taken."""

from __future__ import annotations

from typing import Any

import pytest
from taskguard.errors import DiscoveryError

from tests.unit.taskguard.fake_platform import ACCOUNT, INTAKE, REGION, WORKER, a_service, found


def test_without_an_api_the_work_queue_is_the_way_in() -> None:
    ingress = found(a_service(api=False)).ingress
    assert (str(ingress.submit), ingress.is_queue, ingress.api.url) == (
        "queue",
        True,
        "http://127.0.0.1:1/000000000000/jobs",
    )
    assert (ingress.record, ingress.place) == (None, "the queue jobs itself, to which no route of an API leads")
    # And it may be chosen where there is another.
    assert found(a_service(), route="queue").ingress.is_queue


SQS = f"arn:aws:apigateway:{REGION}:sqs"
ASKS = {"integration.request.querystring.QueueUrl": f"'https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/jobs'"}
FORM = {"application/json": f"Action=SendMessage&QueueUrl=https%3A%2F%2Fsqs.{REGION}.amazonaws.com%2F{ACCOUNT}%2Fjobs"}


@pytest.mark.parametrize(
    "integration",
    [
        {"uri": f"{SQS}:path/{ACCOUNT}/jobs"},
        {"uri": f"{SQS}:action/SendMessage", "requestParameters": ASKS},
        {"uri": f"{SQS}:path//", "requestTemplates": FORM},
        {"uri": f"arn:aws:apigateway:{REGION}:events:action/PutEvents"},
    ],
    ids=["path", "action", "form", "events"],
)
def test_a_route_may_lead_to_the_queue_or_to_a_bus_without_a_function(integration: dict[str, Any]) -> None:
    here = a_service(api=False)
    here.rest_api("r1", {"POST /jobs": None, "POST /else": None}, "prod")
    here.methods["r1"]["/jobs"]["POST"]["methodIntegration"] |= {"type": "AWS"} | integration
    ingress = found(here).ingress
    assert (str(ingress.submit), ingress.is_queue, ingress.submit.function) == ("POST /jobs", False, None)


def test_a_route_that_leads_straight_to_the_work_queue_is_the_one_and_one_to_another_queue_is_none() -> None:
    here = a_service()
    here.rest_api("r2", {"POST /straight": None, "POST /elsewhere": None}, "prod")
    for path, queue in (("/straight", "jobs"), ("/elsewhere", "audit")):
        here.methods["r2"][path]["POST"]["methodIntegration"] |= {"uri": f"{SQS}:path/{ACCOUNT}/{queue}"}
    assert str(found(here).ingress.submit) == "POST /straight"
    with pytest.raises(DiscoveryError, match=r"There are: POST /jobs, POST /straight; .*queue"):
        found(here, route="POST /elsewhere")


@pytest.mark.parametrize(
    ("route", "there"),
    [
        ("POST /v1/jobs", "ANY /{proxy+}"),
        ("POST /v1/jobs?now=1", "POST /{version}/jobs"),
        ("PUT /a/b/c", "ANY /a/{rest+}"),
        ("PUT /jobs/${id}", "PUT /jobs/{job}"),
    ],
)
def test_a_path_that_a_route_stands_for_may_be_chosen(route: str, there: str) -> None:
    here = a_service(api=False)
    here.rest_api("r1", {there: INTAKE, "POST /other": INTAKE}, "prod")
    ingress = found(here, route=route).ingress
    assert (str(ingress.submit), ingress.submit.function) == (route, INTAKE)


@pytest.mark.parametrize(
    ("route", "read", "record"),
    [
        ("PUT /jobs/${id}", "GET /jobs/{job}", "/jobs/{id}"),
        ("POST /v1/jobs", "GET /{version}/jobs/{job}", "/v1/jobs/{job}"),
        ("POST /v1/jobs", "GET /{version}/jobs", None),
    ],
)
def test_a_record_is_read_below_the_path_that_was_chosen_or_there(route: str, read: str, record: str | None) -> None:
    here = a_service(api=False)
    here.rest_api("r1", {"PUT /jobs/{job}": INTAKE, "POST /{version}/jobs": INTAKE, read: INTAKE}, "prod")
    found_record = found(here, route=route).ingress.record
    assert (found_record and found_record.path) == record


def test_several_routes_are_told_when_the_way_in_is_asked_for_and_decided_by_a_choice() -> None:
    here = a_service(api=False)
    here.function("mailer", "Mailer")
    here.rest_api(
        "r1", {"POST /jobs": INTAKE, "POST /mails": "mailer", "POST /work": WORKER, "POST /else": "x"}, "prod"
    )
    stack = found(here)
    with pytest.raises(DiscoveryError, match="POST /jobs or POST /mails") as failure:
        _ = stack.ingress
    assert 'route = "POST /jobs"' in str(failure.value)
    assert str(found(here, route="POST /mails").ingress.submit) == "POST /mails"
    with pytest.raises(DiscoveryError, match='route = "PUT /jobs", and there is none'):
        found(here, route="PUT /jobs")


def test_a_route_that_takes_any_method_is_the_way_in_where_none_is_for_post() -> None:
    here = a_service(api=False)
    here.rest_api("r1", {"ANY /jobs": INTAKE, "OPTIONS /jobs": None}, "prod")
    assert str(found(here).ingress.submit) == "ANY /jobs"


@pytest.mark.parametrize(
    ("stages", "resources", "chosen"),
    [
        (("Stage", "Prod"), (), "Prod"),
        (("Stage", "Prod", "Beta"), ("Beta",), "Beta"),
        (("a", "prod"), (), "prod"),
        (("Stage",), (), "Stage"),
    ],
)
def test_the_stage_is_the_stacks_own_and_not_the_one_that_sam_leaves_beside_it(
    stages: tuple[str, ...], resources: tuple[str, ...], chosen: str
) -> None:
    here = a_service(api=False)
    here.rest_api("r1", {"POST /jobs": INTAKE}, *stages)
    here.resources.extend(("ApiStage", name, "AWS::ApiGateway::Stage") for name in resources)
    api = found(here).ingress.api
    assert (api.stage, api.url) == (chosen, f"http://127.0.0.1:1/_aws/execute-api/r1/{chosen}")
