"""What a task can live through, and the places in it at which something can be struck, found by watching it once unharmed.

A place that handlers did not have yesterday is there today, without anybody having written it down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from taskguard.contract.dialect import MessageWords
from taskguard.contract.draws import Fate
from taskguard.evidence.recorder.deliveries import tasks_of
from taskguard.evidence.recorder.recording import Invocation, Recording
from taskguard.service.stack import Stack

STORIES: Mapping[str, Fate] = {
    "completes": Fate(0),
    "is-retried": Fate(1),
    "dies": Fate(3, dead=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An AWS call: ``number`` counts the calls of this operation in its invocation, from 1."""

    operation: str
    number: int
    conditional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One invocation of a story: ``function`` as serverless.yml has it, ``queue`` the one that its message came from, none for a
    request to the API; ``receive`` is the message's receive count, 1 for the request."""

    story: str
    function: str
    queue: str | None
    receive: int
    calls: tuple[Call, ...]


def scenes_of(recording: Recording, stack: Stack, tasks: Mapping[str, str]) -> list[Scene]:
    """The invocations of ``tasks`` (an id by its story), each kind of them once, in the order in which they began."""
    functions = {each.name: each.label for each in stack.functions}
    queues = {queue.arn: name for name, queue in stack.queues.items()}
    names = MessageWords()
    scenes: list[Scene] = []
    for story, task_id in tasks.items():
        for invocation in sorted(recording.invocations.values(), key=lambda each: each.started_at_ms):
            # A read of the record is none of a task's business.
            if (
                task_id not in tasks_of(invocation, names)
                or invocation.function not in functions
                or '"GET"' in invocation.payload
            ):
                continue
            scene = Scene(
                story=story,
                function=functions[invocation.function],
                queue=queues[invocation.messages[0].queue_arn] if invocation.messages else None,
                receive=invocation.messages[0].receive_count if invocation.messages else 1,
                calls=tuple(_calls(recording, invocation)),
            )
            if not any(_alike(scene, other) for other in scenes):
                scenes.append(scene)
    return scenes


def _calls(recording: Recording, invocation: Invocation) -> Iterable[Call]:
    counts: dict[str, int] = {}
    for call in sorted(recording.calls, key=lambda each: each.started_at_ms):
        if call.request_id == invocation.request_id:
            counts[call.operation] = counts.get(call.operation, 0) + 1
            yield Call(
                operation=call.operation,
                number=counts[call.operation],
                conditional="ConditionExpression" in call.parameters,
            )


def _alike(one: Scene, other: Scene) -> bool:
    return (one.function, one.receive, one.calls) == (other.function, other.receive, other.calls)
