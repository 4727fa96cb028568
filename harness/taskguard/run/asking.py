"""The first task of a run is a question, too: does the way in let tasks in at all?

When a gateway answers by itself, and nothing behind it was called, a run would tell of the address, of what lets clients in or of the
request's words, and of nothing that the service does. The same holds where a function refuses a body that nobody said it takes. Then
there is no run. This module must not know how a task is handed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus

import msgspec

from taskguard.contract.dialect import IngressWords
from taskguard.errors import IngressError
from taskguard.evidence.recorder.recording import Recording
from taskguard.history import TaskSubmitted
from taskguard.history.wording import answer, not_made
from taskguard.ingress.client import Answer, Client
from taskguard.ingress.workload import Task
from taskguard.service.stack import Stack

_UNSTATED = IngressWords()
_GOES_ON = (HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.TOO_MANY_REQUESTS)
"""What says nothing against the way, or the words."""
_LONGEST_ANSWER = 300
_MISSING = re.compile(r"Missing required request parameters: \[([^\]]+)\]")
"""So API Gateway's request validators name parameters of the query, and headers."""


def asked_first(
    client: Client, task: Task, stack: Stack, words: IngressWords, recording: Callable[[], Recording | None]
) -> tuple[TaskSubmitted, Answer | None]:
    """Hand in the first task; what was answered, where the service itself answered, or that cannot be told. As :meth:`Client.ask`.

    Raises:
        IngressError: it did not, or what it refuses is a body that nobody stated. The message says what was answered, and what helps.
    """
    event, told = client.ask(task)
    seen = recording()
    if event.accepted or seen is None or event.status_code in _GOES_ON:
        return event, told
    if not _was_reached(event, stack, seen):
        raise IngressError(_of_gateway(client, event, told, stack, words))
    if event.status_code // 100 == 4 and msgspec.structs.replace(words, route=None, headers={}) == _UNSTATED:
        raise IngressError(_of_words(client, event, told, stack, words))
    return event, told


def _was_reached(event: TaskSubmitted, stack: Stack, seen: Recording) -> bool:
    """Whether what stands behind the way in was called since this was handed in."""
    route = stack.ingress.submit
    if stack.ingress.is_queue:
        return False
    if route.function is not None:
        return any(
            each.function == route.function and each.started_at_ms >= event.at_ms for each in seen.invocations.values()
        )
    if route.puts_events:
        # Nobody records that.
        return event.status_code not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
    return any(call.started_at_ms >= event.at_ms for call in seen.service_calls)


def _of_gateway(client: Client, event: TaskSubmitted, told: Answer | None, stack: Stack, words: IngressWords) -> str:
    ingress = stack.ingress
    who = "SQS" if ingress.is_queue else "the gateway itself, which called nothing behind it"
    said = [
        f"{_what_was_said(client, event, told)} That was {who}, so there is nothing to judge. {_why(event, told, stack, words)}"
    ]
    if len(ingress.api.routes) > 1:
        routes = ", ".join(sorted(map(str, ingress.api.routes)))
        said.append(f"That API has {routes}. Which is meant can be said in taskguard.toml, as route below [ingress].")
    if stack.unsupported:
        said.append(f"{not_made(stack.unsupported)}.")
    return "\n".join(said)


def _of_words(client: Client, event: TaskSubmitted, told: Answer | None, stack: Stack, words: IngressWords) -> str:
    any_path = ""
    if stack.ingress.submit.method == "ANY":
        any_path = '\nThat route takes any method; state the one that takes tasks, as route = "POST /tasks" below [ingress], too.'
    return (
        f"{_what_was_said(client, event, told)} Nobody said how this service wants a task, so it was sent {words.body}, and a refusal of "
        f"that says nothing of the service. {_how_to_state(words)}{any_path}"
    )


def _what_was_said(client: Client, event: TaskSubmitted, told: Answer | None) -> str:
    text = f": {told.text.strip()[:_LONGEST_ANSWER]}" if told is not None and told.text.strip() else ""
    place = client.place.replace("${id}", event.task_id or "…")
    return f"handing in the first task, {place}: {answer(event.status_code)}{text}."


def _why(event: TaskSubmitted, told: Answer | None, stack: Stack, words: IngressWords) -> str:
    missing = _MISSING.search(told.text) if told is not None else None
    match event.status_code:
        case 0:
            return "Nobody listens there, or the answer did not come in time."
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return "There is no such route at that stage, or it lets in only who has a key, a signature or what its authorizer asks for: state that as headers below [ingress] in taskguard.toml."
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
            return "There is no such API, stage or route there."
        case HTTPStatus.BAD_REQUEST if missing is not None:
            return _how_to_state_parameters(missing[1].split(", "), stack, words)
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            return f"It refuses the request's body, such as {words.body}. {_how_to_state(words)}"
        case _:
            return "What the route leads to cannot be called, or may not be called by it."


def _how_to_state_parameters(missing: Sequence[str], stack: Stack, words: IngressWords) -> str:
    submit = stack.ingress.submit
    route = words.route or f"{submit.verb} {submit.path}"
    query = "&".join(f"{name}=…" for name in missing)
    headers = ", ".join(f'{name} = "…"' for name in missing)
    return (
        f"It wants {', '.join(missing)} with each request. State what belongs to the query in the route, and what is a header in headers, in "
        f'taskguard.toml:\n  [ingress]\n  route = "{route}{"&" if "?" in route else "?"}{query}"\n  headers = {{ {headers} }}'
    )


def _how_to_state(words: IngressWords) -> str:
    return f"State a body that suits in taskguard.toml:\n  [ingress]\n  body = '{words.body}'"
