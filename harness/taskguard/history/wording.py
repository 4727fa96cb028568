"""Events in words, and figures with their units: said one way in findings and in timelines.

It must not know what is right or wrong about an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from taskguard.history.events import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    DeadLetterLogged,
    Deduplicated,
    Delivered,
    Event,
    EvidenceMissing,
    FaultInjected,
    InvalidSubmitted,
    QueueDepth,
    ReceiveThrottled,
    RecordAnswered,
    RecordChanged,
    RecordObserved,
    Redriven,
    Resent,
    RunEnded,
    TaskSubmitted,
)
from taskguard.history.of_engine import ConsumersOff, HeldUp
from taskguard.history.of_functions import (
    AnswerMisread,
    AttemptLogged,
    Called,
    InvocationFailed,
    InvocationsCounted,
    NotInAccount,
    ProcessesLeft,
)
from taskguard.history.settings import IMPORT, ConfigurationObserved, StandIn, Unsupported
from taskguard.history.stages import OnEarlierStage, OtherStage
from taskguard.support.json_values import Json, canonical

_LONGEST_SHOWN = 80

_OfTheStack: TypeAlias = (
    ConfigurationObserved
    | QueueDepth
    | HeldUp
    | ConsumersOff
    | FaultInjected
    | RunEnded
    | InvocationFailed
    | InvocationsCounted
    | NotInAccount
    | Called
    | ProcessesLeft
    | EvidenceMissing
)


def named(task_id: str | None, message_id: str | None) -> str:
    """Return how to speak of a message: `task t-01`, or `message 4f…` when it is not a task."""
    return f"task {task_id}" if task_id is not None else f"message {message_id}"


def not_made(unsupported: Sequence[Unsupported]) -> str:
    """Return which resources of a stack its engine did not make, and what it imports in vain, as a sentence without a stop."""
    types = dict.fromkeys(each.type for each in unsupported if each.type != IMPORT)
    listed = [f"{kind}: {', '.join(each.logical_id for each in unsupported if each.type == kind)}" for kind in types]
    made = [f"The engine does not know these resources of the stack and did not make them: {'; '.join(listed)}"]
    names = [each.logical_id for each in unsupported if each.type == IMPORT]
    lines = ", ".join(map(_line, names))
    imported = [
        f"No stack exports {', '.join(names)} (say it in taskguard.toml, below [service]: exports = {{ {lines} }})"
    ]
    return ". ".join([*(made if listed else []), *(imported if names else [])])


def deployed_otherwise(set_aside: Sequence[str]) -> str:
    """Return what of a service was not deployed as it has it, as a sentence without a stop."""
    return f"Not deployed as the service has it: {'; '.join(set_aside)}"


def no_table_chosen(tables: Sequence[str]) -> str:
    """Return that it is not known which of these tables keeps the tasks' records, as a sentence without a stop."""
    which = " or ".join(tables)
    return f'No record is judged, since it may be in {which}: table = "{tables[0]}" below [service] in taskguard.toml says which'


def stood_in(stand_ins: Sequence[StandIn]) -> str:
    """Return which functions ran on another version than their runtime has, as a sentence without a stop."""
    return f"Functions run on what this machine has, which is not what Lambda has: {'; '.join(map(str, stand_ins))}"


def by_its_record(status: str | None) -> str:
    """Return what a task is by the status of its record, to follow on the task's name."""
    if status is None:
        return "has no record"
    return f"is {status} by its record" if status else "has a record without a status"


def answer(status_code: int) -> str:
    """Return an answer's status as read by people: `HTTP 202`, or that there was none."""
    return f"HTTP {status_code}" if status_code else "no answer"


_OF_ACCOUNT = {"ssm": "ssm", "secretsmanager": "secrets"}  # pragma: allowlist secret
"""Where `taskguard.toml` has what the account has, below `[service]`, by its service."""


def not_in_account(asked: Sequence[NotInAccount]) -> str:
    """What functions asked their account for in vain, and how to say what it has, as a clause."""
    lines = [
        f"{table} = {{ {', '.join(dict.fromkeys(_line(each.name) for each in asked if each.service == service))} }}"
        for service, table in _OF_ACCOUNT.items()
        if any(each.service == service for each in asked)
    ]
    names = ", ".join(dict.fromkeys(each.name for each in asked))
    return (
        f"{asked[0].function} asked for {names}, which the engine's account does not have (say what it has in taskguard.toml, below "
        f"[service]: {' and '.join(lines)})"
    )


def _line(name: str) -> str:
    return f'"{name}" = "…"'


def seconds(value: float) -> str:
    """Return a duration as read by people: `5 s`, `3.1 s`, `0.004 s`; never rounded coarser than a millisecond."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + " s"


_DAY_SECONDS, _HOUR_SECONDS = 86_400, 3_600


def long_time(value: float) -> str:
    """Return a duration in seconds as people set it: in whole days or hours where it is made of these (`14 days`), else as :func:`seconds`."""
    for unit, of_seconds in (("day", _DAY_SECONDS), ("hour", _HOUR_SECONDS)):
        if value and value % of_seconds == 0:
            return times(int(value // of_seconds), unit)
    return seconds(value)


def times(count: int, noun: str) -> str:
    """Return a count with its noun: `1 task`, `3 tasks`, `0 tasks`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def processes(count: int) -> str:
    """Return a number of processes: `1 process`, `2 processes`."""
    return f"{count} process" if count == 1 else f"{count} processes"


