"""What a service used in a run that the engine below it has wrong, and the checks that hang on it.

A table of behaviours of `taskguard conformance`: on which engines each is wrong, how its use shows in the stack or in what was seen of the
run, and which checks it could make fail or pass. A test holds it to what was measured (docs/engines.md). What shows in neither is not
here, such as how a body is written; nor is what every service uses. This must not know how a check judges.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.evidence.recorder.answers import NOT_OF_THE_BATCH, UNREADABLE_LIST
from taskguard.history import AttemptFailed, EngineLimit, History
from taskguard.service.discovery import cannot_read
from taskguard.service.event_sources import function_of, mappings_of
from taskguard.service.stack import Stack
from taskguard.service.ways import is_unknown_here
from taskguard.targets.base import Endpoint
from taskguard.targets.names import TargetName


class Engine(StrEnum):
    """The engines that were measured and found to have something wrong, by the headings of their columns."""

    PLAIN = "LocalStack as it comes"
    MINISTACK = "MiniStack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What is set of the work queue and, where there is one, its dead-letter queue: each queue's attributes and its mappings, in this
    order; the concurrency that their consumers have reserved, by name; and why attempts failed, as the history words it."""

    queues: Mapping[str, Mapping[str, str]]
    mappings: Sequence[Mapping[str, Any]]
    reserved: Mapping[str, int]
    failures: frozenset[str] = frozenset()


Shows = Callable[[Used], str | None]
"""How the use of a behaviour shows: a clause that says what uses it, or nothing."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """A behaviour, the engines that have it wrong, how its use shows, and the checks that hang on it."""

    behaviour: str
    wrong_on: frozenset[Engine]
    shows: Shows
    checks: tuple[str, ...]


def engine_of(endpoint: Endpoint) -> Engine | None:
    """The engine, as far as it was measured; none for the default one, which has nothing wrong, for AWS, and for one that nobody knows."""
    names = dict(endpoint.versions)
    if endpoint.target == TargetName.LOCALSTACK:
        return None
    if "ministack" in names:
        return Engine.MINISTACK
    return Engine.PLAIN if "localstack" in names else None


def used_by(endpoint: Endpoint, stack: Stack) -> Used | None:
    """What the stack is set to use, before a run; none where nothing is known to be wrong.

    Raises:
        DiscoveryError: its settings cannot be read.
    """
    if engine_of(endpoint) is None:
        return None
    try:
        return _used(endpoint, stack)
    except (ClientError, BotoCoreError) as error:
        raise cannot_read(stack.name, endpoint, error) from error


def limits_of(endpoint: Endpoint, used: Used | None, history: History) -> tuple[EngineLimit, ...]:
    """What was used in a run, by the stack's settings and by what was seen, that the engine has wrong."""
    engine = engine_of(endpoint)
    if engine is None or used is None:
        return ()
    return limits_in(replace(used, failures=frozenset(each.reason for each in history.of_kind(AttemptFailed))), engine)


def limits_in(used: Used, engine: Engine) -> tuple[EngineLimit, ...]:
    """What is used that this engine has wrong, in the order of the table."""
    return tuple(
        EngineLimit(behaviour=each.behaviour, uses=uses, checks=each.checks)
        for each in DEPENDENCIES
        if engine in each.wrong_on and (uses := each.shows(used)) is not None
    )


def _used(endpoint: Endpoint, stack: Stack) -> Used:
    sqs: Any = endpoint.sqs()
    queues = stack.queues.values()
    return Used(
        queues={
            each.name: sqs.get_queue_attributes(QueueUrl=each.url, AttributeNames=["All"]).get("Attributes", {})
            for each in queues
        },
        mappings=[mapping for each in queues for mapping in mappings_of(endpoint, each.arn)],
        reserved=dict(_reserved(endpoint, sorted({name for each in queues for name in each.consumers}))),
    )


def _reserved(endpoint: Endpoint, functions: Sequence[str]) -> Iterator[tuple[str, int]]:
    for name in functions:
        try:
            told: Mapping[str, Any] = endpoint.functions().get_function_concurrency(FunctionName=name)
        except ClientError as error:
            if is_unknown_here(error):
                return
            raise
        if (reserved := told.get("ReservedConcurrentExecutions")) is not None:
            yield name, int(reserved)


# How a use shows


def _is_fifo(used: Used) -> str | None:
    return next((f"{name} is a FIFO queue" for name in used.queues if name.endswith(".fifo")), None)


def _fifo_dead_letters(used: Used) -> str | None:
    return next(
        (f"{name} is a FIFO queue of dead letters" for name in [*used.queues][1:] if name.endswith(".fifo")), None
    )


def _dead_letters_of_other_type(used: Used) -> str | None:
    if len({name.endswith(".fifo") for name in used.queues}) < 2:
        return None
    return f"of {' and '.join(used.queues)} one is a FIFO queue and the other is not"


def _deduplicates_by_group(used: Used) -> str | None:
    scopes = {name: told.get("DeduplicationScope") for name, told in used.queues.items()}
    return next((f"{name} deduplicates by group" for name, scope in scopes.items() if scope == "messageGroup"), None)


_LONG_RUN_SECONDS = 3600


def _expires_soon(used: Used) -> str | None:
    kept = {name: int(told.get("MessageRetentionPeriod", _LONG_RUN_SECONDS)) for name, told in used.queues.items()}
    return next((f"{name} keeps messages for {n} s" for name, n in kept.items() if n < _LONG_RUN_SECONDS), None)


