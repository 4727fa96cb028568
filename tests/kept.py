"""Whether payloads are everywhere as they were sent: in the record, in each message delivered, in the dead-letter log.

It must not know how payloads are made or sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from taskguard.history import DeadLettered, DeadLetterLogged, Delivered, History, RecordObserved
from taskguard.support.json_values import Json, same_json


def altered(history: History, sent: Mapping[str, Json]) -> list[str]:
    """Each place in which a payload is not the same as was sent, by task id."""
    return [
        f"{task_id}, {place}: sent {sent[task_id]!r:.300}, found {found!r:.300}"
        for task_id, place, found in _found(history)
        if task_id in sent and not same_json(found, sent[task_id])
    ]


def _found(history: History) -> Iterator[tuple[str, str, Json]]:
    for event in history:
        if isinstance(event, RecordObserved):
            yield event.task_id, "record", event.payload
        elif isinstance(event, Delivered | DeadLettered) and event.task_id is not None:
            yield event.task_id, type(event).__name__, event.payload
        elif isinstance(event, DeadLetterLogged):
            yield str(event.fields.get("taskId")), "dead-letter log", event.fields.get("payload")
