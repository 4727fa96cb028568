"""What Lambda reads of a consumer's answer to a batch, and where that is not what the consumer meant.

The rules are those of https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html. Of what a consumer meant it is
guessed as little as can be: the list is looked for where people put it, and its messages by their ids and receipt handles. It must
not know what becomes of a message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from taskguard.evidence.recorder.recording import Invocation, Message
from taskguard.history import REPORTED

UNREADABLE_LIST = "the function's list of failed messages cannot be read, which fails the batch"
NOT_OF_THE_BATCH = "the function named a failed message that was not in its batch, which fails the batch"
_NO_OBJECT = "the function's answer is no JSON object, which fails the batch"

_ENDED = frozenset({"Runtime.ExitError", "Sandbox.Timedout"})
"""How Lambda calls it when a function's process ended, or was ended, before it had answered."""

_LIST = "batchItemFailures"
_ID = "itemIdentifier"


@dataclass(frozen=True, slots=True)
class Misreading:
    """How a list of failed messages was read otherwise than it was meant: ``what`` is said of the function, ``fails_all`` whether all
    of the batch failed or none did, and ``message_ids`` are those that it meant, so far as that can be told."""

    what: str
    fails_all: bool
    message_ids: frozenset[str]


def failure_reason(invocation: Invocation, message_id: str) -> str | None:
    """Why this message of an ended invocation counts as failed; none when it succeeded.

    No answer and an empty list are a success of the whole batch; an error, an unreadable list, and an identifier that
    is empty or not of the batch are a failure of the whole batch. What the function deleted itself, before it failed for the rest of its
    batch, was done: it never comes back.
    """
    if message_id in invocation.deleted and not _deleted_what_failed(invocation):
        return None
    if invocation.is_error:
        return f"the function failed: {_shorten(invocation.response or '')}"
    try:
        answer = json.loads(invocation.response or "null")
    except (ValueError, RecursionError):
        return "the function's answer is not JSON, which fails the batch"
    if answer and not isinstance(answer, dict):
        return _NO_OBJECT
    failures = answer.get(_LIST) if answer else None
    return _failure_of(message_id, failures, invocation.messages) if failures else None


def _deleted_what_failed(invocation: Invocation) -> bool:
    """Whether the function raised an error, and had deleted all that this can be about."""
    ids = {message.message_id for message in invocation.messages}
    return invocation.is_error and ids <= invocation.deleted and not _was_ended(invocation)


def _was_ended(invocation: Invocation) -> bool:
    """Whether its process was ended, by whatever it was, before it answered."""
    answer = _json(invocation.response)
    return isinstance(answer, dict) and str(answer.get("errorType", "")) in _ENDED


def misreading(invocation: Invocation, *, heeds: bool) -> Misreading | None:
    """How the answer of an ended invocation was read otherwise than it was meant; none where it was not, or spoke of no failure.

    ``heeds`` is whether the event source mapping has ReportBatchItemFailures."""
    if invocation.is_error or (found := _list_in(_json(invocation.response))) is None:
        return None
    where, failures = found
    if not failures:
        return None
    entries = failures if isinstance(failures, list) else []
    meant = frozenset(
        message.message_id for message in invocation.messages if any(_speaks_of(entry, message) for entry in entries)
    )
    if not heeds:
        what = "answered with its list of failed messages, and its event source mapping has no ReportBatchItemFailures"
        return Misreading(what, False, meant)
    if where:
        # Lambda takes an object without the list for a success.
        fails_all = failure_reason(invocation, "") is not None
        return Misreading(f"answered with its list of failed messages {where}", fails_all, meant)
    problem = _problem(failures, invocation.messages)
    return None if problem is None else Misreading(f"answered with {problem}", True, meant)


def _failure_of(message_id: str, failures: Any, messages: tuple[Message, ...]) -> str | None:
    batch = {message.message_id for message in messages}
    try:
        failed = [failure[_ID] for failure in failures]
    except (TypeError, KeyError):
        return UNREADABLE_LIST
    if any(not isinstance(identifier, str) or identifier not in batch for identifier in failed):
        return NOT_OF_THE_BATCH
    return REPORTED if message_id in failed else None


def _json(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) and text else None
    except (ValueError, RecursionError):
        return None


def _list_in(answer: Any) -> tuple[str, Any] | None:
    """Where an answer has its list of failed messages, empty for the right place, and that list; none where it has none."""
    if isinstance(answer, str):
        found = _list_in(_json(answer))
        return None if found is None else ("in a text", found[1])
    if isinstance(answer, list):
        is_one = any(isinstance(entry, dict) and _ID in entry for entry in answer)
        return (f"by itself, without {_LIST}", answer) if is_one else None
    if not isinstance(answer, dict):
        return None
    if _LIST in answer:
        return "", answer[_LIST]
    for name, value in answer.items():
        if name.replace("_", "").replace("-", "").lower() == _LIST.lower():
            return f"as {name} instead of {_LIST}", value
    body = answer.get("body")
    found = _list_in(_json(body) if isinstance(body, str) else body)
    return None if found is None else ("inside body", found[1])


def _problem(failures: Any, batch: tuple[Message, ...]) -> str | None:
    """What is wrong with a list in the right place; none where nothing is."""
    if not isinstance(failures, list):
        return f"a {_LIST} that is no list"
    ids, handles = ({getattr(message, name) for message in batch} for name in ("message_id", "receipt_handle"))
    return next((problem for entry in failures if (problem := _problem_of(entry, ids, handles)) is not None), None)


def _problem_of(entry: Any, ids: Set[str], handles: Set[str]) -> str | None:
    if isinstance(entry, str):
        return f'plain texts for its failed messages, instead of {{"{_ID}": …}}'
    if not isinstance(entry, dict) or _ID not in entry:
        return f"a list of failed messages that does not call their ids {_ID}"
    identifier = entry[_ID]
    if not isinstance(identifier, str) or not identifier:
        return f"a failed message whose {_ID} is {'empty' if not identifier else 'no text'}"
    if identifier in handles:
        return "the receipt handles of its failed messages, instead of their message ids"
    return None if identifier in ids else "a failed message that is not of its batch"


def _speaks_of(entry: Any, message: Message) -> bool:
    return any(each in (message.message_id, message.receipt_handle) for each in _texts(entry))


def _texts(entry: Any) -> Iterator[str]:
    for each in entry.values() if isinstance(entry, dict) else (entry,):
        if isinstance(each, str):
            yield each


def _shorten(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"
