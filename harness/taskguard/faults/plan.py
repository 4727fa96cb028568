"""The small language of faults: what strikes, where, how often, and when; and which place is struck under which seed.

``throttle call=UpdateItem function=processTask when=after rate=5%`` is one fault; a plan is a seed and several of them. Whether
a fault strikes at a place is a pure function of the seed, the fault and the place, never of time or of the order in which
threads come by, so the same seed strikes the same places again. It must not know how a fault is brought about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from math import isfinite
from typing import Any

from taskguard.errors import FaultPlanError
from taskguard.faults.kinds import KINDS, Kind, Site
from taskguard.support.json_values import Json

_WORD = re.compile(r"[^\s#;'\"\\]+")
_BELOW_0 = frozenset({"skew"})


def is_word(name: str) -> bool:
    """Whether a name can stand in a plan."""
    return _WORD.fullmatch(name) is not None


class Phase(StrEnum):
    """Whether a call is struck before its effect, or after it: then it has happened, and the caller does not know."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a fault can strike.

    ``function`` is the function's name in serverless.yml; for a message, that of its queue: ``work`` or ``dead-letter``.
    ``task_id`` is none where no task is known: at the start of a process, or of a message that is no task. ``receive`` is the
    message's receive count; at the API, how often the function has been called for this task under this plan; at the start of
    a process, how many of the function have been started under it. ``call`` is the operation's name, ``number`` which call of
    it this is (from 1) within one delivery of one task, ``tries`` which try (from 1) of the client's.
    """

    site: Site
    function: str
    task_id: str | None
    receive: int
    call: str | None = None
    number: int = 1
    tries: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One line of a plan. What is none is no matter.

    ``task`` is a task's id, or with a star at its end how ids begin. ``rate`` is the share of places that are struck. Only the
    first try of a call is struck, so that the client's own next one succeeds; with ``every_try`` all are, so that the call
    fails. ``seconds`` is how long it takes, ``start_seconds`` from when on it strikes, ``for_seconds`` how long, by the
    pipeline's clock since the plan was handed over (none: to the end; of what strikes a stack, as long as its kind says).
    """

    kind: str
    when: Phase | None = None
    function: str | None = None
    call: str | None = None
    number: int | None = None
    task: str | None = None
    receive: int | None = None
    rate: float = 1.0
    every_try: bool = False
    seconds: float | None = None
    start_seconds: float = 0.0
    for_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FaultPlanError(f"There is no fault {self.kind!r}. There are: {', '.join(KINDS)}.")
        if (problem := self._problem()) is not None:
            raise FaultPlanError(f"The fault {self}: {problem}.")

    def _problem(self) -> str | None:
        kind, site = self.about, self.about.site
        words = [word for word in (self.function, self.call, self.task) if word is not None]
        whole = (self.seconds, self.function, self.task, self.receive) == (None,) * 4 and self.rate == 1
        problems = (
            (
                not all(map(is_word, words)),
                "a name is not empty, and has no spaces, quotes, backslashes, # or ;",
            ),
            (not 0 < self.rate <= 1, f"rate is above 0 and at most 1 (or 100%), not {self.rate:g}"),
            (kind.two_phases and self.when is None, "when=before or when=after is needed"),
            (not kind.two_phases and self.when is not None, "it has no `when`"),
            (
                site is not Site.CALL and (self.call is not None or self.number is not None or self.every_try),
                "call, number and every-try are for what strikes an AWS call",
            ),
            (site is Site.PROCESS and self.task is not None, "a process is started for no task in particular"),
            (
                self.start_seconds < 0 or (self.for_seconds is not None and self.for_seconds <= 0),
                "from is 0 s or more, and for is above 0 s",
            ),
            (site is Site.STACK and not whole, "what strikes a whole stack has `from` and `for` alone"),
            (site is Site.STACK and not kind.seconds and self.for_seconds, "it is done at once, and has no `for`"),
            (self.seconds is not None and not kind.may_take_seconds, "it takes no seconds"),
            ((self.seconds or 0) < 0 and self.kind not in _BELOW_0, "seconds are 0 or more"),
        )
        return next((problem for wrong, problem in problems if wrong), None)

    @property
    def about(self) -> Kind:
        """Its kind."""
        return KINDS[self.kind]

    @property
    def name(self) -> str:
        """What a table calls it: the kind, and for a call whether before or after its effect."""
        return f"{self.kind} ({self.when})" if self.when else self.kind

    @property
    def takes_seconds(self) -> float:
        """How long it takes, or lasts when it strikes a stack; 0 for a kind without length."""
        if self.about.site is Site.STACK and self.for_seconds is not None:
            return self.for_seconds
        return self.seconds if self.seconds is not None else self.about.seconds or 0.0

    def fits(self, place: Place, when: Phase | None, after_seconds: float) -> bool:
        """Whether it may strike there at all, ``after_seconds`` since the plan was handed over."""
        return (
            place.site is self.about.site
            and when is self.when
            and self.function in (None, place.function)
            and self.call in (None, place.call)
            and self.number in (None, place.number)
            and self._is_about(place.task_id)
            and self.receive in (None, place.receive)
            and (self.every_try or place.tries == 1)
            and self.start_seconds <= after_seconds
            and (self.for_seconds is None or after_seconds < self.start_seconds + self.for_seconds)
        )

    def _is_about(self, task_id: str | None) -> bool:
        if self.task is None or self.task == task_id:
            return True
        return task_id is not None and self.task.endswith("*") and task_id.startswith(self.task[:-1])

    def __str__(self) -> str:
        """As it is written in a plan."""
        # Numbers as Python tells them apart, so that what is read again is the same fault.
        given = {
            name: value for name, (field, _) in _OPTIONS.items() if (value := getattr(self, field)) != _DEFAULTS[field]
        }
        return " ".join([self.kind, *(name if value is True else f"{name}={value}" for name, value in given.items())])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Faults, and the seed that decides where they strike."""

    seed: str
    faults: tuple[Fault, ...] = ()

    def strikes(
        self, place: Place, when: Phase | None = None, after_seconds: float = 0.0, *, without: Set[str] = frozenset()
    ) -> Fault | None:
        """The fault that strikes there, the first of those that do; none when none does. Kinds in ``without`` cannot happen there."""
        fitting = (each for each in self.faults if each.kind not in without and each.fits(place, when, after_seconds))
        return next((each for each in fitting if self._draw(each, place) < each.rate), None)

    def lasting(self, kind: str, after_seconds: float) -> Fault | None:
        """The fault of this kind that strikes the whole stack at that moment; none when none does."""
        of_kind = (each for each in self.faults if each.kind == kind)
        return next((each for each in of_kind if 0 <= after_seconds - each.start_seconds < each.takes_seconds), None)

    def _draw(self, fault: Fault, place: Place) -> float:
        # Not the try: with every one of them struck or none, a call fails or does not. Not the plan's other lines, nor the rate:
        # without some of its faults, or with fewer of them, a plan strikes where it did, so that what matters can be found.
        where = (place.site, place.function, place.task_id, place.receive, place.call, place.number)
        about = map(str, (self.seed, _identity(fault), *where))
        digest = sha256("\x1f".join(about).encode(errors="surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    def to_json(self) -> dict[str, Json]:
        """As a JSON object: the seed, and each fault as it is written."""
        return {"seed": self.seed, "faults": [str(fault) for fault in self.faults]}

    @classmethod
    def from_json(cls, value: object) -> Plan:
        """Read what :meth:`to_json` gave.

        Raises:
            FaultPlanError: it is no plan; the message says what is wrong.
        """
        match value:
            case {"seed": str(seed), "faults": list(lines)} if all(isinstance(line, str) for line in lines):
                return cls(seed=seed, faults=tuple(fault for line in lines for fault in parse(line)))
            case _:
                raise FaultPlanError('A plan of faults is {"seed": "…", "faults": ["…", …]}.')


def parse(text: str) -> tuple[Fault, ...]:
    """Read faults, one a line or several between semicolons; what follows a ``#`` is a comment.

    Raises:
        FaultPlanError: a line cannot be read; the message names it and says what is wrong.
    """
    lines = [part for line in text.splitlines() for part in line.partition("#")[0].split(";")]
    return tuple(_parse(line.strip()) for line in lines if line.strip())


@lru_cache(maxsize=1024)
def _identity(fault: Fault) -> str:
    return str(replace(fault, rate=1.0))


def _parse(line: str) -> Fault:
    kind, *options = line.split()
    values: dict[str, Any] = {}
    for option in options:
        name, equals, text = option.partition("=")
        if name not in _OPTIONS or bool(equals) is (name == "every-try"):
            known = ", ".join(key if key == "every-try" else f"{key}=…" for key in _OPTIONS)
            raise FaultPlanError(f"The fault {line!r}: {option!r} is no option. There are: {known}.")
        field, read = _OPTIONS[name]
        try:
            values[field] = read(text)
        except ValueError:
            raise FaultPlanError(f"The fault {line!r}: {text!r} is no value for {name}.") from None
    return Fault(kind=kind, **values)


def _share(text: str) -> float:
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def _seconds(text: str) -> float:
    seconds = float(text.removesuffix("s"))
    if not isfinite(seconds):
        raise ValueError(text)
    return seconds


def _count(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


_OPTIONS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "when": ("when", Phase),
    "function": ("function", str),
    "call": ("call", str),
    "number": ("number", _count),
    "task": ("task", str),
    "receive": ("receive", _count),
    "rate": ("rate", _share),
    "seconds": ("seconds", _seconds),
    "from": ("start_seconds", _seconds),
    "for": ("for_seconds", _seconds),
    "every-try": ("every_try", lambda _: True),
}

_DEFAULTS: Mapping[str, Any] = {each.name: each.default for each in fields(Fault)}
