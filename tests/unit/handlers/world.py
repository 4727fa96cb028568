"""A small world around the functions, in which everything happens call by call: clients, a queue, and what can go wrong with both.

It must not know which calls a function makes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.unit.handlers.interleaving import Actor, Stage
from tests.unit.handlers.support import Functions, delivery

MOST_RECEIVES = 3


def on_stage(functions: Functions) -> Stage:
    """A stage on which each call of these functions is a move of its own."""
    stage = Stage()
    functions.dynamodb.before = functions.queue.before = stage.before_call
    return stage


@dataclass(frozen=True, eq=False)
class Flight:
    """One delivery that is being worked on."""

    message_id: str
    to_monitor: bool
    actor: Actor


class World:
    """One task id, and all who have to do with it: a client for each of `payloads`, a queue that delivers at least once and moves
    to its dead-letter queue what was received three times, and the functions. `drive` ends what was begun."""

    def __init__(self, functions: Functions, payloads: list[str]) -> None:
        self.functions, self.payloads = functions, payloads
        self.task_id = uuid4().hex
        self.stage = on_stage(functions)
        self.first = len(functions.queue.sent)
        functions.work.tasks.clear()
        self.receives: dict[str, int] = {}
        self.deleted: set[str] = set()
        self.monitored = False
        self.flights: list[Flight] = []
        self.answers: list[int | None] = [None for _ in payloads]
        self.clients: dict[int, Actor] = {}

    # What there is

    def waiting(self) -> list[str]:
        """The messages that are in a queue, and not in flight."""
        in_flight = {flight.message_id for flight in self.flights}
        return [m for m in self.sent() if m not in self.deleted | in_flight]

    def queued(self) -> list[str]:
        """Those of them that are in the work queue still."""
        return [m for m in self.waiting() if self.receives.get(m, 0) < MOST_RECEIVES]

    def sent(self) -> list[str]:
        return [f"message-{number}" for number in range(self.first + 1, len(self.functions.queue.sent) + 1)]

    def is_open(self) -> bool:
        """Whether the task has not come to an end."""
        return self.record().get("status") not in ("COMPLETED", "DEAD_LETTER")

    def record(self) -> dict[str, Any]:
        return self.functions.get(self.task_id)[1]

    # What may happen

    def ask(self, client: int) -> None:
        """A client sends its request, for the first time or again."""
        body = f'{{"taskId": "{self.task_id}", "payload": {self.payloads[client]}}}'
        self.clients[client] = Actor(self.stage, lambda: self.functions.submit(body))

    def advance_client(self, client: int, *, kill: bool = False) -> None:
        actor = self.clients[client]
        actor.kill() if kill else actor.step()
        if actor.is_over:
            del self.clients[client]
            code = actor.result[0] if isinstance(actor.result, tuple) else None
            self.answers[client] = code if code in (202, 409) else None

    def deliver(self, message_id: str) -> None:
        """The message is received: also one that is in flight (its visibility timeout has run out) or was deleted (a copy of it
        was left)."""
        self.deleted.discard(message_id)
        self.receives[message_id] = self.receives.get(message_id, 0) + 1
        self._fly(message_id)

    def deliver_twice(self, flight: Flight) -> None:
        """What is in flight goes to a second process, as the same receive."""
        self._fly(flight.message_id)

    def _fly(self, message_id: str) -> None:
        count = self.receives[message_id]
        body = self.functions.queue.sent[int(message_id.removeprefix("message-")) - 1].body()
        event = delivery(body, message_id, count)
        to_monitor = count > MOST_RECEIVES
        self.monitored |= to_monitor
        handle: Callable[..., list[str]] = self.functions.monitor if to_monitor else self.functions.process
        self.flights.append(Flight(message_id, to_monitor, Actor(self.stage, lambda: handle(event))))

    def advance(self, flight: Flight, *, kill: bool = False) -> None:
        flight.actor.kill() if kill else flight.actor.step()
        if flight.actor.is_over:
            self.flights.remove(flight)
            is_there = flight.to_monitor == (self.receives[flight.message_id] > MOST_RECEIVES)
            if flight.actor.result == [] and is_there:
                self.deleted.add(flight.message_id)

    def drive(self) -> None:
        """Without any more faults, let all come to an end: clients ask until they have an answer."""
        while True:
            for flight in list(self.flights):
                self.advance(flight)
            for client in list(self.clients):
                self.advance_client(client)
            for client, answer in enumerate(self.answers):
                if answer is None and client not in self.clients:
                    self.ask(client)
            for message_id in self.waiting():
                self.deliver(message_id)
            if not (self.flights or self.clients):
                return

    def check(self) -> None:
        """All that is promised of a task, whatever happened to it."""
        record = self.record()
        assert record["status"] in ("COMPLETED", "DEAD_LETTER"), "a record is stuck"
        kept = json.dumps(record["payload"], separators=(",", ":"))
        assert self.answers == [202 if payload == kept else 409 for payload in self.payloads]
        worked_on = {each.payload_json for each in self.functions.work.tasks if each.task_id == self.task_id}
        assert worked_on <= {kept}, "the message of a refused request was worked on"
        outcomes = [attempt["outcome"] for attempt in record["attempts"]]
        assert outcomes.count("SUCCEEDED") == (record["status"] == "COMPLETED")
        assert len(outcomes) <= MOST_RECEIVES
        # Reading the log takes its time.
        events = self.functions.events("TASK_DEAD_LETTER") if self.monitored else []
        assert (self.task_id in {each["taskId"] for each in events}) == (record["status"] == "DEAD_LETTER")
