"""The parts that need no AWS: reading JSON and requests, the draw, the backoff, the settings."""

from __future__ import annotations

import base64
import itertools
import json
import math
import os
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from moto import mock_aws

from handlers import exact_json, runtime, settings, task_message, task_request
from handlers.backoff import Backoff
from handlers.failure_simulation import FailureSimulation, SimulatedFailure, seeded_draw
from handlers.settings import SettingsError
from handlers.task_message import NotATask, TaskMessage
from handlers.task_queue import QueueError, TaskQueue
from handlers.task_request import BadRequest
from tests import payloads as made
from tests.payloads import payloads, texts
from tests.unit.handlers.support import ENVIRONMENT

VECTORS = Path(__file__).parent.parent / "vectors"


# Reading JSON


@given(payloads)
@example({"x": -0.0, "y": 1.0, "z": 1, "w": 5e-324, "v": 1e22})
def test_payload_survives_the_way_to_the_consumer_exactly(payload: dict[str, Any]) -> None:
    body = json.dumps({"payload": payload}, ensure_ascii=True)
    request = task_request.parse(body, is_base64=False, content_type="application/json")
    message = task_message.parse(task_request.to_message(request, "t").body())
    # The consumer takes a stored task only when both texts are the same to the letter.
    assert message.payload_json == request.payload_json
    # repr tells 1 from 1.0 and from True, and 0.0 from -0.0; equality does not.
    assert repr(exact_json.parse(message.payload_json)) == repr(payload)
    assert message.body().isascii()


@pytest.mark.parametrize("payload", made.KEPT.values(), ids=made.KEPT)
def test_hostile_payload_survives_the_way_to_the_consumer_exactly(payload: str) -> None:
    request = task_request.parse(f'{{"payload": {payload}}}', is_base64=False, content_type="application/json")
    message = task_message.parse(task_request.to_message(request, "t").body())
    assert repr(exact_json.parse(message.payload_json)) == repr(json.loads(payload))


@pytest.mark.parametrize(("payload", "code"), made.REFUSED.values(), ids=made.REFUSED)
def test_payload_that_could_not_be_kept_is_refused(payload: bytes, code: str) -> None:
    body = base64.b64encode(b'{"payload": ' + payload + b"}").decode()
    with pytest.raises(BadRequest) as refusal:
        task_request.parse(body, is_base64=True, content_type="application/json")
    assert (refusal.value.status, refusal.value.code) == (400, code)
    assert len(str(refusal.value)) < 200


@given(st.binary() | st.sampled_from(["{", "[", '"', "\\", "1e", "payload", "\ufeff"]).map(str.encode), st.booleans())
def test_no_bytes_of_a_client_raise_anything_but_a_refusal(raw: bytes, encoded: bool) -> None:
    body = base64.b64encode(raw).decode() if encoded else raw.decode(errors="surrogateescape")
    with pytest.raises(BadRequest) as refusal:
        task_request.parse(body, is_base64=encoded, content_type="application/json")
    assert refusal.value.status == 400


@given(st.text(st.sampled_from('{}[]":,\\ \n01.e-+NaIfu\x00'), max_size=60) | texts)
def test_reading_json_agrees_with_python_or_refuses(text: str) -> None:
    with suppress(exact_json.JsonError):
        assert repr(exact_json.parse(text)) == repr(json.loads(text))


@given(texts)
def test_no_content_type_raises_anything_but_a_refusal(content_type: str) -> None:
    with pytest.raises(BadRequest):
        task_request.parse(None, is_base64=False, content_type=content_type)


@given(texts)
def test_no_message_body_raises_anything_but_not_a_task(body: str) -> None:
    with pytest.raises(NotATask):
        task_message.parse(body)


@given(payloads)
def test_order_of_names_does_not_tell_payloads_apart(payload: dict[str, Any]) -> None:
    turned = dict(reversed(payload.items()))
    assert exact_json.same(exact_json.compact(payload), exact_json.compact(turned))


@pytest.mark.parametrize("text", ["1e22", "0.1", "100.0", "-0.0", "1E2", "1.10", "5e-324", "1.7976931348623157e308"])
def test_numbers_that_a_double_keeps_are_accepted(text: str) -> None:
    assert exact_json.parse(text) == float(text)


