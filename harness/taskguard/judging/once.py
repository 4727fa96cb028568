"""What several checks ask of a history, worked out once for each history.

It must not know what that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from taskguard.history import History

P = ParamSpec("P")
T = TypeVar("T")


def once(work: Callable[Concatenate[History, P], T]) -> Callable[Concatenate[History, P], T]:
    """Do this work once for each history and what else it is given, which hashes. Its result must hang on nothing else, and not change."""

    @wraps(work)
    def done(history: History, /, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (work, *args, *kwargs.items())
        if key not in history.made_of_it:
            history.made_of_it[key] = work(history, *args, **kwargs)
        found: T = history.made_of_it[key]
        return found

    return done


def once_in_full(
    work: Callable[Concatenate[History, P], Iterator[T]],
) -> Callable[Concatenate[History, P], tuple[T, ...]]:
    """Do work that yields its results once, and keep them together."""

    @wraps(work)
    def in_full(history: History, /, *args: P.args, **kwargs: P.kwargs) -> tuple[T, ...]:
        return tuple(work(history, *args, **kwargs))

    return once(in_full)
