"""Where a message of the work queue has the task's id and its payload; and where an answer has the id, if the service makes that.

Learnt from probes that were handed in before all else, by the bodies of the messages that came of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from taskguard.contract.learning.learnt import Learnt, decided, fields_of, holds
from taskguard.support.envelopes import carried
from taskguard.support.json_values import Json
from taskguard.support.times import milliseconds

_MESSAGE = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A task that was handed in under an id of its own: what its request held of the payload (``sent``, none: nothing), the JSON that was
    answered, and the ``bodies`` of the messages that the work queue was sent for it."""

    task_id: str
    sent: Json
    answer: Json
    bodies: tuple[str, ...] = ()


def words_of_messages(probes: Sequence[Probe]) -> tuple[Learnt, ...]:
    """What is to be learnt of the messages of these probes; nothing without a message."""
    seen = [(probe, document) for probe in probes for document in map(_document, probe.bodies) if document is not None]
    if not seen:
        return ()
    ids = [_named(document, probe.task_id) for probe, document in seen]
    if any(ids):
        learnt = [decided("message", "id", ids, what="the task's id", where=_MESSAGE)]
    else:
        learnt = list(_of_service(seen))
    if all(probe.sent is not None for probe, _ in seen):
        payloads = [
            frozenset(path for path, value in fields_of(document) if holds(value, probe.sent))
            for probe, document in seen
        ]
        learnt.append(decided("message", "payload", payloads, what="the payload", where=_MESSAGE))
    return tuple(learnt)


def with_their_bodies(probes: Sequence[Probe], bodies: Sequence[str]) -> list[Probe]:
    """The probes, each with those of these messages that are of it: which have its id, its payload, or an id that its answer alone has."""
    answered = [frozenset(value for _, value in fields_of(each.answer) if _may_be_id(value)) for each in probes]
    # What several are answered (a state, a kind) is no id.
    times_answered = Counter(chain.from_iterable(answered))
    ids = [frozenset(value for value in values if times_answered[value] == 1) for values in answered]
    return [
        replace(probe, bodies=tuple(body for body in bodies if _is_about(probe, own, body)))
        for probe, own in zip(probes, ids, strict=True)
    ]


def _is_about(probe: Probe, ids: Container[Json], body: str) -> bool:
    return any(
        value == probe.task_id
        or (probe.sent is not None and holds(value, probe.sent))
        or (isinstance(value, str) and value in ids)
        for _, value in fields_of(_document(body))
    )


def ids_in(body: str, task_ids: Container[str]) -> frozenset[str]:
    """Those of these ids that a message has in any of its fields."""
    values = (value for _, value in fields_of(_document(body)) if isinstance(value, str))
    return frozenset(value for value in values if value in task_ids)


def otherwise_worded(bodies: Mapping[str, Sequence[str]], name: str) -> Learnt | None:
    """That some messages have the id of their task elsewhere than in the field ``name``, by the tasks' ids; none where none has."""
    differing: dict[str, list[str]] = {}
    for task_id, of_task in bodies.items():
        for document in map(_document, of_task):
            named = _named(document, task_id) if document is not None else frozenset()
            if named and name not in named:
                differing.setdefault(task_id, []).extend(sorted(named))
    if not differing:
        return None
    others = sorted(set(chain.from_iterable(differing.values())))
    evidence = (
        f"of {len(differing)} tasks, such as {min(differing)}, a message has the task's id in {', '.join(others)}, and others have it "
        f"in {name}"
    )
    return Learnt(table="message", key="id", candidates=(name, *others), evidence=evidence, inconsistent=True)


def _document(body: str) -> Json:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return carried(document) if isinstance(document, Mapping) else None


def _named(document: Json, task_id: str) -> frozenset[str]:
    return frozenset(path for path, value in fields_of(document) if value == task_id)


def _of_service(seen: Sequence[tuple[Probe, Json]]) -> Iterator[Learnt]:
    """Ids that the service makes: what an answer has in common with its message, and with no other."""
    values: dict[tuple[str, str], list[Json]] = {}
    for probe, document in seen:
        for told, answered in fields_of(probe.answer):
            for path, value in fields_of(document):
                if _may_be_id(value) and value == answered:
                    values.setdefault((told, path), []).append(value)
    tasks = len({probe.task_id for probe, _ in seen})
    pairs = [pair for pair, found in values.items() if len(found) == len(seen) and len(set(found)) == tasks > 1]
    answers, messages = sorted({told for told, _ in pairs}), sorted({path for _, path in pairs})
    nowhere = f"the id that was sent is in none of {len(seen)} messages"
    if len(pairs) != 1:
        evidence = f"{nowhere}, and {'several ids' if pairs else 'no id'} of the answers could stand for it"
        yield Learnt(table="message", key="id", candidates=tuple(messages), evidence=evidence)
        return
    evidence = f"{nowhere}, and each has that of its answer"
    yield Learnt(table="ingress", key="id", value="answer", evidence=evidence)
    yield Learnt(
        table="ingress", key="id_field", value=answers[0], evidence=f"it is in {messages[0]} of the message, too"
    )
    yield Learnt(table="message", key="id", value=messages[0], evidence=f"it is in {answers[0]} of the answer, too")


def _may_be_id(value: Json) -> bool:
    return isinstance(value, str) and len(value) > 1 and milliseconds(value) is None
