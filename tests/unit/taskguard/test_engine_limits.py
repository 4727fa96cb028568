"""What a service uses that its engine has wrong is found in its stack, and the table of it is what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace
from taskguard.conformance.behaviour import Outcome
from taskguard.errors import DiscoveryError
from taskguard.evidence.recorder.answers import NOT_OF_THE_BATCH, UNREADABLE_LIST
from taskguard.history import AttemptFailed, EngineLimit, History
from taskguard.judging.checks import CHECKS
from taskguard.judging.guarantees import GUARANTEES
from taskguard.run.engine_limits import DEPENDENCIES, Engine, Used, engine_of, limits_in, limits_of, used_by
from taskguard.targets.base import Endpoint

from tests.unit.taskguard.recorder_lines import STACK
from tools.conformance import PAGE, read

OURS: Mapping[str, Any] = {
    "FunctionArn": "arn:aws:lambda:eu-central-1:000000000000:function:work",
    "EventSourceArn": "arn:aws:sqs:eu-central-1:000000000000:tasks",
    "BatchSize": 10,
    "MaximumBatchingWindowInSeconds": 0,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}
QUEUES = {"tasks": {"MessageRetentionPeriod": "1209600"}, "dead": {"MessageRetentionPeriod": "1209600"}}
FIFO: dict[str, dict[str, str]] = {"tasks.fifo": {}, "dead.fifo": {}}


REPORTED = "the function reported this message as failed"
FAILED = AttemptFailed(at_ms=1, task_id="t", message_id="m", receive_count=1, delivery_id="d", reason=REPORTED)


def used(
    *,
    queues: Mapping[str, Mapping[str, str]] = QUEUES,
    reserved: int | None = None,
    failures: tuple[str, ...] = (REPORTED,),
    **mapping: Any,
) -> Used:
    return Used(
        queues=queues,
        mappings=[{**OURS, **mapping}],
        reserved={} if reserved is None else {"work": reserved},
        failures=frozenset(failures),
    )


def filtered(body: Any) -> dict[str, Any]:
    return {"FilterCriteria": {"Filters": [{"Pattern": json.dumps({"body": body})}]}}


USES = {
    "answer-empty-identifier-fails": used(failures=(NOT_OF_THE_BATCH,)),
    "answer-null-identifier-fails": used(failures=(NOT_OF_THE_BATCH,)),
    "answer-unknown-identifier-fails": used(failures=(NOT_OF_THE_BATCH,)),
    "answer-one-of-two-unknown-fails": used(failures=(NOT_OF_THE_BATCH,)),
    "answer-other-key-fails": used(failures=(REPORTED, UNREADABLE_LIST)),
    "window-gathers": used(MaximumBatchingWindowInSeconds=5),
    "window-ends": used(MaximumBatchingWindowInSeconds=5),
    "window-above-ten": used(MaximumBatchingWindowInSeconds=5, BatchSize=11),
    "throttled-is-tried-again": used(reserved=4),
    "throttled-comes-back": used(reserved=0),
    "dead-letter-queue-of-other-type-refused": used(queues={"tasks.fifo": {}, "dead": {}}),
    "fifo-dead-letters-of-one-id": used(queues=FIFO),
    "retention": used(queues={"tasks": {"MessageRetentionPeriod": "60"}}),
    "deduplication-by-group": used(queues={"tasks.fifo": {"DeduplicationScope": "messageGroup"}}),
    "fifo-hidden-group-holds-no-other": used(queues=FIFO),
    "fifo-groups-at-once": used(queues=FIFO),
    "fifo-dead-letter-has-run": used(queues=FIFO),
    "fifo-backoff-beside-a-hidden-message": used(queues=FIFO),
    "filter-ignore-case": used(**filtered({"kind": [{"equals-ignore-case": "ORDER"}]})),
    "filter-any-key": used(**filtered({"in": {"$or": [{"kind": ["a"]}, {"price": [7]}]}})),
    "filter-array": used(**filtered({"tags": ["b"]})),
    "fifo-window-refused": used(
        queues=FIFO,
        MaximumBatchingWindowInSeconds=5,
        EventSourceArn="arn:aws:sqs:eu-central-1:000000000000:tasks.fifo",
    ),
    "batch-of-11-without-window-refused": used(BatchSize=11),
}
UNUSED = {
    "nothing special": used(),
    "no dead-letter queue": used(queues={"tasks": {}}),
    "no concurrency but a reserved one that is never reached": used(reserved=5),
    "no filter": used(FilterCriteria={"Filters": []}),
    "a filter of attributes": used(FilterCriteria={"Filters": [{"Pattern": '{"messageId": ["a"]}'}]}),
    "a filter of plain texts": used(**filtered(["$or"])),
    "a filter that is no JSON": used(FilterCriteria={"Filters": [{"Pattern": "{"}, {"Pattern": "[]"}, {}]}),
}


def test_the_default_engine_needs_no_row() -> None:
    measured = read(PAGE.read_text(encoding="utf-8"))["TaskGuard's engine"].outcomes
    assert set(measured.values()) == {Outcome.RIGHT}


@pytest.mark.parametrize("engine", Engine)
def test_the_table_is_what_was_measured(engine: Engine) -> None:
    measured = read(PAGE.read_text(encoding="utf-8"))[engine].outcomes
    table = {each.behaviour: engine in each.wrong_on for each in DEPENDENCIES}
    assert table.keys() <= measured.keys(), "no such behaviours in docs/engines.md"
    wrong = {each: measured[each] in (Outcome.WRONG, Outcome.NOT_THERE) for each in table}
    assert table == wrong, f"what `wrong_on` says of {engine}, and what docs/engines.md does"


def test_the_checks_that_hang_on_it_are_checks() -> None:
    for each in DEPENDENCIES:
        assert set(each.checks) <= CHECKS.keys() | GUARANTEES.keys(), each.behaviour
        assert set(each.checks) & CHECKS.keys(), each.behaviour
    assert len({each.behaviour for each in DEPENDENCIES}) == len(DEPENDENCIES)


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("behaviour", [each.behaviour for each in DEPENDENCIES])
def test_each_use_is_seen_where_it_is_wrong_and_nowhere_else(behaviour: str, engine: Engine) -> None:
    dependency = next(each for each in DEPENDENCIES if each.behaviour == behaviour)
    found = {limit.behaviour: limit for limit in limits_in(USES[behaviour], engine)}
    assert (behaviour in found) is (engine in dependency.wrong_on)
    for limit in found.values():
        assert limit.uses.startswith(("work ", "tasks", "dead.fifo ", "of tasks", "in this run the function")), (
            limit.uses
        )


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("use", UNUSED)
def test_what_every_service_uses_limits_nothing(use: str, engine: Engine) -> None:
    found = {limit.behaviour for limit in limits_in(UNUSED[use], engine)}
    assert not found, use


def test_a_filter_without_or_does_not_depend_on_or() -> None:
    found = [limit.behaviour for limit in limits_in(used(**filtered({"kind": ["$or"]})), Engine.MINISTACK)]
    assert found == ["filter-array"]


@pytest.mark.parametrize(
    ("target", "version", "engine"),
    [
        ("localstack", "localstack", None),
        ("docker", "localstack", Engine.PLAIN),
        ("endpoint", "localstack", Engine.PLAIN),
        ("endpoint", "ministack", Engine.MINISTACK),
        ("ministack", "ministack", Engine.MINISTACK),
        ("endpoint", "engine", None),
        ("aws", "", None),
    ],
)
def test_an_engine_is_known_by_its_target_and_what_it_says_it_is(target: str, version: str, engine: Engine) -> None:
    assert engine_of(Endpoint(target=target, url="http://x", region="r", versions=((version, "1"),))) is engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed(Endpoint):
    """An endpoint whose queues and functions answer from here; it counts its calls."""

    target: str = "ministack"
    url: str | None = "http://x"
    region: str = "eu-central-1"
    versions: tuple[tuple[str, str], ...] = (("ministack", "1"),)
    concurrency: dict[str, Any] = field(default_factory=dict)
    error: ClientError | None = None
    calls: list[str] = field(default_factory=list)

    def sqs(self) -> Any:
        return self

    def functions(self) -> Any:
        return self

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        assert AttributeNames == ["All"]
        self.calls.append(QueueUrl)
        return {}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, *, EventSourceArn: str) -> list[dict[str, Any]]:  # noqa: N803
        return [{"EventSourceMappings": [{**OURS, "EventSourceArn": EventSourceArn}]}]

    def get_function_concurrency(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        self.calls.append(FunctionName)
        if self.error is not None:
            raise self.error
        return self.concurrency


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "GetFunctionConcurrency")


def limits(endpoint: Endpoint, *events: AttemptFailed) -> dict[str, EngineLimit]:
    return {each.behaviour: each for each in limits_of(endpoint, used_by(endpoint, STACK), History(events))}


def test_it_is_read_from_the_deployed_stack() -> None:
    found = limits(Deployed(concurrency={"ReservedConcurrentExecutions": 0}))
    assert list(found) == ["throttled-is-tried-again", "throttled-comes-back"]
    assert found["throttled-comes-back"].uses == "TaskGuard-dev-monitorDLQ has a reserved concurrency of 0"
    assert limits(Deployed(), FAILED) == {}


def test_an_answer_that_fails_its_batch_is_seen_in_the_run() -> None:
    found = limits(Deployed(), FAILED, replace(FAILED, reason=UNREADABLE_LIST))
    assert list(found) == ["answer-other-key-fails"]
    assert {"settlement", "redrive", "partial_batches", "backoff"} <= set(found["answer-other-key-fails"].checks)


def test_an_engine_without_reserved_concurrency_has_none_reserved() -> None:
    assert limits(Deployed(error=refused("NotImplemented"))) == {}


def test_what_cannot_be_read_is_an_error_and_not_a_service_without_needs() -> None:
    with pytest.raises(DiscoveryError, match=f"reading the stack {STACK.name}"):
        used_by(Deployed(error=refused("AccessDenied")), STACK)


def test_aws_is_not_asked() -> None:
    aws = Deployed(target="aws", url=None, versions=())
    assert limits(aws, replace(FAILED, reason=UNREADABLE_LIST)) == {}
    assert aws.calls == []
