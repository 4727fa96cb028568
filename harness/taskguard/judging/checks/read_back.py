"""What a client reads back of a task, by the API, against its record as it was read from the store at the end.

Only what bears the same name in both is compared: an answer in other words, or one that leads elsewhere, claims nothing, and how many
answers told what is said. A task that has a record and is said not to be there, or for which the server has an error, is at fault. No answer,
one that there are too many requests or that the service is not available, any other that blames the client, who may not know what such a
request needs, and an empty one leave it open; so does an answer that does not tell what is told of other tasks in the same state. This module must not know what a record should say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from taskguard.contract.dialect import RecordWords
from taskguard.contract.terms import Terms
from taskguard.history import History, RecordAnswered, RecordObserved
from taskguard.history.wording import answer, shown, times
from taskguard.judging.verdict import Doubt, Violation
from taskguard.support.json_values import Json

_OPEN = (0, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_NOT_THERE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


@dataclass(frozen=True, slots=True)
class _ReadBack:
    """An ``event`` by which a client was told of a task as its ``record`` has it, in whose ``words`` it is read."""

    event: RecordAnswered
    record: RecordObserved
    words: RecordWords

    @property
    def fields(self) -> Mapping[str, Json]:
        """What was answered, by name; nothing where it was an error, or leads elsewhere, or is no object."""
        document, is_told = self.event.answer, self.event.status_code // 100 == HTTPStatus.OK // 100
        return document if is_told and isinstance(document, dict) else {}

    @property
    def is_empty(self) -> bool:
        return self.event.status_code == HTTPStatus.NO_CONTENT or self.event.answer in ({}, [])

    @property
    def status(self) -> str | None:
        """The state that is told; none where it is in words of the API's own, or not told."""
        status = self.fields.get(self.words.status)
        return status if isinstance(status, str) and status in {*self.words.states, self.record.status} else None

    @property
    def payload(self) -> Json:
        return self.fields.get(self.words.payload) if self.words.payload is not None else None

    @property
    def task_id(self) -> str | None:
        task_id = self.fields.get(self.words.key)
        return task_id if isinstance(task_id, str) else None


def findings(history: History, words: RecordWords, terms: Terms) -> Iterator[Violation | Doubt]:
    """Yield in what the answers differ from the records of the accepted tasks."""
    answers = list(_answers(history, words))
    tell_status = {each.record.status for each in answers if each.status == each.record.status}
    tell_payload = {each.record.status for each in answers if each.payload is not None}
    for each in answers:
        task_id, code, seen = each.event.task_id, answer(each.event.status_code), (each.record, each.event)
        if each.event.status_code in _OPEN:
            yield Doubt(task_id, f"task {task_id} could not be read back: {code}", (each.event,))
        elif each.event.status_code // 100 == 4 and each.event.status_code not in _NOT_THERE:
            message = (
                f"task {task_id} could not be read back: {code}. State what a request for a task needs, in taskguard.toml as headers "
                "below [ingress]"
            )
            yield Doubt(task_id, message, (each.event,))
        elif each.event.status_code >= HTTPStatus.BAD_REQUEST:
            yield Violation(task_id, f"task {task_id} has a record, and who asks the API for it gets {code}", seen)
        elif each.is_empty:
            yield Doubt(task_id, f"task {task_id} has a record, and who asks the API for it gets nothing: {code}", seen)
        else:
            yield from _differences(each, history, terms)
            yield from _untold(each, status=tell_status, payload=tell_payload)


def in_words(history: History, words: RecordWords) -> str:
    """How many answers told what, as a clause to follow on; empty where nothing was read back."""
    answers = list(_answers(history, words))
    if not answers:
        return ""
    status, payload, task_id = (
        sum(fact is not None for fact in facts)
        for facts in zip(*((each.status, each.payload, each.task_id) for each in answers), strict=True)
    )
    return (
        f"; of {times(len(answers), 'answer')} of the API {status} tell the status in the record's words, {payload} the payload, "
        f"{task_id} the id"
    )


def _answers(history: History, words: RecordWords) -> Iterator[_ReadBack]:
    """The answers that tell of records as they were read at the end."""
    for event in history.of_kind(RecordAnswered):
        record = history.records.get(event.task_id)
        if event.task_id not in history.accepted or record is None or not record.status:
            continue
        if any(change.at_ms + change.within_ms >= event.at_ms for change in history.changes.get(event.task_id, ())):
            # It tells of the record as it was before.
            continue
        yield _ReadBack(event, record, words)


def _differences(told: _ReadBack, history: History, terms: Terms) -> Iterator[Violation]:
    event, record, words = told.event, told.record, told.words
    what = f"task {event.task_id}: who asks the API for it is told"
    # An API may have words of its own for the states.
    if told.status not in (None, record.status) and record.status in words.finals:
        yield Violation(event.task_id, f"{what} {told.status}, and its record says {record.status}", (record, event))
    submitted = history.accepted[event.task_id]
    if told.payload is not None and not _is_submitted(submitted.payload, told.payload, terms):
        message = f"{what} another payload than was submitted, {shown(told.payload)}"
        yield Violation(event.task_id, message, (submitted, event))
    if told.task_id not in (None, event.task_id):
        yield Violation(event.task_id, f"{what} of task {told.task_id}", (event,))


def _untold(told: _ReadBack, *, status: set[str | None], payload: set[str | None]) -> Iterator[Doubt]:
    """What is not told of this task, or in words that nobody knows, and told of others whose records have the same state."""
    event, record, words = told.event, told.record, told.words
    untold = [words.status] if told.status is None and record.status in status else []
    # What is left out may be too large, or not for everybody; who tells that there is none says something else.
    told_none = {name for name, value in told.fields.items() if name == words.payload and value is None}
    untold += told_none if record.status in payload and record.payload is not None else ()
    for each in untold:
        found = shown(told.fields[each]) if each in told.fields else "nothing"
        yield Doubt(
            event.task_id,
            f"task {event.task_id}: who asks the API for it is told {found} as its {each}, which other tasks that are "
            f"{record.status} have as their records do",
            (record, event),
        )


def _is_submitted(submitted: Json, answered: Json, terms: Terms) -> bool:
    """Whether this is the payload, or the JSON text of it."""
    if terms.is_submitted(submitted, answered):
        return True
    try:
        return isinstance(answered, str) and terms.is_submitted(submitted, json.loads(answered))
    except (ValueError, RecursionError):
        return False