def numbers(values: list[int]) -> str:
    """Return numbers as a list to read: `1, 2, 3`, or `none`."""
    return ", ".join(map(str, values)) or "none"


def shown(value: Json) -> str:
    """Return a JSON value as a short text, cut where it is longer than 80 characters."""
    text = canonical(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def describe(event: Event) -> str:  # noqa: PLR0911, PLR0912  # one return for each kind of event
    """Return what happened, without the time and the task: `delivered, receive 2`."""
    match event:
        case TaskSubmitted(accepted=accepted, status_code=code):
            return f"submitted, {'accepted' if accepted else 'not accepted'} ({answer(code)})"
        case InvalidSubmitted(what=what, status_code=code):
            return f"no task was sent, {what} ({answer(code)})"
        case RecordAnswered(status_code=code):
            return f"asked for by a client ({answer(code)})"
        case Delivered(receive_count=count, queue=queue):
            return f"delivered{f' by the queue {queue}' if queue is not None else ''}, receive {count}"
        case AttemptSucceeded(receive_count=count):
            return f"succeeded at receive {count}"
        case AttemptFailed(receive_count=count, reason=reason):
            return f"failed at receive {count}: {reason}"
        case Deduplicated(first_task_id=first, deduplication_id=shared):
            how = f"by the deduplication id {shared}" if shared is not None else "by its content"
            return f"its message was dropped {how}, for that of task {first}"
        case OnEarlierStage(queue=queue, outcome=outcome):
            return f"{outcome} on the queue {queue}, before it came to the work queue"
        case OtherStage(queue=queue, consumers=consumers):
            return f"a first task was on the queue {queue}, on which {' and '.join(consumers)} works"
        case BackoffRequested(delay_seconds=delay, accepted=accepted):
            return f"asked for a backoff of {seconds(delay)}{'' if accepted else ', which the queue refused'}"
        case Resent(delay_seconds=delay, accepted=accepted, through=through):
            after = "" if delay is None else f" with a delay of {seconds(delay)}"
            to = f" to the queue {through}" if through is not None else ""
            return f"sent again{to} in a new message{after}{'' if accepted else ', which the queue refused'}"
        case AnswerMisread(function=function, what=what, fails_all=fails_all):
            return f"{function} {what}: read as {'the failure' if fails_all else 'the success'} of the whole batch"
        case DeadLettered(sent_by=sender, where=where):
            return f"arrived in {where}" + (f", sent by {sender.function}" if sender is not None else "")
        case ReceiveThrottled(at_ms=at_ms, until_ms=until_ms, receive_count=count):
            return f"handed out, receive {count}, and throttled for {seconds((until_ms - at_ms) / 1000)}, until it was visible again"
        case DeadLetterLogged(function=function):
            return f"logged as a dead letter{f' by {function}' if function else ''}"
        case AttemptLogged(function=function, lines=lines):
            return f"{function} logged {times(len(lines), 'line')} that may tell of an error"
        case Redriven(by=by):
            return f"put back to work by {by or 'an operator'}"
        case RecordObserved(status=status):
            return (
                "no record found"
                if status is None
                else f"record found {f'as {status}' if status else 'without a status'}"
            )
        case RecordChanged(status=status, attempt=attempt):
            done = "removed" if status is None else f"changed to {status}" if status else "left without a status"
            return f"record {done}{f', attempt {attempt}' if attempt else ''}"
        case _:
            return _of_the_stack(event)


def _of_the_stack(event: _OfTheStack) -> str:  # noqa: PLR0911  # as above
    """The same of what happened to no task in particular."""
    match event:
        case ConfigurationObserved():
            return "the configuration was read"
        case QueueDepth(queue=queue, visible=visible, in_flight=in_flight, delayed=delayed):
            return f"{queue} queue: {visible} visible, {in_flight} in flight, {delayed} delayed"
        case HeldUp(at_ms=at_ms, until_ms=until_ms, queue=queue):
            what = "was held up" if queue is None else f"had no room for another batch of the {queue} queue"
            return f"the engine {what} for {seconds((until_ms - at_ms) / 1000)}"
        case ConsumersOff(at_ms=at_ms, until_ms=until_ms, queue=queue):
            return f"the run kept the consumers of the {queue} queue off for {seconds((until_ms - at_ms) / 1000)}"
        case FaultInjected(kind=kind, when=when, call=call, number=number):
            where = f" at {call}" + (f", call {number}" if number and number > 1 else "") if call else ""
            return f"fault injected: {kind}{f' {when} the effect' if when else ''}{where}"
        case InvocationFailed(function=function, error_type=error_type, message=message):
            return f"an invocation of {function} failed: {error_type}: {message}"
        case InvocationsCounted(function=function, invocations=invocations):
            return f"{times(invocations, 'invocation')} of {function} ended"
        case Called():
            return (
                f"{event.function} called {event.what}{f', which was refused ({event.error})' if event.error else ''}"
            )
        case ProcessesLeft(function=function, count=count):
            return f"{function} left {processes(count)} running after an invocation"
        case NotInAccount(function=function, name=name):
            return f"{function} asked for {name}, which the account does not have"
        case EvidenceMissing(source=source, what=what):
            return f"evidence missing from {source}: {what}"
        case _:
            return f"the run ended{', at its deadline' if event.deadline_reached else ''}"
