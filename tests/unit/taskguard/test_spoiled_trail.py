"""Whatever a consumer's log holds under the names of the trail: it is damage, and nothing breaks."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.history import AttemptFailed, AttemptSucceeded, BackoffRequested, Event, History

from tests.thoroughness import examples
from tests.unit.taskguard.fake_aws import compact
from tests.unit.taskguard.log_story import call, entry, report, start
from tests.unit.taskguard.trail_lines import R1, R2, answered, raised, received, told, whole

ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    10**400,
    float("nan"),
    float("inf"),
    "text",
    [],
    {},
    [[]],
    [{}],
    [None],
    {"a": []},
]
GOOD = {
    "TRAIL_RECEIVED": json.loads(received()),
    "TRAIL_ANSWERED": json.loads(answered()),
    "TRAIL_RAISED": json.loads(raised()),
    "TRAIL_CALL": json.loads(call(R1, entry("m1", 1, 5), at=1004.0)),
}


@pytest.mark.parametrize("odd", ODD, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("event", GOOD)
def test_fields_of_another_type_never_get_as_far_as_a_check(event: str, odd: Any) -> None:
    good = GOOD[event]
    spots: list[tuple[Any, ...]] = [(name,) for name in good if name not in ("event", "requestId")]
    spots += [("messages", 0, name) for name in good["messages"][0]] if event == "TRAIL_RECEIVED" else []
    spots += [("entries", 0, name) for name in good["entries"][0]] if event == "TRAIL_CALL" else []
    for *path, last in spots:
        spoiled = json.loads(compact(good))
        inner = spoiled
        for step in path:
            inner = inner[step]
        inner[last] = odd
        lines = {**{name: compact(line) for name, line in GOOD.items()}, event: json.dumps(spoiled)}
        del lines["TRAIL_RAISED" if event != "TRAIL_RAISED" else "TRAIL_ANSWERED"]
        _must_be_sound(told(start(R1), *lines.values(), report(R1, 10.0)))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
fields = [
    "at",
    "messages",
    "answer",
    "error",
    "entries",
    "startedAt",
    "endedAt",
    "queueUrl",
    "refused",
    "status",
    "taskId",
]
records = st.fixed_dictionaries(
    {"event": st.sampled_from([*GOOD, "POISON_DEAD_LETTER", "TASK_DEAD_LETTER"]) | anything},
    optional={"requestId": st.sampled_from([R1, R2]) | anything, **dict.fromkeys(fields, anything)},
)


@settings(deadline=None, derandomize=True, max_examples=examples(300))
@given(spoiled=st.lists(records | anything, max_size=4))
def test_a_spoiled_trail_is_damage_and_never_an_exception(spoiled: list[Any]) -> None:
    found = told(*whole(R1), *(json.dumps(line) for line in spoiled), *whole(R2))
    _must_be_sound(found)


def _must_be_sound(events: list[Event]) -> None:
    """A history can be made of the events, saved, and judged."""
    history = History(events)
    assert all(isinstance(event.at_ms, float) for event in history)
    assert all(a.at_ms <= b.at_ms for a, b in itertools.pairwise(history))
    for event in history:
        if isinstance(event, (AttemptSucceeded, AttemptFailed, BackoffRequested)):
            assert isinstance(event.receive_count, int)
            assert event.receive_count >= 1
            assert isinstance(event.message_id, str)
