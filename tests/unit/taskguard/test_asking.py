"""The first task asks whether tasks are let in at all; where it is not the service that answers, there is no run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from taskguard.contract.dialect import INGRESS, IngressWords
from taskguard.errors import ExitCode, IngressError, SubmissionError
from taskguard.evidence.recorder.recording import Call, Invocation, Recording
from taskguard.history import TaskSubmitted, Unsupported
from taskguard.ingress.client import Answer, Client
from taskguard.ingress.invalid import Invalid
from taskguard.ingress.workload import Task
from taskguard.run.asking import asked_first
from taskguard.service.stack import Route, Stack

from tests.unit.taskguard.recorder_lines import STACK

TASK = Task(task_id="t-1", payload={"number": 1})
SUBMIT = "TaskGuard-dev-submitTask"
UNSTATED = IngressWords()
BEHIND = Recording(invocations={"r": Invocation(SUBMIT, "r", "{}", (), 1e15)})
NOBODY = Recording(invocations={"r": Invocation("an-authorizer", "r", "{}", (), 1e15)})
SENT = Recording(
    service_calls=[Call("apigateway", None, "sqs", "SendMessage", {}, 400, "Denied", frozenset(), 1e15, 1e15)]
)


class Answering(Client):
    """Is answered with a status and a text, or not at all."""

    def __init__(self, status: int, text: str = "", place: str = "POST http://127.0.0.1:1/dev/task") -> None:
        super().__init__(place)
        self._status, self._text = status, text

    def hand_in(self, body: str, task_id: str) -> Answer:  # noqa: ARG002
        if not self._status:
            raise SubmissionError("no answer")
        return Answer(status_code=self._status, text=self._text, document=None)

    def ask_for(self, task_id: str) -> Answer:
        raise NotImplementedError(task_id)

    def send(self, invalid: Invalid) -> Answer:
        raise NotImplementedError(invalid)


def leading(submit: Route, routes: Sequence[Route] = (), stack: Stack = STACK) -> Stack:
    [ingress] = stack.ingresses
    api = replace(ingress.api, routes=tuple(routes))
    return replace(stack, ingresses=(replace(ingress, api=api, submit=submit),))


STRAIGHT = leading(Route(method="POST", path="/task", function=None, queue="TaskQueue"))
BUS = leading(Route(method="POST", path="/task", function=None, puts_events=True))


def asked(
    status: int, seen: Recording | None, *, text: str = "", stack: Stack = STACK, words: IngressWords = UNSTATED
) -> TaskSubmitted:
    return asked_first(Answering(status, text), TASK, stack, words, lambda: seen)[0]


def refusal(status: int, seen: Recording, **given: object) -> str:
    with pytest.raises(IngressError) as raised:
        asked(status, seen, **given)  # type: ignore[arg-type]
    assert raised.value.exit_code == ExitCode.NOT_MADE
    return str(raised.value)


def test_what_is_accepted_is_the_first_tasks_answer() -> None:
    assert asked(202, NOBODY).accepted


@pytest.mark.parametrize("status", [409, 413, 429])
def test_what_says_nothing_against_the_way_is_judged(status: int) -> None:
    assert asked(status, NOBODY).status_code == status


def test_without_a_recorder_nobody_knows_who_answered() -> None:
    assert asked(403, None).status_code == 403


def test_a_gateways_own_answer_is_told_with_the_address_the_answer_and_the_routes() -> None:
    stack = leading(
        STACK.ingresses[0].submit, [Route(method="POST", path="/a", function="x"), STACK.ingresses[0].submit]
    )
    said = refusal(403, NOBODY, text='{"message":"Missing Authentication Token"}', stack=stack)
    assert 'POST http://127.0.0.1:1/dev/task: HTTP 403: {"message":"Missing Authentication Token"}.' in said
    assert "the gateway itself" in said
    assert "POST /a, POST /task. Which is meant can be said in taskguard.toml, as route below [ingress]" in said


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "Nobody listens there"),
        (401, "lets in only who has a key"),
        (404, "There is no such API, stage or route"),
        (400, "State a body that suits in taskguard.toml:\n  [ingress]\n  body = "),
        (500, "What the route leads to cannot be called"),
    ],
)
def test_each_answer_leads_to_its_cause(status: int, words: str) -> None:
    assert words in refusal(status, NOBODY)


def test_parameters_that_a_gateway_misses_are_named_with_where_to_state_them() -> None:
    text = '{"message": "Missing required request parameters: [from, X-Who]"}'
    said = refusal(400, NOBODY, text=text)
    assert "It wants from, X-Who with each request" in said
    assert 'route = "POST /task?from=…&X-Who=…"\n  headers = { from = "…", X-Who = "…" }' in said
    assert "refuses the request's body" not in said
    stated = refusal(400, NOBODY, text=text, words=IngressWords(route="POST /task?a=1"))
    assert 'route = "POST /task?a=1&from=…' in stated


def test_an_address_that_is_told_has_the_tasks_id() -> None:
    with pytest.raises(IngressError, match=r"PUT http://127\.0\.0\.1:1/tasks/t-1: HTTP 404"):
        asked_first(Answering(404, place="PUT http://127.0.0.1:1/tasks/${id}"), TASK, STACK, UNSTATED, lambda: NOBODY)


def test_what_the_engine_did_not_make_may_be_the_cause() -> None:
    stack = replace(STACK, unsupported=(Unsupported(type="AWS::X::Y", logical_id="It"),))
    assert "did not make them: AWS::X::Y: It" in refusal(404, NOBODY, stack=stack)


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_service_that_refuses_a_body_that_nobody_stated_is_not_accused(status: int) -> None:
    said = refusal(status, BEHIND, text="answer is required")
    assert f"HTTP {status}: answer is required." in said
    assert 'Nobody said how this service wants a task, so it was sent {"taskId"' in said


@pytest.mark.parametrize("status", [400, 500])
def test_one_that_refuses_what_was_stated_or_breaks_is_judged(status: int) -> None:
    assert asked(status, BEHIND, words=INGRESS).status_code == status
    assert asked(500, BEHIND).status_code == 500


def test_behind_a_route_without_a_function_a_message_or_an_event_is_looked_for() -> None:
    assert asked(500, SENT, stack=STRAIGHT).status_code == 500
    assert "gateway itself" in refusal(500, NOBODY, stack=STRAIGHT)
    assert asked(500, NOBODY, stack=BUS).status_code == 500
    assert "gateway itself" in refusal(403, NOBODY, stack=BUS)
