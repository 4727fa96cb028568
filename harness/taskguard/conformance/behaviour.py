"""What a behaviour is, how one is registered, and what can come of trying it.

It must not know what is tried, nor where.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskguard.conformance.context import Context

Try = Callable[["Context"], None]

USUAL_SECONDS = 15.0


class Outcome(StrEnum):
    """What came of trying a behaviour on an engine."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_THERE = "not there"
    """The engine says that it does not have what is asked for."""
    NOT_TRIED = "not tried"
    """The engine failed, or what the behaviour needs could not be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Something that AWS documents on ``page``, in one sentence, and how it is tried.

    ``seconds`` is how long it takes on the engine's clock. One that may hold up what else is tried is tried ``alone``, at last.
    """

    id: str
    documented: str
    page: str
    attempt: Try
    seconds: float = USUAL_SECONDS
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a behaviour; ``seen`` says what, unless it is right."""

    id: str
    outcome: Outcome
    seen: str = ""


_registered: dict[str, Behaviour] = {}


def behaviour(
    id_: str, documented: str, page: str, *, seconds: float = USUAL_SECONDS, alone: bool = False
) -> Callable[[Try], Try]:
    """Register the function that tries this behaviour: it returns when all is as documented, else raises `AssertionError`."""

    def register(attempt: Try) -> Try:
        if id_ in _registered:
            raise ValueError(f"two behaviours are called {id_}")
        _registered[id_] = Behaviour(
            id=id_, documented=documented, page=page, attempt=attempt, seconds=seconds, alone=alone
        )
        return attempt

    return register


def registered() -> tuple[Behaviour, ...]:
    """Those that have been registered up to now, in this order."""
    return tuple(_registered.values())


def expect(holds: object, seen: str) -> None:
    """Unless it holds, end the attempt: the engine is wrong, as is ``seen``."""
    if not holds:
        raise AssertionError(seen)
