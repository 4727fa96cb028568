"""A task is sent before it is stored: in whatever order submitTask's and the consumers' calls come, and whoever dies, a record is
never left without a message that drives it to its end, and of two payloads under one id one is the task."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.thoroughness import THOROUGH, examples
from tests.unit.handlers.interleaving import Actor, Choose, every_order
from tests.unit.handlers.support import SENT_AT, Functions, delivery, task
from tests.unit.handlers.world import World, on_stage

_SOME_ORDERS = 30
FAULTS = ("", "", "", "kill", "fail", "unanswered", "again", "twice")
X, Y = '{"n":1}', '{"n":2}'


# One after the other


def test_task_whose_submission_died_after_the_send_is_stored_and_worked_on(functions: Functions) -> None:
    stage = on_stage(functions)
    submission = Actor(stage, lambda: functions.submit({"payload": {"n": 1}}))
    submission.step()
    submission.kill()
    [message] = functions.queue.sent
    assert functions.item(message.task_id) is None
    assert functions.process(delivery(message.body())) == []
    code, record = functions.get(message.task_id)
    assert (code, record["status"], record["payload"]) == (200, "COMPLETED", {"n": 1})
    assert record["createdAt"] == SENT_AT
    assert [(attempt["number"], attempt["outcome"]) for attempt in record["attempts"]] == [(1, "SUCCEEDED")]


def test_submission_that_comes_after_the_consumer_finds_its_task_and_accepts_it(functions: Functions) -> None:
    stage = on_stage(functions)
    submission = Actor(stage, lambda: functions.submit({"payload": {}}))
    submission.step()
    [message] = functions.queue.sent
    functions.process(delivery(message.body()))
    before = functions.item(message.task_id)
    submission.step()
    assert submission.result == (202, {"taskId": message.task_id})
    assert functions.item(message.task_id) == before


def test_submission_that_comes_first_has_its_own_time_of_creation_from_before_the_send(functions: Functions) -> None:
    functions.submit({"taskId": "t", "payload": {}})
    created_at = functions.get("t")[1]["createdAt"]
    functions.process(task())
    assert functions.get("t")[1]["createdAt"] == created_at != SENT_AT


@pytest.mark.parametrize("retries", [1, 2])
def test_task_that_only_the_consumer_stored_fails_and_is_tried_again_as_any_other(
    functions: Functions, retries: int
) -> None:
    functions.work.failing = True
    for attempt in range(1, retries + 1):
        assert functions.process(task(receive_count=attempt)) == ["m1"]
    functions.work.failing = False
    assert functions.process(task(receive_count=retries + 1)) == []
    assert [attempt["outcome"] for attempt in functions.get("t")[1]["attempts"]] == ["FAILED"] * retries + ["SUCCEEDED"]


def test_message_of_a_refused_request_is_dropped_and_the_log_says_why(functions: Functions) -> None:
    functions.submit({"taskId": "t", "payload": {"n": 1}})
    before = functions.item("t")
    assert functions.process(task(message_id="refused", n=2)) == []
    assert (functions.work.attempts, functions.item("t")) == ([], before)
    dropped = [line for line in functions.logs() if line["message"] == "duplicate dropped"]
    assert [(line["messageId"], line["status"], line["samePayload"]) for line in dropped] == [
        ("refused", "PENDING", False)
    ]
    assert functions.process(task(n=1)) == []
    assert functions.get("t")[1]["status"] == "COMPLETED"


def test_late_delivery_of_a_message_that_a_task_died_with_does_not_take_it_once_it_is_redriven(
    functions: Functions,
) -> None:
    functions.submit({"taskId": "t", "payload": {}})
    functions.dynamodb.client.update_item(
        TableName="TasksTable",
        Key={"taskId": {"S": "t"}},
        UpdateExpression="SET earlierMessages = :messages",
        ExpressionAttributeValues={":messages": {"L": [{"S": "m1"}]}},
    )
    assert functions.process(task(message_id="m1")) == []
    assert functions.work.attempts == []
    assert functions.process(task(message_id="m2")) == []
    assert functions.get("t")[1]["status"] == "COMPLETED"


# Lost answers


@pytest.mark.parametrize("call", ["put_item", "get_item"])
def test_submission_tried_again_by_its_own_client_accepts_the_task_once(functions: Functions, call: str) -> None:
    functions.dynamodb.repeated.add(call)
    assert functions.submit({"taskId": "t", "payload": {}}) == (202, {"taskId": "t"})
    assert len(functions.queue.sent) == 1


def test_stored_task_whose_answer_was_lost_answers_503_and_202_to_the_same_request(functions: Functions) -> None:
    functions.dynamodb.unanswered.add("put_item")
    assert functions.submit({"taskId": "t", "payload": {}})[0] == 503
    functions.dynamodb.unanswered.clear()
    assert functions.submit({"taskId": "t", "payload": {}}) == (202, {"taskId": "t"})
    assert functions.get("t")[1]["status"] == "PENDING"


@pytest.mark.parametrize("attempt", [1, 25], ids=["attempt 1", "an attempt beyond those that are kept"])
def test_claim_that_stores_the_task_and_is_tried_again_recognises_itself(functions: Functions, attempt: int) -> None:
    functions.dynamodb.repeated.add("update_item")
    assert functions.process(task(receive_count=attempt)) == []
    record = functions.get("t")[1]
    assert [(each["number"], each["outcome"]) for each in record["attempts"]] == [(attempt, "SUCCEEDED")]
    assert record["createdAt"] == SENT_AT


def test_claim_whose_answer_never_came_is_an_attempt_and_the_next_delivery_takes_over(functions: Functions) -> None:
    functions.dynamodb.unanswered.add("update_item")
    assert functions.process(task()) == ["m1"]
    assert functions.work.attempts == []
    functions.dynamodb.unanswered.clear()
    assert functions.process(task(receive_count=2)) == []
    assert [(each["number"], each["outcome"]) for each in functions.get("t")[1]["attempts"]] == [
        (1, "STARTED"),
        (2, "SUCCEEDED"),
    ]


# In every order


def orders_of(play: Callable[[Choose], object]) -> int:
    """Play in every order, or while somebody waits in some, the same each time; returns in how many."""
    if THOROUGH:
        return sum(1 for _ in every_order(play))
    draws = Random("orders")
    for _ in range(_SOME_ORDERS):
        play(draws.randrange)
    return _SOME_ORDERS


# Two clients who send the same are the tamer case of the two.
@pytest.mark.parametrize("payloads", [[X, Y], [X, X]] if THOROUGH else [[X, Y]], ids=str)
def test_two_requests_and_their_messages_in_every_order(functions: Functions, payloads: list[str]) -> None:
    results: set[tuple[int | None, ...]] = set()

    def play(choose: Choose) -> None:
        world = World(functions, payloads)
        for client in range(len(payloads)):
            world.ask(client)
        while world.clients or world.queued():
            clients, messages = list(world.clients), world.queued()
            choice = choose(len(clients) + len(messages))
            if choice < len(clients):
                world.advance_client(clients[choice])
                continue
            world.deliver(messages[choice - len(clients)])
            while world.flights:
                world.advance(world.flights[0])
        world.check()
        results.add(tuple(world.answers))

    assert orders_of(play) > (200 if THOROUGH else 20)
    assert results == ({(202, 409), (409, 202)} if payloads == [X, Y] else {(202, 202)})


def test_a_request_and_its_deliveries_in_every_order_with_two_of_them_killed_before_any_call(
    functions: Functions,
) -> None:
    kills_seen: set[int] = set()

    def play(choose: Choose) -> None:
        world, kills = World(functions, [X]), 2
        world.ask(0)
        while world.is_open():
            begun: list[Callable[..., None]] = [
                *(partial(world.advance_client, c) for c in world.clients),
                *(partial(world.advance, flight) for flight in world.flights),
            ]
            moves: list[Callable[[], None]] = [*begun, *(partial(world.deliver, m) for m in world.queued())]
            moves += [partial(move, kill=True) for move in begun] if kills else []
            if not moves:
                break
            choice = choose(len(moves))
            kills -= choice >= len(moves) - len(begun) and bool(kills)
            moves[choice]()
        world.drive()
        world.check()
        kills_seen.add(2 - kills)

    assert orders_of(play) > (50 if THOROUGH else 20)
    assert kills_seen == {0, 1, 2}


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payloads=st.lists(st.sampled_from([X, Y]), min_size=1, max_size=3),
    moves=st.lists(st.tuples(st.integers(0, 11), st.sampled_from(FAULTS)), max_size=40),
    failing=st.booleans(),
)
def test_whatever_fails_is_killed_not_answered_or_delivered_too_often_each_task_settles_once(
    functions: Functions, payloads: list[str], moves: list[tuple[int, str]], failing: bool
) -> None:
    world = World(functions, payloads)
    for choice, fault in moves:
        idle = [client for client in range(len(payloads)) if client not in world.clients]
        options: list[Callable[[], None]] = [
            *(partial(world.advance_client, c, kill=fault == "kill") for c in world.clients),
            *(partial(world.advance, flight, kill=fault == "kill") for flight in world.flights),
            *(partial(world.ask, c) for c in idle),
            *(partial(world.deliver, m) for m in (world.sent() if fault == "again" else world.waiting())),
            *(partial(world.deliver_twice, flight) for flight in world.flights if fault == "twice"),
        ]
        functions.work.failing = failing
        faulty = {"fail": functions.dynamodb.failing, "unanswered": functions.dynamodb.unanswered}.get(fault, set())
        faulty.update(("get_item", "put_item", "update_item"))
        functions.queue.failing = fault == "fail"
        options[choice % len(options)]()
        faulty.clear()
        functions.queue.failing = False
    world.drive()
    functions.work.failing = False
    world.check()


def test_the_order_of_calls_is_what_a_test_says(functions: Functions) -> None:
    stage = on_stage(functions)
    calls: list[str] = []

    def before(name: str) -> None:
        stage.before_call(name)
        calls.append(name)

    functions.dynamodb.before = before
    first = Actor(stage, lambda: functions.submit({"taskId": "a", "payload": {}}))
    second = Actor(stage, lambda: functions.get("b"))
    assert calls == []
    second.step()
    first.step()
    assert (calls, second.is_over, first.is_over) == (["get_item", "get_item"], True, False)
    first.kill()
    assert (first.was_killed, functions.queue.sent) == (True, [])
    assert list(itertools.islice(every_order(lambda choose: [choose(2), choose(2)]), 9)) == [
        [0, 0], [0, 1], [1, 0], [1, 1],
    ]  # fmt: skip
