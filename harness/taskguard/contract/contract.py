"""A contract: what is demanded of a pipeline, each demand by itself. What is left out is not demanded.

It is read from a TOML file that many services may be judged by, and travels with a saved run. It must not know how a service words
things (the dialect), how late anything may be (the tolerances), nor what a run did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Literal, get_args

import msgspec

from taskguard.contract import points as points_
from taskguard.contract.points import Worth
from taskguard.contract.waiting import AsDeployed, Waiting
from taskguard.support.typed import Strict, nearest

LONGEST_HIDDEN_SECONDS = 43_200
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""

LONGEST_DELAY_SECONDS = 900
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""


class Weight(StrEnum):
    """How much a demand weighs: what misses a ``must`` fails, an ``advice`` is told and fails nothing, ``off`` is not judged."""

    MUST = "must"
    ADVICE = "advice"
    OFF = "off"


class Attempts(Strict, frozen=True, kw_only=True):
    """How often a message may be received before it dies: a number, or a range of which any will do; ``as-deployed`` is what
    the work queue's redrive policy says. It comes to the dead-letter queue ``by`` that policy alone (``redrive``); or its consumer may
    send it there itself, after as many attempts (``any``) or whenever it gives up (``as-deployed``)."""

    most: int | tuple[int, int] | AsDeployed | None = None
    by: Literal["redrive", "any"] | AsDeployed = "any"

    def __post_init__(self) -> None:
        if self.range is not None and not 1 <= self.range[0] <= self.range[1]:
            # As the file has it.
            most = self.most if isinstance(self.most, int) else list(self.range)
            raise ValueError(f"most is 1 or more, or a range of such from low to high, not {most}")

    @property
    def range(self) -> tuple[int, int] | None:
        """The lowest and the highest number; none where nothing is demanded, or the stack says it."""
        if isinstance(self.most, int):
            return (self.most, self.most)
        return self.most if isinstance(self.most, tuple) else None

    @property
    def lowest(self) -> int | None:
        """The fewest receives after which a message may die."""
        return self.range[0] if self.range is not None else None

    @property
    def highest(self) -> int | None:
        """The most receives that there may be."""
        return self.range[1] if self.range is not None else None

    @property
    def number(self) -> int | None:
        """The number of receives, where it is one and known."""
        return self.highest if self.lowest == self.highest else None

    def in_words(self) -> str:
        """The number as a phrase."""
        if self.range is None:
            return "nothing is demanded" if self.most is None else "as often as the queue's redrive policy says"
        return self.range_in_words + (", then moved by SQS" if self.by == "redrive" else "")

    @property
    def range_in_words(self) -> str:
        """The number alone; empty where none is demanded."""
        low, high = self.range or (None, None)
        return "" if low is None else f"{low}" if low == high else f"{low} to {high}"


class Failures(Strict, frozen=True, kw_only=True):
    """That the service simulates failures: each attempt fails at this rate; or ``per`` task, each task's first attempt, and of
    later ones nothing is said."""

    rate: float
    per: Literal["attempt", "task"] = "attempt"

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate is a probability, 0 to 1, not {self.rate}")


LogField = Literal["task_id", "payload", "attempts", "error", "created_at", "failed_at"]
"""What a dead letter's log record may have to tell."""

LOG_FIELDS: tuple[LogField, ...] = get_args(LogField)

_FACTS: Mapping[LogField, str] = {
    "task_id": "the task's id",
    "payload": "its payload",
    "attempts": "the number of attempts",
    "error": "the error of the last attempt",
    "created_at": "when it was handed in",
    "failed_at": "when the last attempt failed",
}

_DEMANDS: Mapping[str, str] = {
    "partial_batches": "of a batch of the work queue's only the messages that failed come again",
    "encryption": "queues and records are encrypted at rest",
    "tls": "queues refuse who comes without TLS",
    "least_privilege": "no role may do everything, or something to everything",
    "visibility": "a message is hidden for as long as its consumer may work on it",
    "retention": "a message is kept for longer than it is hidden",
    "idempotent": "a task that is handed in twice is one task",
    "refuses_invalid": "what is no task is refused, and what is one is not",
    "prompt": "what is accepted is delivered at once",
}
"""Settings, and what is asked of an API, in words."""


class DeadLetter(Strict, frozen=True, kw_only=True):
    """What the log record of a dead task must tell; no field: that there is one is not demanded. It is in JSON or, in `any` format, may be
    a line of plain text."""

    log: tuple[str, ...] = ()
    format: Literal["any", "json"] = "any"

    def __post_init__(self) -> None:
        for name in self.log:
            if name not in LOG_FIELDS:
                raise ValueError(f'log has no field "{name}"; {nearest(name, LOG_FIELDS)}')

    @property
    def fields(self) -> tuple[LogField, ...]:
        """The fields, each once, in the order in which they are spoken of."""
        return tuple(field for field in LOG_FIELDS if field in self.log)

    def in_words(self) -> str:
        """What is demanded, as a phrase."""
        if not self.log:
            return "none is demanded"
        how = "in JSON" if self.format == "json" else "in JSON or in plain text"
        return f"one true record for each dead task, {how}, with {', '.join(_FACTS[field] for field in self.fields)}"


