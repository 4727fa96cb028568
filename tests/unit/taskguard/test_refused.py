"""A request that is refused is worded as its refusals ask for, if nobody stated any words and nothing came of it yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from taskguard.contract.dialect import IngressWords
from taskguard.errors import IngressError
from taskguard.evidence.recorder.recording import Call, Invocation, Recording
from taskguard.ingress.client import Answer, Client
from taskguard.ingress.invalid import Invalid
from taskguard.ingress.workload import Task
from taskguard.run.refused import first_asked, learnt_of
from taskguard.service.stack import Route

from tests.unit.taskguard.recorder_lines import STACK as ANY_STACK

TASK = Task(task_id="t-1", payload={"a": 1})
[INGRESS] = ANY_STACK.ingresses
STACK = replace(ANY_STACK, ingresses=(replace(INGRESS, submit=Route(method="POST", path="/t", function="api")),))
UNSTATED = IngressWords()


class Service(Client):
    """Takes what has all of ``wants``; refuses by naming the first that is not there, in an answer, or with ``dies`` by an error."""

    wants: Iterable[str] = ()
    dies = False
    writes = False
    seen = Recording()

    def hand_in(self, body: str, task_id: str) -> Answer:  # noqa: ARG002  # as of its base
        sent = json.loads(body)
        missing = next((name for name in self.wants if name not in sent), None)
        error = json.dumps({"errorMessage": f"'{missing}'", "errorType": "KeyError"})
        number, at_ms = len(self.seen.invocations), self._clock.now_ms()
        self.seen.invocations[f"r{number}"] = Invocation(
            function="api",
            request_id=f"r{number}",
            payload="",
            messages=(),
            started_at_ms=at_ms,
            ended_at_ms=at_ms,
            response=error if self.dies and missing else "{}",
            is_error=self.dies and missing is not None,
        )
        if self.writes:
            self.seen.calls.append(put(at_ms))
        if missing is None:
            return Answer(status_code=202, text="{}", document={})
        text = "{}" if self.dies else json.dumps({"message": f"{missing} is required"})
        return Answer(status_code=502 if self.dies else 400, text=text, document=json.loads(text))

    def ask_for(self, task_id: str) -> Answer:
        raise NotImplementedError

    def send(self, invalid: Invalid) -> Answer:
        raise NotImplementedError


def put(at_ms: float) -> Call:
    return Call(
        function="api",
        request_id=None,
        service="dynamodb",
        operation="PutItem",
        parameters={},
        status=200,
        error_code=None,
        refused_entries=frozenset(),
        started_at_ms=at_ms,
        ended_at_ms=at_ms,
    )


def service(*wants: str, **traits: Any) -> tuple[Callable[[IngressWords], Client], Callable[[], Recording]]:
    seen = Recording()
    kind: type[Service] = type("Of", (Service,), {"wants": wants, "seen": seen, **traits})
    return lambda words: kind("POST /t", words=words), lambda: seen


@pytest.mark.parametrize("dies", [False, True])
def test_a_service_is_asked_in_the_words_that_its_refusals_name(dies: bool) -> None:
    client_of, recording = service("reference", "text", dies=dies)
    words, (event, _) = first_asked(client_of, TASK, UNSTATED, STACK, recording)
    assert (event.accepted, event.task_id) == (True, "t-1")
    assert words.body == '{"reference": "${id}", "text": "${text}"}'
    assert [each.key for each in learnt_of(words)] == ["body"]


def test_who_takes_a_task_that_has_no_id_then_is_told_how_to_give_it_one() -> None:
    client_of, recording = service("email", "name")
    with pytest.raises(IngressError, match="in no field that is usual for it") as raised:
        first_asked(client_of, TASK, UNSTATED, STACK, recording)
    said = str(raised.value)
    assert """body = '{"email": "${id}", "name": "${text}"}'\nand where""" in said
    assert """body = '{"email": "${text}", "name": "${text}"}'\n  id = "answer"\n""" in said


def test_who_takes_what_is_usual_is_asked_once() -> None:
    client_of, recording = service("taskId")
    assert first_asked(client_of, TASK, UNSTATED, STACK, recording)[0] == UNSTATED
    assert len(recording().invocations) == 1


def test_what_was_stated_is_asked_as_it_is() -> None:
    client_of, recording = service("text")
    stated = IngressWords(body='{"key": "${id}"}')
    words, (event, _) = first_asked(client_of, TASK, stated, STACK, recording)
    assert (words, event.accepted, len(recording().invocations)) == (stated, False, 1)


def test_who_did_something_before_it_refused_is_not_asked_again() -> None:
    client_of, recording = service("reference", dies=True, writes=True)
    words, (event, _) = first_asked(client_of, TASK, UNSTATED, STACK, recording)
    assert (words, event.accepted, len(recording().invocations)) == (UNSTATED, False, 1)


def test_who_is_content_with_nothing_is_told_of_as_before() -> None:
    client_of, recording = service("request")
    with pytest.raises(IngressError, match="Nobody said how this service wants a task"):
        first_asked(client_of, TASK, UNSTATED, STACK, recording)