@pytest.mark.parametrize("sign", ["", "-"])
def test_integers_are_kept_up_to_a_thousand_digits_whatever_their_sign(sign: str) -> None:
    assert exact_json.compact(exact_json.parse(f"{sign}{'9' * 1000}")) == f"{sign}{'9' * 1000}"
    with pytest.raises(exact_json.JsonError, match="more than 1000 digits"):
        exact_json.parse(f"{sign}{'9' * 1001}")


def test_nesting_is_counted_outside_of_strings_only() -> None:
    assert exact_json.parse(json.dumps(["[" * 500, '\\"[[' * 200])) == ["[" * 500, '\\"[[' * 200]


def test_hostile_strings_take_no_more_than_linear_time() -> None:
    # A quadratic scan of this would take hours.
    with pytest.raises(exact_json.JsonError):
        exact_json.parse('"' + '\\"' * 500_000)


def test_message_is_compact_ascii_with_the_task_id_first() -> None:
    assert TaskMessage("t", '{"x":"\\u00e9"}').body() == '{"taskId":"t","payload":{"x":"\\u00e9"}}'


def test_message_that_grows_beyond_what_a_queue_takes_is_no_task() -> None:
    room = 262_144 - len('{"taskId":"t","payload":{"x":""}}')
    # As its own sender wrote it, it fits: a letter has two bytes, and six as an escape.
    body = json.dumps({"taskId": "t", "payload": {"x": "é" * (room // 6 + 1)}}, ensure_ascii=False)
    assert len(body.encode()) < 262_144
    with pytest.raises(NotATask, match="larger than 262144 bytes"):
        task_message.parse(body)
    assert task_message.parse(body.replace("é", "", 1))


def test_message_with_fields_of_a_later_version_is_still_a_task() -> None:
    assert task_message.parse('{"taskId":"t","payload":{},"later":1}') == TaskMessage("t", "{}")


# The draw


@pytest.mark.parametrize("vector", json.loads((VECTORS / "draws.json").read_text()), ids=str)
def test_draw_is_the_shared_one(vector: dict[str, Any]) -> None:
    assert seeded_draw(vector["seed"], vector["taskId"], vector["attempt"]) == vector["draw"]


@given(st.text(), st.text(), st.integers(1, 100))
def test_draw_follows_its_formula(seed: str, task_id: str, attempt: int) -> None:
    draw = seeded_draw(seed, task_id, attempt)
    expected = int(sha256(f"{seed}:{task_id}:{attempt}".encode()).hexdigest()[:16], 16) / 2**64
    assert draw == expected
    assert 0 <= draw < 1


@given(st.text(), st.text(), st.floats(0, 1))
def test_attempt_fails_exactly_when_its_draw_is_below_the_rate(seed: str, task_id: str, rate: float) -> None:
    should_fail = seeded_draw(seed, task_id, 1) < rate
    try:
        FailureSimulation(rate, seed).check(task_id, 1)
    except SimulatedFailure:
        assert should_fail
    else:
        assert not should_fail


def test_draw_equal_to_the_rate_succeeds_and_rates_0_and_1_are_certain() -> None:
    FailureSimulation(0.5, uniform=lambda: 0.5).check("t", 1)
    FailureSimulation(0.0, uniform=lambda: 0.0).check("t", 1)
    with pytest.raises(SimulatedFailure, match=r"simulated failure of attempt 2 \(draw 1\.0000 < rate 1\)"):
        FailureSimulation(1.0, uniform=lambda: math.nextafter(1, 0)).check("t", 2)


def test_draws_without_a_seed_do_not_repeat() -> None:
    draw = FailureSimulation(0.3).uniform
    drawn = [draw() for _ in range(100)]
    assert len(set(drawn)) == 100
    assert all(0 <= value < 1 for value in drawn)


# The backoff


@pytest.mark.parametrize("vector", json.loads((VECTORS / "backoff.json").read_text()), ids=str)
def test_backoff_is_the_shared_one(vector: dict[str, int]) -> None:
    backoff = Backoff(vector["baseSeconds"], vector["factor"])
    assert backoff.delay_seconds(vector["attempt"]) == vector["delaySeconds"]


@given(st.integers(0, 43_200), st.integers(1, 43_200), st.integers(1, 40))
def test_backoff_is_the_power_cut_at_what_sqs_allows(base: int, factor: int, attempt: int) -> None:
    assert Backoff(base, factor).delay_seconds(attempt) == min(base * factor ** (attempt - 1), 43_200)


@pytest.mark.parametrize("factor", [1, 2])
def test_backoff_of_a_very_high_receive_count_is_quick(factor: int) -> None:
    assert Backoff(5, factor).delay_seconds(10**9) == (5 if factor == 1 else 43_200)


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_are_counted_from_one(attempt: int) -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        Backoff(5, 2).delay_seconds(attempt)


# The settings

NAMES = {"TABLE_NAME": "TasksTable", "TASK_QUEUE_URL": "https://queue"}


def test_settings_have_the_contracts_defaults() -> None:
    values = settings.process_settings({**NAMES, "FAILURE_SEED": "", "FAILURE_RATE": ""})
    assert values.backoff == Backoff(5, 2)
    assert values.failure_simulation == FailureSimulation(rate=0.3, seed=None)
    assert (values.table_name, values.task_queue_url) == ("TasksTable", "https://queue")


def test_settings_are_read() -> None:
    given = {"FAILURE_RATE": "0", "FAILURE_SEED": " 42", "BACKOFF_BASE_SECONDS": "1", "BACKOFF_FACTOR": "3"}
    values = settings.process_settings(NAMES | given)
    assert values.backoff == Backoff(1, 3)
    assert values.failure_simulation == FailureSimulation(rate=0.0, seed=" 42")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *itertools.product(["FAILURE_RATE"], ["-0.1", "1.1", "nan", "inf", "x"]),
        *itertools.product(["BACKOFF_BASE_SECONDS"], ["-1", "43201", "2.5", "x", "1_0", "٣", "9" * 5000]),
        *itertools.product(["BACKOFF_FACTOR"], ["0", "-2", "1.5", "x"]),
        ("FAILURE_SEED", "\udcff"),
        ("TABLE_NAME", ""),
        ("TASK_QUEUE_URL", " "),
    ],
)
def test_bad_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings.process_settings(NAMES | {name: value})


@pytest.mark.parametrize("read", [settings.submit_settings, settings.record_settings, settings.process_settings])
def test_missing_table_is_named(read: Any) -> None:
    with pytest.raises(SettingsError, match="TABLE_NAME"):
        read({})


# SQS


def test_queue_sends_and_puts_off() -> None:
    with patch.dict(os.environ, ENVIRONMENT), mock_aws():
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName="TaskQueue")["QueueUrl"]
        queue = TaskQueue(url)
        message_id = queue.send(TaskMessage("t", "{}"))
        [received] = sqs.receive_message(QueueUrl=url)["Messages"]
        assert (received["MessageId"], received["Body"]) == (message_id, '{"taskId":"t","payload":{}}')

        queue.return_after(received["ReceiptHandle"], 0)
        [again] = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
        assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_failing_queue_is_a_queue_error() -> None:
    with patch.dict(os.environ, ENVIRONMENT), mock_aws():
        queue = TaskQueue("https://sqs.eu-central-1.amazonaws.com/123456789012/none")
        with pytest.raises(QueueError, match="SendMessage"):
            queue.send(TaskMessage("t", "{}"))
        with pytest.raises(QueueError, match="ChangeMessageVisibility"):
            queue.return_after("handle", 5)


# The clients and the clock


def test_a_function_can_answer_within_its_own_timeout_when_aws_does_not() -> None:
    config: Any = runtime.CLIENT_CONFIG  # whose stubs know none of its values
    tries = config.retries["total_max_attempts"]
    longest = max(config.connect_timeout, config.read_timeout) * tries + (tries - 1)
    assert longest <= runtime.LONGEST_CALL_SECONDS


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_464_000_001, "2026-11-23T20:00:00.001Z"),
        (1_795_464_000_999, "2026-11-23T20:00:00.999Z"),
    ],
)
def test_times_of_messages_have_the_same_form(milliseconds: int, text: str) -> None:
    assert runtime.utc_time(milliseconds) == text


@given(st.integers(0, 4_102_444_800_000))
def test_times_of_messages_keep_each_millisecond(milliseconds: int) -> None:
    assert round(datetime.fromisoformat(runtime.utc_time(milliseconds)).timestamp() * 1000) == milliseconds


def test_times_are_utc_with_milliseconds() -> None:
    assert len(runtime.utc_now()) == len("2026-11-23T20:00:00.000Z")
    assert runtime.utc_now().endswith("Z")