def _setting(read: Callable[[Mapping[str, Any]], int | None], least: int, words: str) -> Shows:
    """A mapping has a setting of this value at least; ``words`` say so, with the ``function`` and the ``value``."""

    def shows(used: Used) -> str | None:
        for mapping in used.mappings:
            value = read(mapping)
            if value is not None and value >= least:
                return words.format(function=function_of(mapping), value=value)
        return None

    return shows


def _window_of(mapping: Mapping[str, Any]) -> int | None:
    return mapping.get("MaximumBatchingWindowInSeconds")


def _batch_in_window(mapping: Mapping[str, Any]) -> int | None:
    return mapping.get("BatchSize") if _window_of(mapping) else None


def _batch_without_window(mapping: Mapping[str, Any]) -> int | None:
    return None if _window_of(mapping) else mapping.get("BatchSize")


def _window_of_fifo(mapping: Mapping[str, Any]) -> int | None:
    return _window_of(mapping) if str(mapping.get("EventSourceArn")).endswith(".fifo") else None


_WINDOW = "{function} has a batching window of {value} s"


def _may_be_throttled(used: Used) -> str | None:
    # No engine has more batches at once.
    most = 10 if _is_fifo(used) else 5
    return next((f"{name} has a reserved concurrency of {n}" for name, n in used.reserved.items() if n < most), None)


def _filters(rule: str, words: str) -> Shows:
    """A filter's pattern for bodies uses this key anywhere, or is there at all."""

    def shows(used: Used) -> str | None:
        for mapping in used.mappings:
            for each in (mapping.get("FilterCriteria") or {}).get("Filters", ()):
                body = _pattern_of(each).get("body")
                if isinstance(body, dict) and (not rule or rule in _keys(body)):
                    return f"{function_of(mapping)} has a filter {words}"
        return None

    return shows


def _pattern_of(of_mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        found = json.loads(of_mapping.get("Pattern") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _keys(pattern: Any) -> Iterator[str]:
    if isinstance(pattern, dict):
        yield from pattern
    for each in pattern.values() if isinstance(pattern, dict) else pattern if isinstance(pattern, list) else ():
        yield from _keys(each)


def _answered(reason: str) -> Shows:
    return lambda used: f"in this run {reason}" if reason in used.failures else None


# The table

_PLAIN, _MINI = (frozenset({each}) for each in Engine)
_EITHER = frozenset(Engine)

_LOST = ("settlement", "record", "settles_once", "nothing_stuck")
"""What a message that is gone, or stays, decides."""
_DEATHS = ("redrive", "dead_letter_log", "record", "charges", "dead_letters_logged")
_RATES = ("first_failure_rate", "later_failure_rate", "independence")
_FAILED = ("backoff", "partial_batches", *_LOST, *_DEATHS)
_ALL = tuple(
    dict.fromkeys(
        (
            *_LOST,
            *_DEATHS,
            "effect",
            "transitions",
            "one_completion",
            *_RATES,
            "backoff",
            "never_early",
            "partial_batches",
        )
    )
)
"""What holds of nothing where no message is handed over, as behind a filter, or where AWS would have refused to deploy."""

DEPENDENCIES = (
    *(
        Dependency(f"answer-{each}-fails", _MINI, _answered(NOT_OF_THE_BATCH), _FAILED)
        for each in ("empty-identifier", "null-identifier", "unknown-identifier", "one-of-two-unknown")
    ),
    Dependency("answer-other-key-fails", _MINI, _answered(UNREADABLE_LIST), _FAILED),
    Dependency("window-gathers", _MINI, _setting(_window_of, 1, _WINDOW), ("partial_batches",)),
    Dependency("window-ends", _EITHER, _setting(_window_of, 1, _WINDOW), ("backoff",)),
    Dependency(
        "window-above-ten",
        _MINI,
        _setting(_batch_in_window, 11, "{function} takes batches of up to {value}"),
        ("partial_batches",),
    ),
    Dependency("throttled-is-tried-again", _EITHER, _may_be_throttled, ("backoff", "settlement", *_DEATHS)),
    Dependency("throttled-comes-back", _MINI, _may_be_throttled, (*_LOST, *_DEATHS)),
    Dependency("dead-letter-queue-of-other-type-refused", _EITHER, _dead_letters_of_other_type, _ALL),
    Dependency("fifo-dead-letters-of-one-id", _PLAIN, _fifo_dead_letters, (*_LOST, *_DEATHS)),
    Dependency("retention", _PLAIN, _expires_soon, (*_LOST, *_DEATHS)),
    Dependency("deduplication-by-group", _PLAIN, _deduplicates_by_group, _LOST),
    Dependency("fifo-hidden-group-holds-no-other", _PLAIN, _is_fifo, ("backoff", *_LOST)),
    Dependency("fifo-groups-at-once", _EITHER, _is_fifo, ("backoff",)),
    Dependency("fifo-dead-letter-has-run", _PLAIN, _is_fifo, ("backoff", *_DEATHS)),
    Dependency("fifo-backoff-beside-a-hidden-message", _PLAIN, _is_fifo, ("backoff",)),
    Dependency("filter-ignore-case", _MINI, _filters("equals-ignore-case", "that ignores case"), _ALL),
    Dependency("filter-any-key", _MINI, _filters("$or", "with $or"), _ALL),
    Dependency("filter-array", _MINI, _filters("", "of bodies, which may hold lists"), _ALL),
    Dependency("fifo-window-refused", _EITHER, _setting(_window_of_fifo, 1, _WINDOW), _ALL),
    Dependency(
        "batch-of-11-without-window-refused",
        _MINI,
        _setting(_batch_without_window, 11, "{function} takes batches of {value} without a window"),
        _ALL,
    ),
)
