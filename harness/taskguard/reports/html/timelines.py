"""One task's timeline as a picture's data: a lane for each attempt, its wait drawn over the wait that the schedule has.

Places are per cent of an axis of seconds since the task was submitted. It must not know how the picture is drawn, nor
which checks there are.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from taskguard.contract.terms import Terms
from taskguard.history import Attempt, DeadLettered, History
from taskguard.history.wording import seconds, times
from taskguard.reports.html.axis import Axis, Span
from taskguard.reports.html.waits import Wait, waits_of

MOST_LANES = 8
"""How many attempts of a task are drawn."""

# How wide a label is, and the picture on a phone.
_CHARACTER_PIXELS, _GAP_PIXELS, _PHONE_PIXELS = 6.5, 10, 280

_SOME_ROOM = 0.3
"""Of the picture: beside what is named, a label that is longer may reach into the margin."""


class Symbol(StrEnum):
    """What a mark stands for; each has a shape of its own."""

    SUBMITTED = "submitted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNSEEN = "unseen"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment."""

    symbol: Symbol
    at: str


@dataclass(frozen=True, slots=True)
class Words:
    """A label in the picture; ``anchor`` is the end of it that stays in place: `start`, `middle` or `end`."""

    text: str
    at: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One attempt: how it came out, and the wait after it.

    `queued` is the time from the submission, `working` from the delivery to the outcome, which has a mark. `due` is where the schedule has the wait, `allowed` how much longer it may take. `outside` tells that `wait` keeps to
    neither, `open` that it has no end. `leads_on` is where the next attempt begins.
    """

    marks: tuple[Mark, ...]
    queued: Span | None = None
    working: Span | None = None
    due: Span | None = None
    allowed: Span | None = None
    wait: Span | None = None
    outside: bool = False
    open: bool = False
    words: Words | None = None
    leads_on: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A task's lanes on their axis; `alternative` says the same in words. `own_scale`: the axis is longer than the others'."""

    lanes: tuple[Lane, ...]
    axis: Axis
    own_scale: bool
    alternative: str


def common_axis(terms: Terms) -> Axis:
    """The axis of all tasks that take no longer than the schedule."""
    return Axis.reaching(sum(terms.contract.waits) + terms.tolerances.late_seconds)


def timeline_of(task_id: str, history: History, terms: Terms, told_of: Container[int] | None = None) -> Timeline:
    """Return the timeline of a task that something was seen of; ``told_of`` as of :func:`waits_of`."""
    attempts = history.attempts_of(task_id)
    waits = {
        id(wait.attempt): wait
        for chain in history.chains_of(task_id)
        for wait in waits_of(chain, history, terms, told_of)
    }
    dead = history.of_task(task_id, DeadLettered)
    zero_ms = zero_of(task_id, history)
    ends = [attempt.last_seen_ms for attempt in attempts] + [event.at_ms for event in dead]
    extent = (max(ends, default=zero_ms) - zero_ms) / 1000
    axis = common_axis(terms)
    own_scale = extent > axis.end
    drawer = _Drawer(Axis.reaching(extent) if own_scale else axis, zero_ms)
    lanes = tuple(
        drawer.lane(attempt, waits.get(id(attempt)), following)
        for attempt, following in zip(attempts[:MOST_LANES], [*attempts[1:], None], strict=False)
    )
    return Timeline(
        lanes=drawer.from_submission(lanes, attempts[0] if attempts else None),
        axis=drawer.axis,
        own_scale=own_scale,
        alternative="; ".join(_in_words(attempts, waits)) or "submitted, and never seen to be delivered",
    )


def zero_of(task_id: str, history: History) -> float:
    """When a task's time begins: at its first submission, or whatever else was seen of it first."""
    return history.of_task(task_id)[0].at_ms


