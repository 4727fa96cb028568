"""What becomes of a task that a run has chosen: the lines of a plan, for a queue as it is."""

from __future__ import annotations

import pytest
from taskguard.faults.fates import Fated, faults_of_task
from taskguard.faults.plan import parse


def lines(fated: Fated, *, receives: int = 3, alone: bool = True) -> list[str]:
    found = faults_of_task(fated, "t", receives=receives, hidden_seconds=5.0, consumers=["work"], alone=alone)
    faults = [str(fault) for fault in found]
    assert [str(fault) for line in faults for fault in parse(line)] == faults
    return faults


def failing(when: str = "before", receive: int | None = None, seconds: float = 1.0) -> str:
    at = "" if receive is None else f" receive={receive}"
    return f"fail when={when} function=work task=t{at} seconds={seconds}"


@pytest.mark.parametrize(
    ("fated", "expected"),
    [
        (Fated.FAILS_ONCE, [failing(receive=1, seconds=5.0)]),
        (Fated.FAILS_TWICE, [failing(receive=1), failing(receive=2)]),
        (Fated.DIES, [failing()]),
        (Fated.IS_BROKEN_OFF, ["kill when=after function=work task=t receive=1 seconds=5.0"]),
        (Fated.IS_DENIED, ["deny when=before function=work task=t receive=1 seconds=5.0"]),
    ],
)
def test_each_fate_is_a_few_lines(fated: Fated, expected: list[str]) -> None:
    assert lines(fated) == expected


def test_what_is_to_live_fails_no_more_often_than_its_queue_allows() -> None:
    assert lines(Fated.FAILS_TWICE, receives=2) == [failing(receive=1)]
    assert lines(Fated.FAILS_ONCE, receives=2, alone=False) == [failing(receive=1, seconds=5.0)]


def test_where_whole_batches_fail_what_is_done_comes_again_and_few_share_a_fate() -> None:
    assert lines(Fated.IS_BROKEN_OFF, alone=False) == [failing("after", 1)]
    returns = {
        lines(fated, alone=False)[0].rpartition("=")[2] for fated in (Fated.FAILS_ONCE, Fated.FAILS_TWICE, Fated.DIES)
    }
    assert len(returns) == 3
