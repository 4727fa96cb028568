"""Whatever goes wrong while a task is read: the answer is the record, or says that it could not be read, and the next one is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from taskguard.faults.kinds import KINDS, Site
from taskguard.faults.plan import Fault, Phase, Plan
from taskguard.history import FaultInjected
from taskguard.testing.pipeline import Pipeline

pytestmark = pytest.mark.in_process

_NO_BATCH = "unknown-id"
_UNREADABLE = (502, 503, 504)


def _faults() -> Iterator[Fault]:
    for kind in KINDS.values():
        if kind.site is Site.CALL and kind.name != "refuse":
            for when in Phase:
                for every_try in (False, True):
                    yield Fault(kind=kind.name, when=when, function="getTask", receive=1, every_try=every_try)
        elif kind.site is Site.FUNCTION and kind.name != _NO_BATCH:
            yield Fault(kind=kind.name, function="getTask", receive=1)


@pytest.mark.parametrize("fault", list(_faults()), ids=str)
def test_a_read_that_is_struck_is_right_or_says_that_it_failed(
    pipeline: Pipeline, faults: Callable[..., Plan], fault: Fault
) -> None:
    task = pipeline.task()
    pipeline.submit(task)
    pipeline.settle(task)
    faults(f"{fault} task={task.task_id}")

    struck, next_one = pipeline.client.get(task.task_id), pipeline.client.get(task.task_id)

    assert struck.status_code in (200, *_UNREADABLE), struck.text
    for answer in (struck, next_one):
        if answer.status_code == 200:
            assert (answer.json()["status"], answer.json()["payload"]) == ("COMPLETED", task.payload)
    assert next_one.status_code == 200
    assert [event.kind for event in pipeline.history([task.task_id]).of_kind(FaultInjected)].count(fault.kind) >= 1
