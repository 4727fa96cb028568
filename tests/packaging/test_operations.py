"""What an operator gets: alarms, a dashboard, and tracing when it is switched on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from handlers.metrics import Metrics
from tests.packaging.support import FUNCTIONS, TOPIC, Package, Packaging, try_to_package

XRAY = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def alarms(package: Package) -> dict[str, dict[str, Any]]:
    """The alarms by what their names end in."""
    found = package.of_type("AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"].removeprefix("TaskGuard-dev-"): alarm for alarm in found}


def test_alarms(default: Package) -> None:
    functions = {f"{name}-errors" for name in FUNCTIONS}
    assert set(alarms(default)) == {"dead-letter", "dead-letter-waiting", "oldest-task", "api-5xx"} | functions


def test_alarms_of_another_stage_have_names_of_their_own(other_stage: Package) -> None:
    names = [alarm["AlarmName"] for alarm in other_stage.of_type("AWS::CloudWatch::Alarm").values()]
    assert {name.rpartition("TaskGuard-t1-")[0] for name in names} == {""}


def test_alarms_are_silent_without_traffic(default: Package) -> None:
    assert {alarm["TreatMissingData"] for alarm in alarms(default).values()} == {"notBreaching"}
    assert {alarm["ComparisonOperator"] for alarm in alarms(default).values()} == {"GreaterThanOrEqualToThreshold"}


@pytest.mark.parametrize(
    ("name", "metric", "statistic"),
    [
        ("dead-letter", "NumberOfMessagesReceived", "Sum"),
        ("dead-letter-waiting", "ApproximateNumberOfMessagesVisible", "Maximum"),
    ],
)
def test_one_dead_letter_is_enough_for_an_alarm(default: Package, name: str, metric: str, statistic: str) -> None:
    alarm = alarms(default)[name]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/SQS", metric, statistic)
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["TaskDeadLetterQueue", "QueueName"]}}]
    assert alarm["Threshold"] == 1


def test_oldest_task_may_wait_for_all_its_backoffs(default: Package) -> None:
    alarm = alarms(default)["oldest-task"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateAgeOfOldestMessage")
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["TaskQueue", "QueueName"]}}]
    assert alarm["Threshold"] >= 2 * (5 + 10 + 20)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_functions_errors_raise_an_alarm(default: Package, name: str) -> None:
    alarm = alarms(default)[f"{name}-errors"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/Lambda", "Errors", "Sum")
    function = f"{name[0].upper()}{name[1:]}LambdaFunction"
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": function}}]


def test_api_alarm_watches_the_api_under_the_name_it_has(default: Package) -> None:
    alarm = alarms(default)["api-5xx"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/ApiGateway", "5XXError", "Sum")
    [api] = default.of_type("AWS::ApiGateway::RestApi").values()
    [deployment] = default.of_type("AWS::ApiGateway::Deployment").values()
    assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {
        "ApiName": api["Name"],
        "Stage": deployment["StageName"],
    }


def test_alarms_tell_nobody_unless_they_are_given_a_topic(default: Package, operated: Package) -> None:
    for package, told in ((default, []), (operated, [TOPIC])):
        for alarm in alarms(package).values():
            assert (alarm["AlarmActions"], alarm["OKActions"]) == (told, told)
            assert "InsufficientDataActions" not in alarm


def dashboard(package: Package) -> tuple[str, list[dict[str, Any]]]:
    """Its name, and its widgets."""
    [found] = package.of_type("AWS::CloudWatch::Dashboard").values()
    return found["DashboardName"], json.loads(found["DashboardBody"]["Fn::Sub"])["widgets"]


def metrics_shown(package: Package) -> list[list[Any]]:
    widgets = dashboard(package)[1]
    return [metric for widget in widgets if widget["type"] == "metric" for metric in widget["properties"]["metrics"]]


def test_dashboard_shows_every_metric_that_the_handlers_count(
    default: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics, now = Metrics("dev"), "2026-11-23T20:00:00.000Z"

    @metrics.published
    def count_everything() -> None:
        metrics.task_submitted()
        metrics.attempt_failed(1)
        metrics.attempt_begun(2)
        metrics.task_completed(created_at=now, completed_at=now)
        metrics.task_dead_lettered(created_at=now, marked_at=now)

    count_everything()
    [directive] = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
    counted = {metric["Name"] for metric in directive["Metrics"]}
    assert len(counted) == 6
    assert {metric[1] for metric in metrics_shown(default) if metric[0] == directive["Namespace"]} == counted


def test_dashboard_shows_what_is_deployed(default: Package, other_stage: Package) -> None:
    for package, stage, suffix in ((default, "dev", ""), (other_stage, "t1", "-t1")):
        values = {
            "service": {"TaskGuard"},
            "stage": {stage},
            "Stage": {stage},
            "ApiName": {f"{stage}-TaskGuard"},
            "QueueName": {f"TaskQueue{suffix}", f"TaskDLQ{suffix}"},
            "FunctionName": {f"TaskGuard-{stage}-{name}" for name in FUNCTIONS},
        }
        shown: dict[str, set[str]] = {}
        for metric in metrics_shown(package):
            for name, value in zip(metric[2:-1:2], metric[3:-1:2], strict=True):
                shown.setdefault(name, set()).add(value)
        assert shown == values
        name, widgets = dashboard(package)
        assert name == f"TaskGuard-{stage}"
        [logs] = [widget for widget in widgets if widget["type"] == "log"]
        assert f"SOURCE '/aws/lambda/TaskGuard-{stage}-monitorDLQ'" in logs["properties"]["query"]


def test_dashboard_shows_every_alarm(default: Package) -> None:
    [widget] = [widget for widget in dashboard(default)[1] if widget["type"] == "alarm"]
    assert set(widget["properties"]["alarms"]) == {
        f"${{{name}.Arn}}" for name in default.of_type("AWS::CloudWatch::Alarm")
    }


def test_dashboards_widgets_do_not_overlap(default: Package) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboard(default)[1]:
        columns = range(widget["x"], widget["x"] + widget["width"])
        place = {(x, y) for x in columns for y in range(widget["y"], widget["y"] + widget["height"])}
        assert max(columns) < 24
        assert not taken & place
        taken |= place


def test_tracing_is_off_unless_it_is_asked_for(default: Package) -> None:
    functions = default.of_type("AWS::Lambda::Function").values()
    assert [function["TracingConfig"] for function in functions] == [{"Mode": "PassThrough"}] * 4
    [deployment] = default.of_type("AWS::ApiGateway::Deployment").values()
    assert deployment["StageDescription"]["TracingEnabled"] is False
    assert "xray" not in default.template_text


def test_tracing_traces_functions_and_api_and_gives_each_role_what_that_needs(
    default: Package, operated: Package
) -> None:
    functions = operated.of_type("AWS::Lambda::Function").values()
    assert [function["TracingConfig"] for function in functions] == [{"Mode": "Active"}] * 4
    [deployment] = operated.of_type("AWS::ApiGateway::Deployment").values()
    assert deployment["StageDescription"]["TracingEnabled"] is True
    plain = default.of_type("AWS::IAM::Role")
    for name, role in operated.of_type("AWS::IAM::Role").items():
        [policy] = role["Policies"]
        *others, traces = policy["PolicyDocument"]["Statement"]
        assert (set(traces.pop("Action")), traces) == (XRAY, {"Effect": "Allow", "Resource": "*"})
        assert others == plain[name]["Policies"][0]["PolicyDocument"]["Statement"]


@pytest.mark.parametrize(
    ("parameter", "complaint"),
    [
        ("tracing=yes", r"Tracing: custom\.tracing .* must be true or false; found \"yes\""),
        (
            "alarmTopicArn=alarms",
            r"Alarms: the parameter alarmTopicArn must be the ARN of an SNS topic, .*found \"alarms\"",
        ),
    ],
)
def test_wrong_parameter_is_refused_in_one_line(tmp_path: Path, parameter: str, complaint: str) -> None:
    result = try_to_package(tmp_path / "service", Packaging((f"--param={parameter}",), template_only=True))
    assert result.returncode != 0
    assert re.search(complaint, result.stdout)
    assert "    at " not in result.stdout