class Payload(Strict, frozen=True, kw_only=True):
    """How a payload must be kept. With `json` numbers are those of JSON, of which 1 and 1.0 are one; `exact` asks for more than many
    a language's JSON can keep: that 1.0 stays 1.0, and each digit of an integer beyond 2^53."""

    numbers: Literal["json", "exact"] = "json"


class Settings(Strict, frozen=True, kw_only=True):
    """What is demanded of settings: that the work queue's consumers report the messages of a batch one by one; that queues and records are
    encrypted at rest; that queues refuse who comes without TLS; that no role may do everything, or something to everything; that a
    message is hidden for as long as its consumer may work on it; that it is kept for longer than it is hidden."""

    partial_batches: Weight = Weight.OFF
    encryption: Weight = Weight.OFF
    tls: Weight = Weight.OFF
    least_privilege: Weight = Weight.OFF
    visibility: Weight = Weight.OFF
    retention: Weight = Weight.OFF


class Api(Strict, frozen=True, kw_only=True):
    """What is demanded of the way in: that a task handed in twice is one task, whatever its state; what becomes of another payload under
    the same id then, which is refused, or is a task of its own; that what is no task is refused,
    and what is one is not; that an accepted task is delivered at once."""

    idempotent: Weight = Weight.OFF
    other_payload: Literal["refused", "kept-apart"] = "refused"
    refuses_invalid: Weight = Weight.OFF
    prompt: Weight = Weight.OFF


class Contract(Strict, frozen=True, kw_only=True):
    """All that is demanded of a pipeline. `points` say what each check is worth, by its name, where it is not one point, and each
    setting that is to have points of its own.

    Raises:
        ValueError: the schedule is too short for the attempts, or points are given to what has none.
    """

    attempts: Attempts = Attempts()
    waiting: Waiting = Waiting()
    failures: Failures | None = None
    dead_letter: DeadLetter = DeadLetter()
    payload: Payload = Payload()
    settings: Settings = Settings()
    api: Api = Api()
    points: Mapping[str, Worth | Mapping[str, Worth]] = {}

    def __post_init__(self) -> None:
        musts = {name: value is Weight.MUST for name, value in msgspec.structs.asdict(self.settings).items()}
        points_.refuse_strangers(points_.flat(self.points), musts)
        highest, schedule = self.attempts.highest, self.waiting.schedule
        if highest is None or schedule is None:
            return
        owed = highest - (self.waiting.last == "free")
        if len(schedule) < owed:
            raise ValueError(f"the schedule has {len(schedule)} waits for {highest} attempts: give {owed}")

    @property
    def waits(self) -> tuple[float, ...]:
        """The waits of a task that fails as often as it may, in seconds: exact ones, or the least there may be."""
        return self.waiting.waits(self.attempts.highest)

    def worth(self, check: str) -> float:
        """The points that a check is worth, where it is applicable, or a setting with points of its own (`settings.tls`): what is only advised
        is worth none."""
        advised = {"idempotency": self.api.idempotent, "refusals": self.api.refuses_invalid}
        return 0.0 if advised.get(check) is Weight.ADVICE else points_.flat(self.points).get(check, points_.USUAL)

    @property
    def settings_with_points(self) -> Mapping[str, str]:
        """Each setting that has points of its own, by its name there, with what it demands."""
        names = (each.removeprefix(f"{points_.SETTINGS}.") for each in points_.flat(self.points) if "." in each)
        return {points_.of_setting(name): _DEMANDS[name] for name in names}

    def in_words(self) -> Iterator[str]:
        """The contract as sentences, one a demand."""
        yield "Always: each accepted task ends once, completed or dead-lettered, and no other task's failure changes that."
        yield f"Attempts: {self.attempts.in_words()}."
        yield f"Waiting: {self.waiting.in_words()}."
        if max(self.waits, default=0.0) > LONGEST_HIDDEN_SECONDS:
            yield f"SQS hides a message for {LONGEST_HIDDEN_SECONDS} s at most from its receipt: a longer wait takes several, or a new message."
        if self.failures is None:
            yield "Simulated failures: none are demanded."
        else:
            of = "attempts" if self.failures.per == "attempt" else "tasks, at their first attempt"
            yield f"Simulated failures: {self.failures.rate:.0%} of {of}."
        yield f"Dead-letter log: {self.dead_letter.in_words()}."
        if self.payload.numbers == "exact":
            yield "Payloads: each number stays as it was written."
        for title, demands in (("Settings", self.settings), ("API", self.api)):
            for weight, meaning in ((Weight.MUST, "must be so"), (Weight.ADVICE, "advised")):
                names = [name for name, value in msgspec.structs.asdict(demands).items() if value is weight]
                if names:
                    yield f"{title}, {meaning}: {'; '.join(f'{_DEMANDS[name]} ({name})' for name in names)}."
        if self.api.idempotent is not Weight.OFF and self.api.other_payload == "kept-apart":
            yield "Another payload under the id of a task: it is a task of its own."
        if self.points:
            yield points_.in_words(points_.flat(self.points))
