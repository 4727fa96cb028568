"""What is gathered where a stack lacks what ours has, or calls it otherwise: no table, no dead-letter queue, other log groups."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from taskguard.contract.dialect import LOG, RECORD, TASKGUARD, TRAIL, MessageWords
from taskguard.errors import DiscoveryError, FaultPlanError
from taskguard.evidence.changes import Changes
from taskguard.evidence.configuration import configuration_of
from taskguard.evidence.dead_letters import dead_letter_logs
from taskguard.evidence.log_lines import LogLine
from taskguard.evidence.logs.trail import Trail
from taskguard.evidence.queues import Queues
from taskguard.evidence.recorder.deliveries import events_of, handled_dead_letters
from taskguard.evidence.records import Records
from taskguard.faults.plan import Plan, parse
from taskguard.history import ConfigurationObserved, DeadLetterLogged, Delivered
from taskguard.ingress.access import http_client_of
from taskguard.ingress.client import Answer
from taskguard.run.injecting.handing_over import functions_of
from taskguard.run.injecting.nemesis import Nemesis
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

from tests.unit.taskguard import test_configuration_reading as reading
from tests.unit.taskguard.fake_aws import MONITOR, WORKER, Fakes, LogService
from tests.unit.taskguard.recorder_lines import DEAD_ARN, STACK, function, recording_of, sqs_record, started
from tests.unit.taskguard.trail_lines import whole

BARE = replace(STACK, table=None, dead_letter_queue=None)


def test_without_a_table_there_are_no_records_and_no_changes_of_any() -> None:
    records = Records(Fakes(), BARE, TASKGUARD)
    assert (records.records(["a"]), records.statuses(["a"]), records.stored_bodies(["a"])) == ([], {}, [])
    changes = Changes(Fakes(url=None), BARE, RECORD)
    changes.begin()
    assert changes.of([], []) == []
    with pytest.raises(DiscoveryError, match="it has none"):
        _ = BARE.table_name


def test_without_a_dead_letter_queue_only_the_work_queue_is_looked_at() -> None:
    assert [depth.queue for depth in Queues(Fakes(), BARE).queue_depths()] == ["work"]
    service = LogService()
    assert dead_letter_logs(Fakes(log_service=service), BARE, LOG, []) == []
    assert service.calls == 0


def test_without_a_dead_letter_queue_what_another_one_hands_out_is_nobodys(tmp_path: Path) -> None:
    recording = recording_of(tmp_path, started("r1", sqs_record("m1")), started("r2", sqs_record("m2", arn=DEAD_ARN)))
    names = MessageWords()
    assert handled_dead_letters(recording, BARE, names) == []
    told = events_of(recording, BARE, names, partial_batches={WORKER: True})
    assert {event.message_id for event in told if isinstance(event, Delivered)} == {"m1"}


def test_the_settings_of_what_is_not_there_are_not_missed() -> None:
    endpoint = Fakes(
        queues=reading.Queues(),  # type: ignore[arg-type]
        lambdas=reading.Lambdas(),
        others={"iam": reading.Iam(), "cloudformation": reading.Templates("")},
    )
    [found] = configuration_of(endpoint, BARE)
    assert isinstance(found, ConfigurationObserved)
    assert ([each.queue for each in found.queues], found.store_encrypted) == (["work"], None)
    assert [each.dead_letters_watched for each in found.queues] == [False]


def test_the_configuration_says_which_parts_the_stack_has() -> None:
    def parts(stack: Stack, lambdas: reading.Lambdas) -> tuple[bool | None, bool | None, bool | None]:
        endpoint = Fakes(
            queues=reading.Queues(),  # type: ignore[arg-type]
            lambdas=lambdas,
            others={"iam": reading.Iam(), "cloudformation": reading.Templates("")},
        )
        found = configuration_of(endpoint, stack)[0]
        assert isinstance(found, ConfigurationObserved)
        return found.table, found.dead_letter_queue, found.dead_letter_consumer

    unwatched = _Mappings(found=lambda arn: [] if arn == DEAD_ARN else _mapping(arn))
    unread = _Mappings(found=lambda arn: _refused() if arn == DEAD_ARN else _mapping(arn))
    assert parts(replace(STACK, table=None), reading.Lambdas()) == (False, True, True)
    assert parts(BARE, reading.Lambdas()) == (False, False, False)
    assert parts(replace(STACK, table=None), unwatched) == (False, True, False)
    # What could not be read may be there.
    assert parts(replace(STACK, table=None), unread) == (False, True, None)


@dataclass(kw_only=True)
class _Mappings(reading.Lambdas):
    """Functions with the event source mappings that ``found`` answers for a queue."""

    found: Callable[[str], list[dict[str, Any]]]

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_event_source_mappings"
        found = self.found

        class Pages:
            def paginate(self, *, EventSourceArn: str) -> list[dict[str, Any]]:  # noqa: N803
                return [{"EventSourceMappings": found(EventSourceArn)}]

        return Pages()


def _mapping(arn: str) -> list[dict[str, Any]]:
    return [
        {"FunctionArn": f"arn:aws:lambda:eu-central-1:0:function:{WORKER}", "EventSourceArn": arn, "State": "Enabled"}
    ]


def _refused() -> list[dict[str, Any]]:
    raise reading.REFUSED


def test_consumers_of_a_queue_that_is_not_there_cannot_be_switched_off() -> None:
    with pytest.raises(FaultPlanError, match="the stack TaskGuard-dev has no dead-letter queue"):
        Nemesis(Fakes(), BARE, Plan(seed="s", faults=parse("monitor-off from=1 for=1")))
    Nemesis(Fakes(), BARE, Plan(seed="s", faults=parse("consumer-off from=1 for=1")))


def test_a_function_is_read_in_its_own_log_group() -> None:
    stack = replace(STACK, functions=(function(MONITOR, "/shop/deaths"),))
    service = LogService()
    service.put("/shop/deaths", "stream", 5000, json.dumps({"event": "TASK_DEAD_LETTER", "taskId": "t1"}))
    [logged] = dead_letter_logs(Fakes(log_service=service), stack, LOG, [])
    assert isinstance(logged, DeadLetterLogged)
    assert logged.task_id == "t1"


def test_an_invocation_is_its_functions_whatever_its_log_group_is_called() -> None:
    found = Trail(TRAIL, {"/shop/work": WORKER})
    found.add(LogLine("/shop/work", "stream", 1010, text) for text in whole())
    [invocation] = found.recording({}, MessageWords()).invocations.values()
    assert invocation.function == WORKER


def test_faults_know_functions_by_what_their_author_calls_them() -> None:
    stack = replace(STACK, functions=(function(WORKER), function(MONITOR)))
    assert functions_of(stack) == {"processTask": WORKER, "monitorDLQ": MONITOR}


def test_a_client_uses_the_routes_that_were_found(monkeypatch: pytest.MonkeyPatch) -> None:
    [ingress] = STACK.ingresses
    submit, record = (
        replace(ingress.submit, path="/v1/jobs"),
        replace(STACK.ingress.submit, method="GET", path="/v1/jobs/{id}"),
    )
    asked: list[tuple[str, str]] = []
    client = http_client_of(Fakes(), replace(STACK, ingresses=(replace(ingress, submit=submit, record=record),)))
    monkeypatch.setattr(client, "request", lambda method, path, **_: asked.append((method, path)))
    monkeypatch.setattr(
        "taskguard.ingress.http_client._answer", lambda _: Answer(status_code=202, text="", document=None)
    )
    client.post("{}")
    client.get("a/b")
    assert asked == [("POST", "/v1/jobs"), ("GET", "/v1/jobs/a%2Fb")]


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-central-1", "https://a1.execute-api.eu-central-1.amazonaws.com/dev"),
        ("cn-north-1", "https://a1.execute-api.cn-north-1.amazonaws.com.cn/dev"),
    ],
)
def test_an_api_on_aws_is_in_the_domain_of_its_partition(region: str, address: str) -> None:
    endpoint = Endpoint(target="aws", url=None, region=region)
    assert endpoint.api_url("a1", "dev") == address
    assert endpoint.api_url("a1", "") == address.removesuffix("/dev")
