"""A history loses nothing on its way through files, and says what is wrong with a damaged one."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from taskguard.errors import HistoryError
from taskguard.history import (
    EVENT_KINDS,
    BackoffRequested,
    ConsumerSettings,
    DeadLetterLogged,
    Delivered,
    Event,
    EvidenceMissing,
    History,
    InvalidSubmitted,
    Permission,
    QueueDepth,
    QueueSettings,
    RecordAnswered,
    RecordedAttempt,
    RunEnded,
    Sender,
    TaskSubmitted,
)
from taskguard.history.lines import _READER, _otherwise_read, told_once
from taskguard.history.settings import EventRule
from taskguard.support.json_values import canonical, same_json
from taskguard.support.typed import Refused, Strict, typed, untyped

from tests.thoroughness import examples
from tests.unit.judging.building import DEAD, FIRST_TRY, SECOND_TRY, run, the

T = TypeVar("T")
TEXT = st.text(st.characters(), max_size=8)
TIMES = st.floats(0, 4e12).map(lambda at_ms: round(at_ms, 3))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
BY_ANNOTATION: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXT,
    "str | None": st.none() | TEXT,
    "int": st.integers(0, 1000),
    "int | None": st.none() | st.integers(0, 1000),
    "Moment": TIMES,
    "Moment | None": st.none() | TIMES,
    "Finite": st.floats(allow_nan=False, allow_infinity=False),
    "Finite | None": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "Count": st.integers(0, 1000),
    "Count | None": st.none() | st.integers(0, 1000),
    "bool": st.booleans(),
    "bool | None": st.none() | st.booleans(),
    "Json": JSON,
    "Mapping[str, Json]": st.dictionaries(TEXT, JSON, max_size=3),
    "tuple[str, ...]": st.lists(st.sampled_from(sorted(EVENT_KINDS)), max_size=3).map(tuple),
    "QueueName": st.sampled_from(["work", "dead-letter"]),
    "Literal['sent on', 'acknowledged', 'dead-lettered']": st.sampled_from(
        ["sent on", "acknowledged", "dead-lettered"]
    ),
    "Literal['ssm', 'secretsmanager']": st.sampled_from(["ssm", "secretsmanager"]),
    "QueueName | None": st.sampled_from([None, "work", "dead-letter"]),
}


def _built(kind: type[T]) -> st.SearchStrategy[T]:
    own_and_inherited = [inspect.get_annotations(each).items() for each in reversed(kind.__mro__)]
    fields = {name: BY_ANNOTATION[text] for fields in own_and_inherited for name, text in fields}
    if kind in (TaskSubmitted, InvalidSubmitted, RecordAnswered):
        fields["status_code"] = st.just(0) | st.integers(100, 999)
    return st.builds(kind, **fields)


BY_ANNOTATION["tuple[EventRule, ...]"] = st.lists(_built(EventRule), max_size=2).map(tuple)
BY_ANNOTATION |= {
    f"tuple[{part.__name__}, ...]": st.lists(_built(part), max_size=3).map(tuple)
    for part in (RecordedAttempt, QueueSettings, ConsumerSettings, Permission)
}
BY_ANNOTATION["Sender | None"] = st.none() | _built(Sender)


"""What manifests of format version 1 had instead of the four values."""


def _what_happens_once(event: Event) -> tuple[object, ...]:
    names = ("task_id", "message_id", "receive_count", "delivery_id", "number")
    return (type(event), *(getattr(event, name, None) for name in names))


EVENTS = st.lists(st.one_of([_built(kind) for kind in EVENT_KINDS.values()]), max_size=8, unique_by=_what_happens_once)


@given(events=EVENTS)
@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_history_comes_back_as_it_was(tmp_path: Path, events: list[Event]) -> None:
    history = History(events)
    history.write(tmp_path / "history.jsonl")
    again = History.read(tmp_path / "history.jsonl")
    assert again == history
    again.write(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "history.jsonl").read_bytes()


def _refusal(path: Path, lines: list[str]) -> str:
    path.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(HistoryError) as raised:
        History.read(path)
    return str(raised.value)


LINES = [json.dumps(untyped(event)) for event in History(run(FIRST_TRY, SECOND_TRY, DEAD))]


@pytest.mark.parametrize("index", [n for n, line in enumerate(LINES) if "DeadLetterLogged" not in line])
def test_a_line_that_stands_there_twice_is_refused(tmp_path: Path, index: int) -> None:
    doubled = [*LINES[: index + 1], *LINES[index:]]
    assert f"line {index + 2}: " in (told := _refusal(tmp_path / "history.jsonl", doubled))
    assert "a line before tells the same" in told


@pytest.mark.parametrize("kind", ["Delivered", "AttemptFailed", "AttemptSucceeded", "RecordChanged", "RecordObserved"])
def test_what_happens_once_is_refused_at_another_time_too(tmp_path: Path, kind: str) -> None:
    told = next(json.loads(line) for line in LINES if json.loads(line)["event"] == kind)
    again = json.dumps(told | {"at_ms": json.loads(LINES[-1])["at_ms"]})
    assert f"{kind}: a line before tells the same" in _refusal(tmp_path / "history.jsonl", [*LINES, again])


@settings(derandomize=True, max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.permutations(LINES))
def test_lines_out_of_the_order_of_time_are_refused(tmp_path: Path, lines: list[str]) -> None:
    times = [json.loads(line)["at_ms"] for line in lines]
    if times != sorted(times):
        assert "of an earlier time than the line before" in _refusal(tmp_path / "history.jsonl", lines)


def test_what_is_told_twice_of_one_moment_is_kept_once_but_for_what_a_pipeline_logged() -> None:
    events = run(FIRST_TRY, DEAD)
    logged = the(events, DeadLetterLogged)
    assert told_once([*events, *events]) == list(History([*events, logged]))
    other = replace(logged, at_ms=logged.at_ms + 1)
    assert told_once([other, *events]) == list(History([*events, other]))


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("RunEnded", {"at_ms": -1.0}, "at_ms: expected a number >= 0.0, found -1.0"),
        ("RunEnded", {"at_ms": float("nan")}, "at_ms: expected a number >= 0.0, found NaN"),
        ("RunEnded", {"at_ms": float("inf")}, "at_ms: expected a number <= 100000000000000.0, found Infinity"),
        ("TaskSubmitted", {"answered_ms": float("inf")}, "answered_ms: expected a number <= "),
        ("TaskSubmitted", {"status_code": -202}, "status_code is 0, or a number of three digits, not -202"),
        ("TaskSubmitted", {"status_code": 20}, "status_code is 0"),
        ("Delivered", {"receive_count": -1}, "receive_count: expected an integer >= 0, found -1"),
        ("BackoffRequested", {"delay_seconds": float("nan")}, "delay_seconds: expected a number"),
        ("QueueDepth", {"visible": -1}, "visible: expected an integer >= 0, found -1"),
        ("RecordObserved", {"created_at_ms": float("-inf")}, "created_at_ms: expected a number"),
    ],
)
def test_a_value_that_cannot_be_is_refused(tmp_path: Path, kind: str, change: dict[str, Any], words: str) -> None:
    lines = [json.loads(line) for line in LINES]
    index = next(n for n, line in enumerate(lines) if line["event"] == kind)
    lines[index] |= change
    told = _refusal(tmp_path / "history.jsonl", [json.dumps(line) for line in lines])
    assert f"line {index + 1}: {kind}: " in told
    assert words in told


def test_numbers_stay_as_they_were_given(tmp_path: Path) -> None:
    payload = {"a": 1, "b": 1.0, "c": True, "d": -0.0, "e": 12345678901234567890, "f": 10**1000, "g": float("nan")}
    event = TaskSubmitted(at_ms=1, answered_ms=2, task_id="t", payload=payload, accepted=True, status_code=202)
    History([event]).write(tmp_path / "h")
    (again,) = History.read(tmp_path / "h")
    assert isinstance(again, TaskSubmitted)
    assert same_json(again.payload, payload)
    assert not same_json(again.payload, {**payload, "b": 1})


def test_events_are_ordered_by_time_and_ties_keep_their_order() -> None:
    late, first, second = (
        RunEnded(at_ms=2, deadline_reached=True),
        RunEnded(at_ms=1, deadline_reached=True),
        RunEnded(at_ms=1, deadline_reached=False),
    )
    assert list(History([late, first, second])) == [first, second, late]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[]", 'not an object that names its "event"'),
        ('{"event": "Exploded", "at_ms": 1}', "unknown \"event\" 'Exploded'; known are TaskSubmitted"),
        ('{"event": "RunEnded", "at_ms": 1}', "RunEnded: Object missing required field deadline_reached"),
        (
            '{"event": "RunEnded", "at_ms": 1, "deadline_reached": true, "x": 1}',
            'RunEnded: unknown key "x"; there are at_ms, deadline_reached',
        ),
        ('{"event": "RunEnded", "at_ms": "1", "deadline_reached": true}', 'at_ms: expected a number, found "1"'),
        ('{"event": "RunEnded", "at_ms": true, "deadline_reached": true}', "at_ms: expected a number, found true"),
        ('{"event": "RunEnded", "at_ms": 1, "deadline_reached": 1}', "expected true or false, found 1"),
        (f'{{"event": "RunEnded", "at_ms": 1{"0" * 400}, "deadline_reached": true}}', "at_ms: Number out of range"),
        (f'{{"event": "DeadLettered", "payload": {"[" * 100_000}{"]" * 100_000}}}', "recursion"),
        ('{"event": "EvidenceMissing", "at_ms": 1, "source": "", "what": "", "affects": ["X"]}', "no kind of event: X"),
    ],
)
def test_a_bad_line_is_refused_by_file_and_number(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(f'{{"event": "RunEnded", "at_ms": 1.0, "deadline_reached": true}}\n{line}\n')
    with pytest.raises(HistoryError) as raised:
        History.read(path)
    assert f"{path}, line 2: " in str(raised.value)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ('"queue": "work", "visible": 1', '"queue": "other", "visible": 1'),
        ('"queue": "work", "visible": 1', '"queue": "\\ud800", "visible": 1'),
        ('"queue": "work", "visible": 1', '"queue": "work", "visible": true'),
        ('"queue": "work", "visible": 1', '"queue": "work", "visible": 1.0'),
        ('"queue": "work", "visible": 1', '"visible": 1, "queue": 1'),
    ],
)
def test_a_bad_line_is_refused_after_a_good_one_of_its_kind(tmp_path: Path, good: str, bad: str) -> None:
    line = '{"event": "QueueDepth", "at_ms": %s, %s, "in_flight": 0, "delayed": 0}'
    path = tmp_path / "history.jsonl"
    path.write_text(f"{line % (1.0, good)}\n{line % (2.0, good)}\n")
    assert len(History.read(path)) == 2
    path.write_text(f"{line % (1.0, good)}\n{line % (2.0, bad)}\n")
    with pytest.raises(HistoryError, match="line 2: QueueDepth"):
        History.read(path)


def test_equal_strings_of_a_file_are_kept_once(tmp_path: Path) -> None:
    History(run(SECOND_TRY)).write(tmp_path / "history.jsonl")
    history = History.read(tmp_path / "history.jsonl")
    assert len({id(event.message_id) for event in history.of_kind(Delivered)}) == 1
    assert len({id(getattr(event, "task_id", None)) for event in history.of_task(history.task_ids[0])}) == 1
    payloads = [event.payload for event in history.of_kind(Delivered)]
    names = [name for payload in payloads if isinstance(payload, dict) for name in payload]
    assert len(names) > len(set(names)) == len(set(map(id, names)))


def test_equal_payloads_and_numbers_of_a_file_are_kept_once_and_others_apart(tmp_path: Path) -> None:
    payloads: list[Any] = [{"a": each} for each in (1, 1.0, True, "1", [1], 1, 0.0, -0.0, float("nan"), float("nan"))]
    submitted = [
        TaskSubmitted(at_ms=n, answered_ms=99, task_id="t", payload=each, accepted=True, status_code=202)
        for n, each in enumerate(payloads)
    ]
    History(submitted).write(tmp_path / "history.jsonl")
    read = History.read(tmp_path / "history.jsonl").of_kind(TaskSubmitted)
    assert [canonical(event.payload) for event in read] == [canonical(each) for each in payloads]
    assert len({id(event.payload) for event in read}) == len(payloads) - 2
    assert len({id(event.answered_ms) for event in read}) == 1


def test_zeros_keep_their_signs(tmp_path: Path) -> None:
    delays = [0.0, -0.0, 0.0]
    of: dict[str, Any] = {"task_id": "t", "message_id": "m", "delivery_id": "d", "accepted": True, "answered_ms": 9.0}
    asked = [BackoffRequested(at_ms=n, receive_count=n, delay_seconds=each, **of) for n, each in enumerate(delays)]
    History(asked).write(tmp_path / "history.jsonl")
    read = History.read(tmp_path / "history.jsonl").of_kind(BackoffRequested)
    assert [str(event.delay_seconds) for event in read] == ["0.0", "-0.0", "0.0"]


@given(line=st.sampled_from(LINES), place=st.floats(0, 1), put=st.text('0123456789.-+eE"\\{}[],: ut\x00é', max_size=3))
@example(line=LINES[0], place=0.0, put=" ")
@settings(max_examples=examples(300), deadline=None)
def test_what_the_fast_reader_takes_it_takes_as_pythons_own_does(line: str, place: float, put: str) -> None:
    at = int(place * len(line))
    changed = f"{line[:at]}{put}{line[at + len(put) :]}"
    try:
        fast: Event | None = _READER.decode(changed.encode())
    except (msgspec.MsgspecError, RecursionError):
        fast = None
    if fast is not None:
        assert repr(fast) == repr(_otherwise_read(changed))


@given(left=JSON, right=JSON)
@example(left=0.0, right=-0.0)
@example(left=float("nan"), right=float("nan"))
@example(left={"a": [1, {"b": True}]}, right={"a": [1, {"b": 1}]})
@example(left=[1], right=(1,))
@example(left={"a": 1, "b": 2}, right={"b": 2, "a": 1})
@settings(deadline=None)
def test_two_values_are_the_same_when_their_one_text_is(left: Any, right: Any) -> None:
    assert same_json(left, right) == (canonical(left) == canonical(right))
    assert same_json(left, json.loads(json.dumps(left)))


class Grown(Strict, frozen=True, kw_only=True):
    old: int
    new: str | None = None


def test_a_field_added_later_may_lack_and_no_other() -> None:
    assert typed(Grown, {"old": 1}) == Grown(old=1)
    assert typed(Grown, {"new": "n", "old": 1}) == Grown(old=1, new="n")
    for value, words in (
        ({"new": "n"}, "missing required field old"),
        ({"old": 1, "x": 1}, 'unknown key "x"'),
        ({"old": 1, "new": 2}, "new"),
    ):
        with pytest.raises(Refused, match=words):
            typed(Grown, value)


def test_an_absent_or_unreadable_history_is_explained(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="No such file"):
        History.read(tmp_path / "none.jsonl")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(HistoryError, match="not UTF-8"):
        History.read(tmp_path / "bytes")


def test_misspelt_names_are_refused() -> None:
    with pytest.raises(ValueError, match="no kind of event: Delivery"):
        EvidenceMissing(at_ms=0, source="s", what="w", affects=("Delivery",))
    with pytest.raises(ValueError, match='"work" or "dead-letter"'):
        QueueDepth(at_ms=0, queue="other", visible=0, in_flight=0, delayed=0)  # type: ignore[arg-type]
