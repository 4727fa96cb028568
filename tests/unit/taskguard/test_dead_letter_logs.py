"""What all functions of a stack logged of dead tasks, and of the attempts that came before: by whom, in which invocation."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from taskguard.contract.dialect import LOG
from taskguard.evidence.dead_letters import dead_letter_logs
from taskguard.history import (
    AttemptFailed,
    AttemptLogged,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    EvidenceMissing,
)

from tests.unit.taskguard.conftest import Clock
from tests.unit.taskguard.fake_aws import MONITOR, WORKER, Fakes, LogService
from tests.unit.taskguard.recorder_lines import STACK as BARE
from tests.unit.taskguard.recorder_lines import function

STACK = replace(BARE, functions=(function(WORKER), function(MONITOR), function("TaskGuard-dev-getTask")))
WORK, DEAD = f"/aws/lambda/{WORKER}", f"/aws/lambda/{MONITOR}"


def record(task_id: str = "t1", error: str = "it is «full»") -> str:
    return json.dumps({"event": "TASK_DEAD_LETTER", "taskId": task_id, "messageId": "m1", "lastError": error})


def invocation(request_id: str, *said: str) -> list[str]:
    return [
        f"START RequestId: {request_id} Version: 1",
        *said,
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\tDuration: 1 ms",
    ]


def attempt(number: int, task_id: str = "t1", delivery_id: str | None = None) -> list[Event]:
    ids: dict[str, Any] = {
        "task_id": task_id,
        "message_id": f"m-{task_id}",
        "receive_count": number,
        "delivery_id": delivery_id or f"w{number}",
    }
    return [Delivered(at_ms=100.0 * number, payload={}, **ids), AttemptFailed(at_ms=100.0 * number, reason="", **ids)]


DIED = DeadLettered(at_ms=900.0, task_id="t1", message_id="m-t1", payload={}, delivery_ids=("r1",))


def read(service: LogService, *told: Event, **more: Any) -> list[Event]:
    return dead_letter_logs(Fakes(log_service=service), STACK, LOG, ["r1"], told=[*told, DIED], **more)


def logs(of_worker: list[str], of_monitor: list[str], at_ms: int = 5000) -> LogService:
    service = LogService()
    service.put(WORK, "one", at_ms - 1000, *of_worker)
    service.put(DEAD, "two", at_ms, *of_monitor)
    return service


def logged(events: list[Event]) -> list[tuple[str | None, str | None, float]]:
    return [(e.function, e.delivery_id, e.at_ms) for e in events if isinstance(e, DeadLetterLogged)]


def test_records_are_read_from_all_functions_with_their_invocations() -> None:
    events = read(logs(invocation("w3", record()), [record("t2"), *invocation("r1", record())]))
    assert sorted(logged(events), key=str) == [
        ("monitorDLQ", "r1", 5000.0),
        ("monitorDLQ", None, 5000.0),
        ("processTask", "w3", 4000.0),
    ]


def test_what_stands_behind_an_invocation_is_of_none() -> None:
    events = read(logs([], [*invocation("r1"), record()]))
    assert logged(events) == [("monitorDLQ", None, 5000.0)]


def test_a_line_is_no_later_than_the_end_of_its_invocation() -> None:
    service = logs([], invocation("r1", record()))
    assert logged(read(service, ended_ms={"r1": 4990.5})) == [("monitorDLQ", "r1", 4990.5)]
    assert logged(read(service, ended_ms={"r1": 5001.0})) == [("monitorDLQ", "r1", 5000.0)]


def test_functions_that_share_a_log_group_are_both_named() -> None:
    stack = replace(STACK, functions=(function(WORKER, "/shop"), function(MONITOR, "/shop")))
    service = LogService()
    service.put("/shop", "one", 5000, *invocation("r1", record()))
    events = dead_letter_logs(Fakes(log_service=service), stack, LOG, ["r1"])
    assert logged(events) == [("processTask or monitorDLQ", "r1", 5000.0)]


def attempt_lines(events: list[Event]) -> dict[str, tuple[str, ...]]:
    return {f"{e.task_id} {e.delivery_id}": e.lines for e in events if isinstance(e, AttemptLogged)}


def test_attempts_at_dead_tasks_say_what_may_tell_of_an_error() -> None:
    telling = json.dumps({"message": "attempt failed", "error": "it is «full»"})
    service = logs(
        [
            *invocation("w1", "hello", telling, "it is «full», says the disk"),
            *invocation("w2", "Traceback", "KeyError: 1"),
        ],
        invocation("r1", record()),
    )
    events = read(service, *attempt(1), *attempt(2), *attempt(1, "alive", "w9"))
    assert attempt_lines(events) == {
        "t1 w1": (telling, "it is «full», says the disk"),
        "t1 w2": ("KeyError: 1",),
    }
    assert not [event for event in events if isinstance(event, EvidenceMissing)]


def test_of_a_batch_what_names_another_task_of_it_is_left_out() -> None:
    said = ["t1 failed: full", "t10 failed: locked", "m-t10 failed", "an error of somebody's"]
    events = read(
        logs(invocation("w1", *said), invocation("r1", record("t1", "full"))), *attempt(1), *attempt(1, "t10", "w1")
    )
    assert attempt_lines(events) == {"t1 w1": ("an error of somebody's", "t1 failed: full")}


def test_very_many_and_very_long_lines_are_cut_but_for_what_was_logged() -> None:
    said = [f"error {number}" for number in range(100)] + ["x" * 5000 + " failed: full"]
    events = read(logs(invocation("w1", *said), invocation("r1", record("t1", "full"))), *attempt(1))
    [lines] = attempt_lines(events).values()
    assert len(lines) == 13
    assert lines[-2] == "error 99"
    assert lines[-1].endswith("failed: full")
    assert len(lines[-1]) <= 2000


def test_logs_of_attempts_that_do_not_come_are_missing_evidence_of_their_own(clock: Clock) -> None:
    events = read(logs(["START RequestId: w1 Version: 1", "error: cut off"], invocation("r1", record())), *attempt(1))
    assert logged(events) == [("monitorDLQ", "r1", 5000.0)]
    assert attempt_lines(events) == {}
    [missing] = [event for event in events if isinstance(event, EvidenceMissing)]
    assert missing.affects == ("AttemptLogged",)
    assert 4.5 < sum(clock.waited) < 6
