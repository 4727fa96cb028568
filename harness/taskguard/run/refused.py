"""A request that a service refuses, in words that nobody stated, may say which words it wants: then these are tried.

A few times at most, and only where the service itself refuses. This module must not know how a task is handed over.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec

from taskguard.contract.dialect import IngressWords
from taskguard.contract.learning.bodies import body_of, fields_named
from taskguard.contract.learning.learnt import Learnt
from taskguard.errors import IngressError, SubmissionError
from taskguard.evidence.recorder.calls import READS
from taskguard.evidence.recorder.recording import Recording
from taskguard.history import TaskSubmitted
from taskguard.ingress.client import Answer, Client
from taskguard.ingress.workload import Task
from taskguard.run.asking import asked_first
from taskguard.service.stack import Stack

_UNSTATED = IngressWords()
_MOST_TRIES = 6
_WORDED_OTHERWISE = (400, 422, 500, 502)

Asked = tuple[TaskSubmitted, Answer | None]


def first_asked(
    client_of: Callable[[IngressWords], Client],
    task: Task,
    words: IngressWords,
    stack: Stack,
    recording: Callable[[], Recording | None],
) -> tuple[IngressWords, Asked]:
    """Hand in the first task; how it was answered, and in which words: in those that its refusals ask for, where nobody stated any and it is
    refused.

    Raises:
        IngressError: as :func:`taskguard.run.asking.asked_first`, when it is taken in no words; or it is, and has no id then.
    """
    if stack.ingress.is_queue or msgspec.structs.replace(words, route=None, headers={}) != _UNSTATED:
        return words, asked_first(client_of(words), task, stack, words, recording)
    try:
        asked = asked_first(client_of(words), task, stack, words, recording)
    except IngressError:
        if (found := _in_its_words(client_of, task, words, stack, recording)) is None:
            raise
        return found
    if asked[0].accepted or _had_effects(stack, recording(), asked[0].at_ms):
        return words, asked
    return _in_its_words(client_of, task, words, stack, recording) or (words, asked)


def _in_its_words(
    client_of: Callable[[IngressWords], Client],
    task: Task,
    words: IngressWords,
    stack: Stack,
    recording: Callable[[], Recording | None],
) -> tuple[IngressWords, Asked] | None:
    """Hand in the task in words that the service's refusals ask for: these, and how it was answered that took it; none where it takes
    none."""
    names: tuple[str, ...] = ()
    for _ in range(_MOST_TRIES):
        try:
            event, told = client_of(words).ask(task)
        except SubmissionError as nameless:
            if words.id == "request":
                return None
            held = words.body.replace("${text}", "${id}", 1)
            raise IngressError(
                f"{nameless} It was asked in the words that its refusals name. Where it makes no id, a field of the request may have the task's:\n"
                f"  [ingress]\n  body = '{held}'\nand where it makes one:\n  [ingress]\n  body = '{words.body}'\n  id = \"answer\"\n  id_field = \"…\""
            ) from None
        if event.accepted:
            return words, (event, told)
        more = [name for name in fields_named(_said(event, told, stack, recording())) if name not in names]
        if event.status_code not in _WORDED_OTHERWISE or not more or _had_effects(stack, recording(), event.at_ms):
            return None
        names = (*names, *more)
        body = body_of(names)
        words = msgspec.structs.replace(words, body=body, id="request" if "${id}" in body else "answer")
    return None


def learnt_of(words: IngressWords) -> tuple[Learnt, ...]:
    """The words that a task was taken in at last, as what was learnt."""
    evidence = "its own refusals name these fields, and a task was taken with them"
    body = Learnt(table="ingress", key="body", value=words.body, evidence=evidence)
    if words.id == "request":
        return (body,)
    return (
        body,
        Learnt(table="ingress", key="id", value=words.id, evidence="no field of a request is called as ids are"),
    )


def _had_effects(stack: Stack, recording: Recording | None, since_ms: float) -> bool:
    """Whether the function behind the route may have changed or sent something since: who does that before it refuses would have a task
    twice."""
    route, calls = stack.ingress.submit.function, recording.calls if recording is not None else ()
    return any(
        each.function == route and each.started_at_ms >= since_ms and not each.operation.startswith(READS)
        for each in calls
    )


def _said(event: TaskSubmitted, told: Answer | None, stack: Stack, recording: Recording | None) -> str:
    """What was answered, and of what the function behind the route died since."""
    route, errors = stack.ingress.submit.function, list[str]()
    for each in recording.invocations.values() if recording is not None else ():
        if each.function == route and each.is_error and each.started_at_ms >= event.at_ms:
            errors.append(_error_in(each.response))
    return "\n".join([told.text if told is not None else "", *errors])


def _error_in(response: str | None) -> str:
    try:
        return str(json.loads(response or "")["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return ""
