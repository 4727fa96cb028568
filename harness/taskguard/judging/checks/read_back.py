"""What a client reads back of a task, by the API, against its record as it was read from the store at the end.

Only what bears the same name in both is compared: an answer in other words claims nothing. No answer, and one that there are too
many requests, leave it open. This module must not know what a record should say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus

from taskguard.contract.dialect import RecordWords
from taskguard.contract.terms import Terms
from taskguard.history import History, RecordAnswered, RecordObserved
from taskguard.history.wording import answer, shown
from taskguard.judging.verdict import Doubt, Violation
from taskguard.support.json_values import Json


def read_back(history: History, words: RecordWords, terms: Terms) -> Iterator[Violation | Doubt]:
    """Yield in what the answers differ from the records of the accepted tasks."""
    for event in history.of_kind(RecordAnswered):
        record = history.records.get(event.task_id)
        if event.task_id not in history.accepted or record is None or not record.status:
            continue
        if any(change.at_ms + change.within_ms >= event.at_ms for change in history.changes.get(event.task_id, ())):
            # It tells of the record as it was before.
            continue
        if event.status_code in (0, HTTPStatus.TOO_MANY_REQUESTS):
            yield Doubt(
                event.task_id, f"task {event.task_id} could not be read back: {answer(event.status_code)}", (event,)
            )
        elif event.status_code == HTTPStatus.NOT_FOUND:
            message = f"task {event.task_id} has a record, and who asks the API for it gets {answer(event.status_code)}"
            yield Violation(event.task_id, message, (record, event))
        elif event.status_code == HTTPStatus.OK:
            yield from _differences(event, record, history, words, terms)


def _differences(
    event: RecordAnswered, record: RecordObserved, history: History, words: RecordWords, terms: Terms
) -> Iterator[Violation]:
    if not isinstance(event.answer, dict):
        return
    what = f"task {event.task_id}: who asks the API for it is told"
    status, payload = event.answer.get(words.status), words.payload
    # An API may have words of its own for the states.
    if isinstance(status, str) and status in words.states - {record.status} and record.status in words.finals:
        yield Violation(event.task_id, f"{what} {status}, and its record says {record.status}", (record, event))
    submitted = history.accepted[event.task_id]
    if payload is not None and not _is_told(submitted.payload, event.answer.get(payload), terms):
        message = f"{what} another payload than was submitted, {shown(event.answer[payload])}"
        yield Violation(event.task_id, message, (submitted, event))
    task_id = event.answer.get(words.key)
    if isinstance(task_id, str) and task_id != event.task_id:
        yield Violation(event.task_id, f"{what} of task {task_id}", (event,))


def _is_told(submitted: Json, answered: Json, terms: Terms) -> bool:
    """Whether this is the payload, or the JSON text of it, or says nothing of it."""
    if answered is None or terms.is_submitted(submitted, answered):
        return True
    try:
        return isinstance(answered, str) and terms.is_submitted(submitted, json.loads(answered))
    except (ValueError, RecursionError):
        return False