@dataclass(frozen=True, slots=True)
class _Drawer:
    axis: Axis
    zero_ms: float

    def lane(self, attempt: Attempt, wait: Wait | None, following: Attempt | None) -> Lane:
        end, (symbol, outcome) = attempt.succeeded or attempt.failed, _outcome(attempt)
        begun = self._seconds(attempt.at_ms)
        ended = self._seconds(attempt.last_seen_ms if end is None else end.at_ms)
        lane = Lane(
            marks=(Mark(symbol, self.axis.at(ended)),),
            working=self.axis.span(begun, ended),
            words=self._beside(outcome, begun, ended),
            leads_on=self.axis.at(self._seconds(following.at_ms)) if following is not None else None,
        )
        return lane if wait is None else self._with_wait(lane, wait, begun)

    def _with_wait(self, lane: Lane, wait: Wait, begun: float) -> Lane:
        since = self._seconds(wait.since_ms)
        until = since if wait.until_ms is None else self._seconds(wait.until_ms)
        due = allowed = None
        box_end = until
        if wait.due_seconds is not None:
            due_end = since + wait.due_seconds
            allowed_end = due_end + wait.tolerance_seconds
            due, allowed = self.axis.span(since, due_end), self.axis.span(due_end, allowed_end)
            box_end = max(until, allowed_end)
        if wait.until_ms is None:
            # What has no end is drawn somewhat longer than was allowed.
            until = box_end = max(box_end, since) + self.axis.end / 20
        end = (Mark(Symbol.DEAD, self.axis.at(until)),) if wait.dead else ()
        return replace(
            lane,
            marks=(*lane.marks, *end),
            due=due,
            allowed=allowed,
            wait=self.axis.span(since, until),
            outside=wait.outside,
            open=wait.until_ms is None,
            words=self._beside(_of_wait(wait), begun, box_end),
        )

    def from_submission(self, lanes: tuple[Lane, ...], first: Attempt | None) -> tuple[Lane, ...]:
        """The lanes, the first of them with the time from the submission to the first attempt."""
        submitted = Mark(Symbol.SUBMITTED, "0%")
        if first is None or not lanes:
            return (Lane(marks=(submitted,), words=Words("never seen to be delivered", "1%", "start")),)
        queued = self.axis.span(0, self._seconds(first.at_ms))
        opening = replace(lanes[0], marks=(submitted, *lanes[0].marks), queued=queued)
        return (opening, *lanes[1:])

    def _beside(self, text: str, start: float, end: float) -> Words:
        """The label to the right of what it names (in seconds) where there is room, else to the left, else over it."""
        right, left = 1 - end / self.axis.end, start / self.axis.end
        needed = (_CHARACTER_PIXELS * len(text) + _GAP_PIXELS) / _PHONE_PIXELS
        if right >= needed or right >= max(left, _SOME_ROOM):
            return Words(text, self.axis.at(end), "start")
        if left >= min(needed, _SOME_ROOM):
            return Words(text, self.axis.at(start), "end")
        return Words(text, "50%", "middle")

    def _seconds(self, at_ms: float) -> float:
        return (at_ms - self.zero_ms) / 1000


def _outcome(attempt: Attempt) -> tuple[Symbol, str]:
    if not attempt.determined:
        return Symbol.UNSEEN, "outcome not seen" if attempt.succeeded is None else "seen to succeed and to fail"
    return (Symbol.SUCCEEDED, "succeeded") if attempt.succeeded else (Symbol.FAILED, "failed")


def _of_wait(wait: Wait) -> str:
    if wait.seconds is None:
        return "never came back"
    due = f", {seconds(wait.due_seconds)} due" if wait.outside and wait.due_seconds is not None else ""
    return f"{seconds(wait.seconds)}{due}"


def _in_words(attempts: tuple[Attempt, ...], waits: dict[int, Wait]) -> Iterator[str]:
    for attempt in attempts[:MOST_LANES]:
        told = f"attempt {attempt.number} {_outcome(attempt)[1]}"
        wait = waits.get(id(attempt))
        if wait is not None:
            told += f", then {_of_wait(wait)}" if wait.seconds is None else f", then away for {_of_wait(wait)}"
            told += ", then dead-lettered" if wait.dead else ""
        yield told
    if len(attempts) > MOST_LANES:
        yield f"and {times(len(attempts) - MOST_LANES, 'more attempt')}"
